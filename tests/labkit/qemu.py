# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of QEMU: what the machine is made of."""

from pathlib import Path

# mitigations=off and nokaslr: nothing hostile runs here, and addresses in an oops stay comparable.
# tsc=reliable: the emulated TSC is the host's; without it the kernel falls back to a clock that traps.
# loglevel=5: warnings, and with them what every CPU was doing when one of them is stuck.
# oops=panic panic=-1: with QEMU's -no-reboot, a broken kernel ends the machine at once.
KERNEL_COMMAND_LINE = ("console=ttyS0 loglevel=5 panic=-1 oops=panic mitigations=off nokaslr tsc=reliable no_timer_check "
                       "random.trust_cpu=on nowatchdog audit=0 apparmor=0 fstab=no systemd.gpt_auto=no net.ifnames=0")

# The debug kernel: what it complains about with a WARN or a sanitizer's report ends the machine.
DEBUG_COMMAND_LINE = " panic_on_warn=1 loglevel=7"

# Enough for what Debian's programs look for, without AVX and five-level paging, which only slow emulation down.
CPU = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand,+aes,+pclmulqdq,+rdtscp"


def command_line(options, kernel, ram_disk: int, ends: dict[str, int]) -> list[str]:
    """ends: descriptors of the machine's console and of its four ports (guest/guest.hpp)."""
    accelerator = "tcg,tb-size=256,thread=" + ("single" if options.icount else "multi")
    command = [
        "qemu-system-x86_64", "-name", "lvsd-lab", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-machine", "pc,usb=off,vmport=off,hpet=off", "-accel", accelerator, "-cpu", CPU,
        "-smp", str(1 if options.icount else options.cpus), "-m", str(options.memory),
        "-kernel", str(kernel.vmlinux), "-initrd", f"/proc/self/fd/{ram_disk}",
        "-append", KERNEL_COMMAND_LINE + (DEBUG_COMMAND_LINE if kernel.name == "debug" else ""),
        "-chardev", f"socket,id=console,fd={ends['console']}", "-serial", "chardev:console",
        "-device", "virtio-serial-pci",
    ]
    for name in ("in", "out", "err", "ctl"):
        command += ["-chardev", f"socket,id={name},fd={ends[name]}",
                    "-device", f"virtserialport,chardev={name},name=lab.{name}"]
    command += _share("host", options.root or Path("/"), "readonly=on")
    for index, directory in enumerate(options.shared):
        command += _share(f"rw{index}", directory, "readonly=off")
    if options.icount:
        command += ["-icount", "shift=0,sleep=off"]
    return command


def _share(tag: str, directory: Path, mode: str) -> list[str]:
    path = str(directory).replace(",", ",,")
    return ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap,{mode}",
            "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
