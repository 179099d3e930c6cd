// SPDX-License-Identifier: GPL-2.0-or-later
//
// The load of `tests/lab bench kernel` that pktgen and a script cannot make: TCP segments, and thousands of netlink
// requests without a thousand system calls. Runs in the guest, prints one number: instructions (nanoseconds of a
// machine that counts them), for the part that is measured. Built for every run: g++ -std=c++23 -O2 -static.

#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace {

[[noreturn]] void die(const char* what) {
    std::fprintf(stderr, "kernel load: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

std::uint64_t now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

// Netlink, only as much as is sent here

class Request {
public:
    Request(std::uint16_t family, std::uint8_t command, std::uint16_t flags) {
        nlmsghdr header{};
        header.nlmsg_type = family;
        header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        genlmsghdr generic{.cmd = command, .version = 1, .reserved = 0};
        append(&header, sizeof header);
        append(&generic, sizeof generic);
    }

    void put(std::uint16_t type, const void* data, std::size_t size) {
        nlattr attribute{.nla_len = static_cast<std::uint16_t>(size + sizeof(nlattr)), .nla_type = type};
        append(&attribute, sizeof attribute);
        append(data, size);
        bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
    }

    template <typename T>
    void put(std::uint16_t type, T value) {
        put(type, &value, sizeof value);
    }

    std::size_t open(std::uint16_t type) {
        std::size_t at = bytes_.size();
        nlattr attribute{.nla_len = 0, .nla_type = type};
        append(&attribute, sizeof attribute);
        return at;
    }

    void close(std::size_t at) {
        auto length = static_cast<std::uint16_t>(bytes_.size() - at);
        std::memcpy(bytes_.data() + at, &length, sizeof length);
    }

    const std::vector<char>& finish() {
        auto length = static_cast<std::uint32_t>(bytes_.size());
        std::memcpy(bytes_.data(), &length, sizeof length);
        return bytes_;
    }

private:
    void append(const void* data, std::size_t size) {
        const char* begin = static_cast<const char*>(data);
        bytes_.insert(bytes_.end(), begin, begin + size);
    }

    std::vector<char> bytes_;
};

class Family {
public:
    Family() {
        descriptor_ = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
        int size = 8 << 20;
        setsockopt(descriptor_, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
        setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
        Request ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
        ask.put(CTRL_ATTR_FAMILY_NAME, "IPVS", 5);
        transmit(ask.finish());
        std::array<char, 16384> buffer{};
        long got = recv(descriptor_, buffer.data(), buffer.size(), 0);
        for (long at = NLMSG_HDRLEN + GENL_HDRLEN; at + 4 <= got;) {
            nlattr attribute{};
            std::memcpy(&attribute, buffer.data() + at, sizeof attribute);
            if (attribute.nla_type == CTRL_ATTR_FAMILY_ID) {
                std::memcpy(&id_, buffer.data() + at + 4, sizeof id_);
            }
            at += (attribute.nla_len + 3) & ~3;
        }
        if (id_ == 0) {
            die("no family IPVS");
        }
    }

    std::uint16_t id() const { return id_; }

    // Queues a request; the last of a batch must ask for an acknowledgement.
    void queue(Request& request) {
        const std::vector<char>& bytes = request.finish();
        batch_.insert(batch_.end(), bytes.begin(), bytes.end());
        if (batch_.size() > 60'000) {
            flush();
        }
    }

    void flush() {
        if (!batch_.empty()) {
            transmit(batch_);
            batch_.clear();
        }
        while (true) {
            std::array<char, 65536> buffer{};
            long got = recv(descriptor_, buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (got < 0) {
                return;
            }
            check(buffer.data(), got);
        }
    }

    // A dump: returns the number of messages.
    unsigned long dump(Request& request) {
        transmit(request.finish());
        unsigned long messages = 0;
        std::vector<char> buffer(1 << 18);
        while (true) {
            long got = recv(descriptor_, buffer.data(), buffer.size(), 0);
            for (long at = 0; at + NLMSG_HDRLEN <= got;) {
                nlmsghdr header{};
                std::memcpy(&header, buffer.data() + at, sizeof header);
                if (header.nlmsg_type == NLMSG_DONE) {
                    return messages;
                }
                ++messages;
                at += static_cast<long>((header.nlmsg_len + 3) & ~3U);
            }
        }
    }

private:
    void transmit(const std::vector<char>& bytes) {
        if (send(descriptor_, bytes.data(), bytes.size(), 0) < 0) {
            die("send to netlink");
        }
    }

    static void check(const char* data, long size) {
        for (long at = 0; at + NLMSG_HDRLEN <= size;) {
            nlmsghdr header{};
            std::memcpy(&header, data + at, sizeof header);
            int code = 0;
            std::memcpy(&code, data + at + NLMSG_HDRLEN, sizeof code);
            if (header.nlmsg_type == NLMSG_ERROR && code != 0) {
                errno = -code;
                die("netlink request");
            }
            at += static_cast<long>((header.nlmsg_len + 3) & ~3U);
        }
    }

    int descriptor_ = -1;
    std::uint16_t id_ = 0;
    std::vector<char> batch_;
};

// Services are 172.16.0.0 + n, UDP port 80; servers 10.2.0.0 + n, in `network` of the caller's choice.

constexpr std::uint32_t service_base = 0xAC100000;

void put_address(Request& request, std::uint16_t type, std::uint32_t address) {
    std::array<std::uint8_t, 16> bytes{};
    std::uint32_t wire = htonl(address);
    std::memcpy(bytes.data(), &wire, sizeof wire);
    request.put(type, bytes.data(), bytes.size());
}

void put_service(Request& request, std::uint32_t address, const char* scheduler) {
    std::size_t nest = request.open(1);
    request.put<std::uint16_t>(1, AF_INET);
    request.put<std::uint16_t>(2, IPPROTO_UDP);
    put_address(request, 3, address);
    request.put<std::uint16_t>(4, htons(80));
    if (scheduler != nullptr) {
        request.put(6, scheduler, std::strlen(scheduler) + 1);
        request.put(7, std::array<std::uint32_t, 2>{0, 0xFFFFFFFF}.data(), 8);
        request.put<std::uint32_t>(8, 0);
        request.put<std::uint32_t>(9, 0xFFFFFFFF);
    }
    request.close(nest);
}

void put_dest(Request& request, std::uint32_t address, std::uint32_t method) {
    std::size_t nest = request.open(2);
    put_address(request, 1, address);
    request.put<std::uint16_t>(2, htons(80));
    request.put<std::uint32_t>(3, method);
    for (std::uint16_t type = 4; type <= 6; ++type) {
        request.put<std::uint32_t>(type, type == 4 ? 1 : 0);
    }
    request.put<std::uint16_t>(11, AF_INET);
    request.close(nest);
}

// services FROM COUNT
std::uint64_t add_services(Family& family, std::uint32_t from, std::uint32_t count) {
    std::uint64_t begin = now();
    for (std::uint32_t number = from; number < from + count; ++number) {
        Request request(family.id(), 1, 0);
        put_service(request, service_base + number, "rr");
        family.queue(request);
    }
    family.flush();
    return now() - begin;
}

// dests SERVICE COUNT METHOD FIRST: servers of one service, newest last
std::uint64_t add_dests(Family& family, std::uint32_t service, std::uint32_t count, std::uint32_t method, std::uint32_t first) {
    std::uint64_t begin = now();
    for (std::uint32_t number = 0; number < count; ++number) {
        Request request(family.id(), 5, 0);
        put_service(request, service_base + service, nullptr);
        put_dest(request, first + number, method);
        family.queue(request);
    }
    family.flush();
    return now() - begin;
}

// scheduler SERVICE NAME
std::uint64_t set_scheduler(Family& family, std::uint32_t service, const char* name) {
    std::uint64_t begin = now();
    Request request(family.id(), 2, 0);
    put_service(request, service_base + service, name);
    family.queue(request);
    family.flush();
    return now() - begin;
}

std::uint64_t dump_all(Family& family, std::uint32_t count, unsigned long& messages) {
    std::uint64_t begin = now();
    Request services(family.id(), 4, NLM_F_DUMP);
    messages = family.dump(services);
    for (std::uint32_t number = 0; number < count; ++number) {
        Request dests(family.id(), 8, NLM_F_DUMP);
        put_service(dests, service_base + number, nullptr);
        messages += family.dump(dests);
    }
    return now() - begin;
}

// TCP segments

std::uint16_t checksum(const std::uint8_t* data, std::size_t size, std::uint32_t sum) {
    for (std::size_t at = 0; at + 1 < size; at += 2) {
        sum += static_cast<std::uint32_t>(data[at] << 8 | data[at + 1]);
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

struct Segment {
    std::array<std::uint8_t, 128> bytes{};
    std::size_t size = 0;
};

void store16(std::uint8_t* at, std::uint32_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}

// An Ethernet frame with one segment without data from SOURCE:port to TARGET:80.
Segment segment(const std::string& mac, const char* source, const char* target, std::uint16_t port, std::uint8_t flags) {
    Segment out;
    bool six = std::strchr(source, ':') != nullptr;
    std::uint8_t* frame = out.bytes.data();
    unsigned int octets[6];
    std::sscanf(mac.c_str(), "%x:%x:%x:%x:%x:%x", octets, octets + 1, octets + 2, octets + 3, octets + 4, octets + 5);
    for (int index = 0; index < 6; ++index) {
        frame[index] = static_cast<std::uint8_t>(octets[index]);
        frame[6 + index] = static_cast<std::uint8_t>(2 + index);
    }
    store16(frame + 12, six ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
    std::uint8_t* ip = frame + 14;
    std::uint8_t* addresses = ip + (six ? 8 : 12);
    std::size_t address_size = six ? 16 : 4;
    inet_pton(six ? AF_INET6 : AF_INET, source, addresses);
    inet_pton(six ? AF_INET6 : AF_INET, target, addresses + address_size);
    if (six) {
        ip[0] = 0x60;
        store16(ip + 4, 20);
        ip[6] = IPPROTO_TCP;
        ip[7] = 64;
    } else {
        ip[0] = 0x45;
        store16(ip + 2, 40);
        ip[6] = 0x40;
        ip[8] = 64;
        ip[9] = IPPROTO_TCP;
        store16(ip + 10, checksum(ip, 20, 0));
    }
    std::uint8_t* tcp = ip + (six ? 40 : 20);
    store16(tcp, port);
    store16(tcp + 2, 80);
    tcp[12] = 0x50;
    tcp[13] = flags;
    store16(tcp + 14, 8192);
    std::uint32_t pseudo = IPPROTO_TCP + 20;
    for (std::size_t at = 0; at < 2 * address_size; at += 2) {
        pseudo += static_cast<std::uint32_t>(addresses[at] << 8 | addresses[at + 1]);
    }
    store16(tcp + 16, checksum(tcp, 20, pseudo));
    out.size = static_cast<std::size_t>(tcp + 20 - frame);
    return out;
}

// tcp DEVICE MAC SOURCE TARGET FLOWS PACKETS: establishes the flows (SYN, ACK), then sends ACKs and measures those.
std::uint64_t blast(const char* device, const char* mac, const char* source, const char* target, unsigned flows,
                    unsigned packets) {
    int descriptor = socket(AF_PACKET, SOCK_RAW, 0);
    int one = 1;
    setsockopt(descriptor, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(if_nametoindex(device));
    if (bind(descriptor, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
        die("bind a packet socket");
    }
    constexpr std::uint8_t syn = 2;
    constexpr std::uint8_t ack = 16;
    std::vector<Segment> acks;
    for (unsigned flow = 0; flow < flows; ++flow) {
        auto port = static_cast<std::uint16_t>(10'000 + flow);
        Segment opening = segment(mac, source, target, port, syn);
        acks.push_back(segment(mac, source, target, port, ack));
        if (send(descriptor, opening.bytes.data(), opening.size, 0) < 0 ||
            send(descriptor, acks.back().bytes.data(), acks.back().size, 0) < 0) {
            die("send a segment");
        }
    }
    std::uint64_t begin = now();
    for (unsigned number = 0; number < packets; ++number) {
        const Segment& next = acks[number % flows];
        if (send(descriptor, next.bytes.data(), next.size, 0) < 0) {
            die("send a segment");
        }
    }
    return now() - begin;
}

std::uint32_t number(const char* text) { return static_cast<std::uint32_t>(std::strtoul(text, nullptr, 0)); }

}  // namespace

int main(int count, char** words) {
    std::string_view what = count > 1 ? words[1] : "";
    std::uint64_t result = 0;
    if (what == "tcp" && count == 8) {
        result = blast(words[2], words[3], words[4], words[5], number(words[6]), number(words[7]));
    } else if (Family family; what == "services" && count == 4) {
        result = add_services(family, number(words[2]), number(words[3]));
    } else if (what == "dests" && count == 6) {
        result = add_dests(family, number(words[2]), number(words[3]), number(words[4]), number(words[5]));
    } else if (what == "scheduler" && count == 4) {
        result = set_scheduler(family, number(words[2]), words[3]);
    } else if (what == "fill" && count == 4) {  // fill SERVICES SERVERS-EACH
        result = add_services(family, 0, number(words[2]));
        for (std::uint32_t service = 0; service < number(words[2]); ++service) {
            result += add_dests(family, service, number(words[3]), 0, 0x0A020001);
        }
    } else if (what == "dump" && count == 3) {
        unsigned long messages = 0;
        result = dump_all(family, number(words[2]), messages);
        std::printf("%lu ", messages);
    } else {
        std::fprintf(stderr, "kernel load: what?\n");
        return 2;
    }
    std::printf("%llu\n", static_cast<unsigned long long>(result));
}
