// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs a fuzz target over files and folders given on the command line, for builds without libFuzzer. Every
// target is thereby also a test over its corpus. With -mutations=N each file is followed by N inputs made of
// it: some bytes changed, cut out, doubled. They follow from the file alone, so that a failure comes again.
// Fails when there was no input at all.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

int mutations = 0;

std::vector<char> mutated(std::vector<char> bytes, std::minstd_rand& random) {
    for (auto changes = random() % 4 + 1; changes > 0; --changes) {
        const auto at = static_cast<std::ptrdiff_t>(random() % (bytes.size() + 1));
        const auto rest = static_cast<std::ptrdiff_t>(bytes.size()) - at;
        const auto length = std::min(rest, static_cast<std::ptrdiff_t>(random() % 16));
        const std::vector<char> piece(bytes.begin() + at, bytes.begin() + at + length);
        switch (random() % 5) {
            case 0:
                bytes.erase(bytes.begin() + at, bytes.begin() + at + length);
                break;
            case 1:
                bytes.insert(bytes.begin() + at, piece.begin(), piece.end());
                break;
            case 2:
                bytes.insert(bytes.begin() + at, static_cast<char>(random()));
                break;
            default:
                if (rest > 0) bytes[static_cast<std::size_t>(at)] = static_cast<char>(random());
        }
    }
    return bytes;
}

void run_bytes(const std::vector<char>& bytes) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::size_t run_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    run_bytes(bytes);
    std::minstd_rand random(static_cast<std::uint32_t>(bytes.size()) + 1);
    for (int i = 0; i < mutations; ++i)
        run_bytes(mutated(bytes, random));
    return 1 + static_cast<std::size_t>(mutations);
}

std::size_t run_path(const std::filesystem::path& path) {
    if (!std::filesystem::is_directory(path)) return run_file(path);
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
        if (entry.is_regular_file()) count += run_file(entry.path());
    return count;
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::string_view kMutations = "-mutations=";
    std::size_t count = 0;
    for (int i = 1; i < argc; ++i)
        if (std::string_view(argv[i]).starts_with(kMutations))
            mutations = std::atoi(argv[i] + kMutations.size());
    for (int i = 1; i < argc; ++i)
        if (argv[i][0] != '-') count += run_path(argv[i]);
    std::printf("%zu inputs\n", count);
    return count == 0 ? 1 : 0;
}
