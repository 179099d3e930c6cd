#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Deliberate bugs that the tests must notice.

mutants.py BUILD_DIR [--table FILE] [--only NAME] [--jobs N] [--both]

Each entry of the table changes one place of one source file. The file is compiled again with the change, linked in
front of the library into the unit tests and the simulator, and at least one of them must fail; where the entry says
`sim`, the simulator must. --both runs both for every mutant and prints who noticed. Exit status 0: all were noticed.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
KILLERS = {"unit": ("unit_vrrp", ["--gtest_brief=1"]), "sim": ("vrrp_sim", ["--count", "3000"])}


class Mutant:
    def __init__(self, name, source, demands):
        self.name, self.source, self.demands = name, source, demands
        self.old, self.new = [], []


def read_table(path):
    """Entries: `## name file [sim]`, then lines starting with `-` (as it is) and `+` (as it shall be)."""
    mutants = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("## "):
            name, source, *demands = line[3:].split()
            mutants.append(Mutant(name, source, demands))
        elif line.startswith("-"):
            mutants[-1].old.append(line[1:])
        elif line.startswith("+"):
            mutants[-1].new.append(line[1:])
        elif line and not line.startswith("#"):
            sys.exit(f"{path}:{number}: what is this line?")
    return mutants


class Builder:
    def __init__(self, build):
        self.build = build
        self.out = build / "mutants"
        self.out.mkdir(exist_ok=True)
        commands = json.loads((build / "compile_commands.json").read_text())
        self.compile = {pathlib.Path(c["file"]).relative_to(ROOT).as_posix(): shlex.split(c["command"]) for c in commands}
        self.link = {target: self.link_command(target) for target, _ in KILLERS.values()}

    def link_command(self, target):
        text = subprocess.run(["ninja", "-C", self.build, "-t", "commands", target], check=True, text=True,
                              capture_output=True).stdout.splitlines()
        last = [line for line in text if f" -o bin/{target} " in line][-1]
        return shlex.split(last.split("&&")[1])

    def mutate(self, mutant):
        original = (ROOT / mutant.source).read_text()
        # Where the lines break is the formatter's business.
        place = re.compile(r"\s+".join(re.escape(word) for word in "\n".join(mutant.old).split()))
        found = place.findall(original)
        if len(found) != 1:
            raise ValueError(f"{mutant.name}: the place occurs {len(found)} times in {mutant.source}")
        changed = self.out / f"{mutant.name}.cpp"
        changed.write_text(original.replace(found[0], "\n".join(mutant.new)))
        return changed

    def compile_mutant(self, mutant):
        source, target = self.mutate(mutant), self.out / f"{mutant.name}.o"
        command = [word for word in self.compile[mutant.source] if not word.startswith("-fsanitize=")]
        command[command.index("-o") + 1] = str(target)
        command[-1] = str(source)
        command += ["-O1", "-Wno-error", "-w"]
        subprocess.run(command, check=True, cwd=self.build)
        return target

    def link_mutant(self, mutant, target, compiled):
        program = self.out / f"{mutant.name}.{target}"
        command = list(self.link[target])
        place = command.index("-o")
        command[place + 1] = str(program)
        command.insert(place, str(compiled))  # before the library, so that the library's own object is not taken
        subprocess.run(command, check=True, cwd=self.build)
        return program


def noticed(builder, mutant, compiled, who):
    target, arguments = KILLERS[who]
    program = builder.link_mutant(mutant, target, compiled)
    try:
        status = subprocess.run([program, *arguments], capture_output=True, timeout=120).returncode
    except subprocess.TimeoutExpired:
        status = "timeout"
    program.unlink()
    return status != 0


def try_one(builder, mutant, both):
    compiled = builder.compile_mutant(mutant)
    result = {}
    for who in KILLERS:
        if both or who in mutant.demands or not any(result.values()):
            result[who] = noticed(builder, mutant, compiled, who)
    compiled.unlink()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--table", type=pathlib.Path, default=ROOT / "tests/lint/mutants.txt")
    parser.add_argument("--only")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--both", action="store_true")
    options = parser.parse_args()
    mutants = [m for m in read_table(options.table) if options.only in (None, m.name)]
    builder = Builder(options.build.resolve())
    survivors = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for mutant, result in zip(mutants, pool.map(lambda m: try_one(builder, m, options.both), mutants)):
            fine = any(result.values()) and all(result[d] for d in mutant.demands)
            survivors += not fine
            said = ", ".join(f"{who} {'noticed' if yes else 'did not notice'}" for who, yes in result.items())
            print(f"{'ok ' if fine else 'BAD'} {mutant.name}: {said}")
    print(f"{len(mutants)} mutants, {survivors} survived")
    return 1 if survivors or not mutants else 0


if __name__ == "__main__":
    sys.exit(main())
