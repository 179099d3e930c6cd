// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs a fuzz target over files and folders given on the command line, for builds without libFuzzer. Every target is
// thereby also a test over its corpus. Fails when there was no input at all.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::size_t run_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    return 1;
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
    std::size_t count = 0;
    for (int i = 1; i < argc; ++i)
        if (argv[i][0] != '-') count += run_path(argv[i]);
    std::printf("%zu inputs\n", count);
    return count == 0 ? 1 : 0;
}
