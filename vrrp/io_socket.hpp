// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp_io: the raw sockets. Speaker thread only.
#pragma once

#include <span>

#include "vrrp/io.hpp"
#include "vrrp/io_fd.hpp"

namespace lvs::vrrp::io {

// A received packet; points into the socket's buffer until the next receive.
struct Datagram {
    Envelope envelope;
    std::span<const std::uint8_t> message;
};

// Adverts of one family on one interface, sent and received.
class AdvertSocket {
public:
    [[nodiscard]] static Result<AdvertSocket> open(Family family, int index, const std::string& interface);
    [[nodiscard]] int fd() const { return fd_.get(); }

    // Lets the kernel drop adverts of routers that are not ours.
    void only(std::span<const std::uint8_t> vrids);

    // 0 or an errno.
    int send(const IpAddress& source, const IpAddress& destination, std::span<const std::uint8_t> message);
    // False when nothing is waiting. A packet that is not even an IP packet yields its reason.
    [[nodiscard]] bool receive(std::expected<Datagram, Discard>& out);

private:
    [[nodiscard]] Result<void> set_up(const std::string& interface);
    [[nodiscard]] int join();

    Fd fd_;
    Family family_ = Family::ipv4;
    int index_ = 0;
    std::vector<std::uint8_t> buffer_;
};

// Sends whole Ethernet frames; receives nothing.
class FrameSocket {
public:
    [[nodiscard]] Result<void> open();
    // Sends up to kBatch frames, returns how many went out, at least one, or an errno.
    static constexpr std::size_t kBatch = 64;
    struct Frame {
        std::array<std::uint8_t, kNaSize> bytes;
        std::size_t size = 0;
    };
    std::expected<std::size_t, int> send(int index, std::span<const Frame> frames);
    int send_one(int index, std::span<const std::uint8_t> frame);  // 0 or an errno

private:
    Fd fd_;
};

}  // namespace lvs::vrrp::io
