// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>

#include "load.hpp"

namespace lab {
namespace {

constexpr const char* kUsage =
    "usage: lab-load http --to IP:PORT [--path /] [--rate N] [--concurrency N] [--timeout 1s] [--report 1s]\n"
    "                     [--duration 10s]\n"
    "       lab-load udp  --to IP:PORT [--interval 1ms] [--threshold 10ms] [--report 1s] [--duration 10s]\n"
    "       lab-load echo --listen IP:PORT [--listen IP:PORT...] --id NAME\n"
    "An IPv6 address is written [ADDRESS]:PORT. Without --duration it runs until SIGINT or SIGTERM.\n"
    "http prints one JSON object per --report, one per failed request, and a last one with \"summary\": "
    "true.\n";

[[noreturn]] void wrong(const std::string& text) {
    fprintf(stderr, "lab-load: %s\n%s", text.c_str(), kUsage);
    exit(2);
}

double number(const std::string& option, const std::string& text, double least, double most) {
    char* end = nullptr;
    const double value = strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(value >= least && value <= most))
        wrong(option + " wants a number from " + std::to_string(least) + " to " + std::to_string(most));
    return value;
}

// A bare number means milliseconds.
Nanoseconds duration(const std::string& option, const std::string& text) {
    char* end = nullptr;
    const double value = strtod(text.c_str(), &end);
    const std::string unit = end;
    Nanoseconds factor = kMillisecond;
    if (unit == "us") factor = kMillisecond / 1000;
    if (unit == "s") factor = kSecond;
    const bool known = unit.empty() || unit == "ms" || unit == "us" || unit == "s";
    if (text.empty() || !known || !(value > 0 && value < 1e7))
        wrong(option + " wants a duration such as 100ms or 2s");
    return static_cast<Nanoseconds>(value * static_cast<double>(factor));
}

void take(Arguments& arguments, const std::string& option, const std::string& value) {
    if (option == "--to") {
        if (!parse_address(value, arguments.to)) wrong("--to wants IP:PORT");
    } else if (option == "--listen") {
        if (!parse_address(value, arguments.listen.emplace_back())) wrong("--listen wants IP:PORT");
    } else if (option == "--path") {
        if (value.empty() || value[0] != '/' || value.size() > 256) wrong("--path wants an absolute path");
        arguments.path = value;
    } else if (option == "--id") {
        if (value.size() > 32 || value.find_first_of("\"\\\r\n") != std::string::npos)
            wrong("--id wants a short name");
        arguments.id = value;
    } else if (option == "--rate") {
        arguments.rate = number(option, value, 0.1, 1e6);
    } else if (option == "--concurrency") {
        arguments.concurrency = static_cast<std::size_t>(number(option, value, 1, 20000));
    } else if (option == "--timeout") {
        arguments.timeout = duration(option, value);
    } else if (option == "--report") {
        arguments.report = duration(option, value);
    } else if (option == "--interval") {
        arguments.interval = duration(option, value);
    } else if (option == "--threshold") {
        arguments.threshold = duration(option, value);
    } else if (option == "--duration") {
        arguments.duration = duration(option, value);
    } else {
        wrong("unknown option " + option);
    }
}

}  // namespace

Arguments parse_arguments(int argc, char** argv) {
    Arguments arguments;
    if (argc < 2) wrong("no mode");
    arguments.mode = argv[1];
    if (arguments.mode == "--help" || arguments.mode == "-h") {
        fputs(kUsage, stdout);
        exit(0);
    }
    if (arguments.mode != "http" && arguments.mode != "udp" && arguments.mode != "echo")
        wrong("unknown mode " + arguments.mode);
    for (int index = 2; index < argc; index += 2) {
        if (index + 1 >= argc) wrong(std::string(argv[index]) + " wants a value");
        take(arguments, argv[index], argv[index + 1]);
    }
    if (arguments.mode == "echo" && arguments.listen.empty()) wrong("echo wants --listen IP:PORT");
    if (arguments.mode != "echo" && arguments.to.size == 0) wrong(arguments.mode + " wants --to IP:PORT");
    return arguments;
}

}  // namespace lab
