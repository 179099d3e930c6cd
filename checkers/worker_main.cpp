// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvsd-checker: the worker process that runs health checks. Started by lvsd, with its link as file descriptor 3; of no
// use by itself.
//
//   lvsd-checker --parent PID [--user UID --group GID]
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "checkers/sandbox.hpp"
#include "checkers/worker.hpp"

namespace {

using namespace lvs::checkers;
using lvs::Result;

constexpr int kLink = 3;
constexpr std::uint32_t kWantedFiles = 262'144;

struct Arguments {
    pid_t parent = 0;
    Identity identity;
};

std::optional<Arguments> parse_arguments(int argc, char** argv) {
    Arguments out;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i];
        const auto value = lvs::parse_number(argv[i + 1]);
        if (!value || *value > 0xffff'fffe) return std::nullopt;
        if (name == "--parent") {
            out.parent = static_cast<pid_t>(*value);
        } else if (name == "--user") {
            out.identity.user = static_cast<uid_t>(*value);
        } else if (name == "--group") {
            out.identity.group = static_cast<gid_t>(*value);
        } else {
            return std::nullopt;
        }
    }
    if (argc % 2 == 0 || out.parent == 0 || out.identity.user == 0) return std::nullopt;
    return out;
}

bool is_link(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

Result<void> serve(const Arguments& arguments) {
    static_cast<void>(close_range(kLink + 1, ~0U, 0));
    const auto max_files = raise_file_limit(kWantedFiles);
    if (auto dropped = drop_privileges(arguments.identity, arguments.parent); !dropped) return dropped;
    Worker worker{Fd(kLink)};
    if (auto opened = worker.open(max_files); !opened) return opened;
    if (auto closed = close_sandbox(); !closed) return closed;
    return worker.run();
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = parse_arguments(argc, argv);
    if (!arguments || !is_link(kLink)) {
        std::fprintf(stderr, "lvsd-checker is started by lvsd, see lvsd(8)\n");
        return 2;
    }
    const auto served = serve(*arguments);
    if (!served) std::fprintf(stderr, "lvsd-checker: %s\n", lvs::to_string(served.error()).c_str());
    std::fflush(stderr);
    // No destructors of static objects: what they might call is not all allowed any more.
    _exit(served ? 0 : 1);
}
