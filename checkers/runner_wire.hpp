// SPDX-License-Identifier: GPL-2.0-or-later
//
// The language between the daemon and its runner: datagrams on a SOCK_SEQPACKET pair, as wire.hpp's.
//
//   daemon -> runner   Start (a program), Kill (it), Watch (a file), Unwatch (it)
//   runner -> daemon   Hello (first message), Ended (of a program), FileRead (what a watched file holds now),
//                      Alive (once a second)
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "checkers/command.hpp"

namespace lvs::checkers::runner_wire {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kMaxPath = 4096;

struct Start {
    std::uint32_t job = 0;
    Command command;
    friend bool operator==(const Start&, const Start&) = default;
};
struct Kill {
    std::uint32_t job = 0;
    friend bool operator==(const Kill&, const Kill&) = default;
};
struct Watch {
    std::uint32_t watch = 0;
    std::string path;
    friend bool operator==(const Watch&, const Watch&) = default;
};
struct Unwatch {
    std::uint32_t watch = 0;
    friend bool operator==(const Unwatch&, const Unwatch&) = default;
};
using ToRunner = std::variant<Start, Kill, Watch, Unwatch>;

struct Hello {
    std::uint32_t version = kVersion;
    friend bool operator==(const Hello&, const Hello&) = default;
};
struct Ended {
    std::uint32_t job = 0;
    CommandEnd end;
    friend bool operator==(const Ended&, const Ended&) = default;
};
struct FileRead {
    std::uint32_t watch = 0;
    FileText file;
    friend bool operator==(const FileRead&, const FileRead&) = default;
};
struct Alive {
    friend bool operator==(const Alive&, const Alive&) = default;
};
using FromRunner = std::variant<Hello, Ended, FileRead, Alive>;

using Bytes = std::vector<std::uint8_t>;
[[nodiscard]] Bytes encode(const ToRunner& message);
[[nodiscard]] Bytes encode(const FromRunner& message);
[[nodiscard]] Result<ToRunner> decode_to_runner(std::span<const std::uint8_t> bytes);
[[nodiscard]] Result<FromRunner> decode_from_runner(std::span<const std::uint8_t> bytes);

}  // namespace lvs::checkers::runner_wire
