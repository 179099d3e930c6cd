// SPDX-License-Identifier: GPL-2.0-or-later
//
// A kernel at the other end of a socket pair: it speaks the netlink protocol of IPVS over the model of
// ipvs.hpp. What real kernels do wrong on bad days (lost answers, modules that go away, tables that change
// during a dump) is a knob. It lives on the loop of the test.
#pragma once

#include <gtest/gtest.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <list>

#include "ipvs/codec.hpp"
#include "ipvs/kmod/uapi/lvsd_ipvs.h"
#include "ipvs/netlink.hpp"

namespace lvs::ipvs::test {

class FakeKernel {
public:
    explicit FakeKernel(asio::io_context& loop) : loop_(loop) {}

    Table table;
    std::uint16_t family = 40;                                   // 0: no such family
    int swallow = 0;                                             // requests to leave without an answer
    int interrupt_dumps = 0;                                     // dumps to mark as not consistent
    int permission_error = 0;                                    // answered to every command
    std::string missing_scheduler;                               // ENOENT for it
    std::function<void(std::uint8_t command)> before_request{};  // sees every IPVS request first

    // Our module, with LVSD_IPVS: 0 = the kernel's own.
    std::uint16_t extension = 0;
    Generation generation = 1;
    bool lose_events = false;                                // ENOBUFS of the listener
    std::function<int(const ServiceKey&)> refuse_step{};     // errno for a step of a batch
    std::function<int(const ServiceKey&)> refuse_command{};  // and for a command of IPVS
    std::size_t batches = 0, steps = 0;

    // What somebody else does, told to whoever listens.
    void vandalise(const ServiceKey& key, std::optional<Service> service) {
        table.erase(key);
        if (service) table.emplace(key, std::move(*service));
        tell(key);
    }

    std::size_t largest_batch = 0;
    std::size_t requests = 0;
    std::size_t connections = 0;

    Result<int> connect() {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
            return fail_errno(errno, "socketpair");
        ++connections;
        sockets_.emplace_back(loop_, ends[0]);
        listen(sockets_.back());
        return ends[1];
    }

    Result<int> connect_watch() {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
            return fail_errno(errno, "socketpair");
        listener_.emplace(loop_, ends[0]);
        return ends[1];
    }

    void tell(const ServiceKey& key) {
        ++generation;
        if (extension == 0 || !listener_ || lose_events) return;
        codec::Bytes service;
        codec::encode_get_service({.family = extension, .sequence = 0}, key, service);
        codec::Bytes message(service.begin(), service.begin() + NLMSG_HDRLEN + GENL_HDRLEN);
        message[NLMSG_HDRLEN] = LVSD_IPVS_CMD_EVENT;
        append(message, LVSD_IPVS_ATTR_GENERATION, generation);
        append(message, LVSD_IPVS_ATTR_EVENT, std::uint32_t{LVSD_IPVS_EVENT_SERVICE_CHANGED});
        const auto nest = message.size();  // the nest of IPVS, with our number
        message.insert(message.end(), service.begin() + NLMSG_HDRLEN + GENL_HDRLEN, service.end());
        const std::uint16_t type = LVSD_IPVS_ATTR_SERVICE;
        std::memcpy(message.data() + nest + 2, &type, sizeof type);
        finish(message);
        (void)::send(listener_->native_handle(), message.data(), message.size(), MSG_NOSIGNAL);
    }

private:
    template <class T>
    static void append(codec::Bytes& message, std::uint16_t type, T value) {
        const nlattr head{static_cast<std::uint16_t>(NLA_HDRLEN + sizeof value), type};
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&head);
        message.insert(message.end(), bytes, bytes + sizeof head);
        bytes = reinterpret_cast<const std::uint8_t*>(&value);
        message.insert(message.end(), bytes, bytes + sizeof value);
    }
    static void finish(codec::Bytes& message) {
        const auto length = static_cast<std::uint32_t>(message.size());
        std::memcpy(message.data(), &length, sizeof length);
    }

    void answer_extension(std::uint8_t command, std::optional<Generation> number,
                          std::optional<std::uint32_t> step) {
        codec::Bytes message(NLMSG_HDRLEN + GENL_HDRLEN);
        const nlmsghdr header{0, extension, 0, reply_header_.sequence, 0};
        std::memcpy(message.data(), &header, sizeof header);
        message[NLMSG_HDRLEN] = command;
        if (number) append(message, LVSD_IPVS_ATTR_GENERATION, *number);
        if (step) append(message, LVSD_IPVS_ATTR_STEP, *step);
        finish(message);
        out_.push_back(message);
    }

    int serve_extension(const codec::Message& request) {
        if (before_request) before_request(static_cast<std::uint8_t>(100 + request.command));
        if (request.command == LVSD_IPVS_CMD_GET_GENERATION) {
            answer_extension(request.command, generation, std::nullopt);
            return 0;
        }
        return request.command == LVSD_IPVS_CMD_BATCH ? run_batch(request.attributes) : EOPNOTSUPP;
    }

    // All steps or none, as the uapi header says.
    int run_batch(std::span<const std::uint8_t> bytes) {
        ++batches;
        auto next = table;
        std::vector<ServiceKey> changed;
        std::uint32_t step = 0;
        const auto* head = reinterpret_cast<const nlattr*>(bytes.data());
        int rest = static_cast<int>(bytes.size());
        nlattr* each = nullptr;
        nla_for_each_attr(each, const_cast<nlattr*>(head), rest, rest) {
            const auto type = nla_type(each);
            if (type == LVSD_IPVS_ATTR_EXPECT && nla_get_u64(each) != generation) return ESTALE;
            if (type == LVSD_IPVS_ATTR_EXPECT) continue;
            // As the message of IPVS that has the same nest.
            codec::Bytes nest(NLA_ALIGN(each->nla_len));
            std::memcpy(nest.data(), each, each->nla_len);
            const std::uint16_t as =
                type == LVSD_IPVS_ATTR_SERVER ? IPVS_CMD_ATTR_DEST : IPVS_CMD_ATTR_SERVICE;
            std::memcpy(nest.data() + 2, &as, sizeof as);
            codec::Message message;
            message.attributes = nest;
            if (type == LVSD_IPVS_ATTR_SERVER) {
                const auto dest = codec::parse_dest(message, family_of(changed.back()));
                if (!dest) return EINVAL;
                next[changed.back()].dests[dest->first].settings = dest->second.settings;
                continue;
            }
            const auto service = codec::parse_service(message);
            if (!service) return EINVAL;
            changed.push_back(service->first);
            if (const int error = refuse_step ? refuse_step(service->first) : 0) {
                answer_extension(LVSD_IPVS_CMD_BATCH, std::nullopt, step);
                return error;
            }
            ++step;
            next.erase(service->first);
            if (type == LVSD_IPVS_ATTR_SERVICE_REPLACE)
                next[service->first].settings = service->second.settings;
        }
        table = std::move(next);
        steps += step;
        for (const auto& key : changed)
            tell(key);
        answer_extension(LVSD_IPVS_CMD_BATCH, generation, std::nullopt);
        return 0;
    }

    void listen(asio::posix::stream_descriptor& socket) {
        socket.async_wait(asio::posix::stream_descriptor::wait_read, [this, &socket](error_code error) {
            if (!error && serve(socket)) listen(socket);
        });
    }

    bool serve(asio::posix::stream_descriptor& socket) {
        codec::Bytes bytes(256 * 1024);
        const auto size = ::recv(socket.native_handle(), bytes.data(), bytes.size(), 0);
        if (size <= 0) return size < 0 && errno == EAGAIN;
        std::size_t batch = 0;
        dumps_in_batch_ = 0;
        for (std::size_t at = 0; at < static_cast<std::size_t>(size); ++batch) {
            nlmsghdr header{};
            std::memcpy(&header, bytes.data() + at, sizeof header);
            answer(socket, header, {bytes.data() + at, header.nlmsg_len});
            at += NLMSG_ALIGN(header.nlmsg_len);
        }
        largest_batch = std::max(largest_batch, batch);
        requests += batch;
        return true;
    }

    void answer(asio::posix::stream_descriptor& socket, const nlmsghdr& header,
                std::span<const std::uint8_t> bytes) {
        out_.clear();
        auto rest = bytes;
        const auto request = codec::next_message(rest);
        reply_header_ = {.family = header.nlmsg_type, .sequence = header.nlmsg_seq};
        const bool dump = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
        if (swallow > 0) {
            --swallow;
            return;
        }
        int error = 0;
        if (header.nlmsg_type == GENL_ID_CTRL)
            error = resolve(*request);
        else if (extension != 0 && header.nlmsg_type == extension)
            error = serve_extension(*request);
        else if (header.nlmsg_type != family || family == 0)
            error = ENOENT;
        else if (dump && ++dumps_in_batch_ > 1)
            error = EBUSY;  // the kernel runs one dump at a time
        else
            error = serve_request(*request, dump);
        const bool finished_dump = dump && error == 0;
        put_status(finished_dump ? NLMSG_DONE : NLMSG_ERROR, error);
        send_packed(socket);
    }

    // Many messages per packet, as the kernel fills its dumps.
    void send_packed(asio::posix::stream_descriptor& socket) {
        codec::Bytes packet;
        const auto send = [&] {
            const auto sent = ::send(socket.native_handle(), packet.data(), packet.size(), MSG_NOSIGNAL);
            EXPECT_TRUE(sent >= 0 || errno == EPIPE) << "the fake lost an answer: " << std::strerror(errno);
            packet.clear();
        };
        for (const auto& message : out_) {
            packet.insert(packet.end(), message.begin(), message.end());
            if (packet.size() > 16 * 1024) send();
        }
        if (!packet.empty()) send();
    }

    int serve_request(const codec::Message& request, bool dump) {
        if (before_request) before_request(request.command);
        if (request.command == IPVS_CMD_GET_SERVICE) return dump ? dump_services() : get_service(request);
        if (request.command == IPVS_CMD_GET_DEST) return dump_dests(request);
        if (request.command == IPVS_CMD_GET_INFO) return put_numbers(IPVS_CMD_SET_INFO, {0x010201, 4096});
        if (request.command == IPVS_CMD_GET_CONFIG)
            return put_numbers(IPVS_CMD_SET_CONFIG, {900, 120, 300}, IPVS_CMD_ATTR_TIMEOUT_TCP);
        if (permission_error != 0) return permission_error;
        const int error = change(request);
        if (const auto named = codec::parse_service(request); error == 0 && named) tell(named->first);
        return error;
    }

    int resolve(const codec::Message& request) {
        std::array<nlattr*, CTRL_ATTR_MAX + 1> found{};
        const auto& bytes = request.attributes;
        (void)nla_parse(found.data(), CTRL_ATTR_MAX,
                        reinterpret_cast<nlattr*>(const_cast<std::uint8_t*>(bytes.data())),
                        static_cast<int>(bytes.size()), nullptr);
        const auto* name = found[CTRL_ATTR_FAMILY_NAME];
        const bool wants_extension = name != nullptr && codec::kExtension == nla_get_string(name);
        const auto number = wants_extension ? extension : family;
        if (number == 0) return ENOENT;
        codec::Bytes message(NLMSG_HDRLEN + GENL_HDRLEN + 8);
        const nlmsghdr header{static_cast<std::uint32_t>(message.size()), GENL_ID_CTRL, 0,
                              reply_header_.sequence, 0};
        std::memcpy(message.data(), &header, sizeof header);
        const nlattr attribute{NLA_HDRLEN + sizeof number, CTRL_ATTR_FAMILY_ID};
        std::memcpy(message.data() + NLMSG_HDRLEN + GENL_HDRLEN, &attribute, sizeof attribute);
        std::memcpy(message.data() + NLMSG_HDRLEN + GENL_HDRLEN + NLA_HDRLEN, &number, sizeof number);
        out_.push_back(message);
        return 0;
    }

    // Numbers as consecutive u32 attributes, the shape of the answers to GET_INFO and GET_CONFIG.
    int put_numbers(std::uint8_t command, std::initializer_list<std::uint32_t> values,
                    std::uint16_t first = 1) {
        codec::Bytes message(NLMSG_HDRLEN + GENL_HDRLEN + 8 * values.size());
        const nlmsghdr header{static_cast<std::uint32_t>(message.size()), family, 0, reply_header_.sequence,
                              0};
        std::memcpy(message.data(), &header, sizeof header);
        message[NLMSG_HDRLEN] = command;
        std::size_t at = NLMSG_HDRLEN + GENL_HDRLEN;
        for (const auto value : values) {
            const nlattr attribute{NLA_HDRLEN + sizeof value, first++};
            std::memcpy(message.data() + at, &attribute, sizeof attribute);
            std::memcpy(message.data() + at + NLA_HDRLEN, &value, sizeof value);
            at += 8;
        }
        out_.push_back(message);
        return 0;
    }

    void put_status(std::uint16_t type, int error) {
        codec::Bytes message(NLMSG_HDRLEN + sizeof(nlmsgerr));
        const nlmsghdr header{static_cast<std::uint32_t>(message.size()), type, 0, reply_header_.sequence, 0};
        std::memcpy(message.data(), &header, sizeof header);
        const int value = -error;
        std::memcpy(message.data() + NLMSG_HDRLEN, &value, sizeof value);
        out_.push_back(message);
    }

    void put_command(const Command& command, std::uint16_t flags) {
        codec::Bytes message;
        codec::encode_command(reply_header_, command, message);
        std::memcpy(message.data() + offsetof(nlmsghdr, nlmsg_flags), &flags, sizeof flags);
        out_.push_back(message);
    }

    void put_service(const ServiceKey& key, std::uint16_t flags) {
        put_command({Verb::add_service, key, table.at(key).settings, {}, {}}, flags);
    }

    int dump_services() {
        const bool interrupt = interrupt_dumps > 0;
        if (interrupt) --interrupt_dumps;
        for (const auto& [key, service] : table)
            put_service(key, static_cast<std::uint16_t>(NLM_F_MULTI | (interrupt ? NLM_F_DUMP_INTR : 0)));
        return 0;
    }

    int get_service(const codec::Message& request) {
        const auto named = codec::parse_service(request);
        if (!named) return EINVAL;
        if (!table.contains(named->first)) return ESRCH;
        put_service(named->first, 0);
        return 0;
    }

    int dump_dests(const codec::Message& request) {
        const auto named = codec::parse_service(request);
        if (!named || !table.contains(named->first)) return 0;  // an empty dump, as the kernel does
        for (const auto& [dest, values] : table.at(named->first).dests)
            put_command({Verb::add_dest, named->first, {}, dest, values.settings}, NLM_F_MULTI);
        return 0;
    }

    int change(const codec::Message& request) {
        const auto service = codec::parse_service(request);
        if (!service) return EINVAL;
        if (const int error = refuse_command ? refuse_command(service->first) : 0) return error;
        if (!missing_scheduler.empty() && service->second.settings.scheduler == missing_scheduler)
            return ENOENT;
        Command command{.verb = static_cast<Verb>(0),
                        .service = service->first,
                        .service_settings = service->second.settings,
                        .dest = {},
                        .dest_settings = {}};
        switch (request.command) {
            case IPVS_CMD_NEW_SERVICE:
                command.verb = Verb::add_service;
                break;
            case IPVS_CMD_SET_SERVICE:
                command.verb = Verb::set_service;
                break;
            case IPVS_CMD_DEL_SERVICE:
                command.verb = Verb::delete_service;
                break;
            case IPVS_CMD_NEW_DEST:
                command.verb = Verb::add_dest;
                break;
            case IPVS_CMD_SET_DEST:
                command.verb = Verb::set_dest;
                break;
            case IPVS_CMD_DEL_DEST:
                command.verb = Verb::delete_dest;
                break;
            default:
                return EOPNOTSUPP;
        }
        if (is_dest_verb(command.verb)) {
            const auto dest = codec::parse_dest(request, family_of(command.service));
            if (!dest) return EINVAL;
            command.dest = dest->first;
            command.dest_settings = dest->second.settings;
        }
        return static_cast<int>(execute(command, table));
    }

    asio::io_context& loop_;
    std::list<asio::posix::stream_descriptor> sockets_;
    std::optional<asio::posix::stream_descriptor> listener_;
    codec::Header reply_header_;
    std::size_t dumps_in_batch_ = 0;
    std::vector<codec::Bytes> out_;
};

}  // namespace lvs::ipvs::test
