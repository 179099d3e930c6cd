// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvs/session.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace lvs::ipvs {
namespace {

Error explain_missing() {
    return {std::make_error_code(std::errc::protocol_not_supported),
            "ipvs: the kernel has no IPVS: run `modprobe ip_vs`; if there is no such module, install one "
            "built for "
            "this kernel (in a container: load it on the host)"};
}

}  // namespace

Error explain(const Error& error) {
    if (error.code == std::errc::operation_not_permitted)
        return {error.code, "ipvs: the table needs CAP_NET_ADMIN, and that outside of any user namespace"};
    return {error.code, "ipvs: " + error.context};
}

Error explain(const Command& command, const Error& error) {
    const bool no_scheduler =
        !is_dest_verb(command.verb) && error.code == std::errc::no_such_file_or_directory;
    const auto hint = no_scheduler ? fmt::format(": the kernel has no scheduler \"{0}\" (modprobe ip_vs_{0})",
                                                 command.service_settings.scheduler)
                                   : std::string();
    const auto words = error.context == "netlink" ? std::string() : ": " + error.context;
    return {error.code, fmt::format("ipvs: {}{}{}", to_string(command), words, hint)};
}

Session::Session(asio::io_context& loop, Transport::Options options, bool load_module, Watch::Open open_watch)
    : loop_(loop),
      load_module_(load_module),
      transport_(std::make_shared<Transport>(loop, std::move(options))),
      watch_(std::make_shared<Watch>(loop, std::move(open_watch))) {
    watch_->on_news([this](const News& news) { on_news(news); });
}

void Session::enqueue(std::shared_ptr<Operation> operation) {
    if (closed_) return;
    operations_.push_back(std::move(operation));
    if (operations_.size() == 1) start_front();
}

void Session::next() {
    if (!operations_.empty()) operations_.pop_front();
    if (!operations_.empty()) start_front();
}

void Session::close() {
    closed_ = true;
    watch_->close();
    transport_->close();
    operations_.clear();
}

void Session::start_front() {
    asio::post(loop_, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self || self->operations_.empty()) return;
        const auto operation = self->operations_.front();  // stays alive while it runs
        operation->run();
    });
}

void Session::ask(Encoder encode, MessageHandler on_message, DoneHandler on_done, bool is_dump) {
    ask_family([this] { return family_; }, std::move(encode), std::move(on_message), std::move(on_done),
               is_dump);
}

void Session::ask_extension(Encoder encode, MessageHandler on_message, DoneHandler on_done) {
    ask_family([this] { return extension_.id; }, std::move(encode), std::move(on_message), std::move(on_done),
               false);
}

void Session::ask_family(std::function<std::uint16_t()> number, Encoder encode, MessageHandler on_message,
                         DoneHandler on_done, bool is_dump) {
    Request request;
    request.encode = [number = std::move(number), encode = std::move(encode)](std::uint32_t sequence,
                                                                              codec::Bytes& out) {
        encode({.family = number(), .sequence = sequence}, out);
    };
    request.on_message = std::move(on_message);
    request.on_done = std::move(on_done);
    request.is_dump = is_dump;
    transport_->send(std::move(request));
}

// ---- which module this is -------------------------------------------------------------------------------

void Session::with_family(DoneHandler then) {
    if (is_resolved_) return then({});
    watch_->open();  // before asking, so that no exchange of the module is missed
    resolve(std::move(then));
}

void Session::resolve(DoneHandler then) {
    family_ = 0;
    const auto encode = [](const codec::Header& header, codec::Bytes& out) {
        codec::encode_resolve(header.sequence, "IPVS", out);
    };
    const auto on_message = [this](const codec::Message& message) {
        if (const auto found = codec::parse_family(message)) family_ = found->id;
    };
    ask(encode, on_message,
        [this, then = std::move(then)](const Result<void>& result) { on_resolved(result, then); });
}

void Session::on_resolved(const Result<void>& result, const DoneHandler& then) {
    if (result && family_ != 0) {
        tried_modprobe_ = false;  // should the module go away later, we may try again
        return resolve_extension(then);
    }
    if (!result && result.error().code != std::errc::no_such_file_or_directory)
        return then(std::unexpected(explain(result.error())));
    if (!load_module_ || tried_modprobe_) return then(std::unexpected(explain_missing()));
    try_modprobe(then);
}

// Not finding it is no trouble: then it is the kernel's own module, and everything goes without.
void Session::resolve_extension(const DoneHandler& then) {
    const auto encode = [](const codec::Header& header, codec::Bytes& out) {
        codec::encode_resolve(header.sequence, codec::kExtension, out);
    };
    extension_ = {};
    watch_->leave_changes();
    const auto on_message = [this](const codec::Message& message) {
        extension_ = codec::parse_family(message).value_or(codec::GenericFamily{});
    };
    ask(encode, on_message, [this, then](const Result<void>&) {
        is_resolved_ = true;
        listen();
        then({});
    });
}

void Session::listen() {
    if (has_extension()) watch_->join_changes(extension_.events);
}

void Session::stop_listening() {
    watch_->leave_changes();
}

// Another module has come: its families have other numbers, and its table is empty.
void Session::on_news(const News& news) {
    const auto is_new = [this](std::uint16_t id) { return id != family_ && id != extension_.id; };
    const bool replaced = std::ranges::any_of(news.families, is_new);
    if (replaced) forget_family();
    if (!on_changes_) return;
    if (replaced || news.lost || !news.changes.empty())
        on_changes_({.lost = news.lost || replaced, .changes = news.changes});
}

void Session::try_modprobe(const DoneHandler& then) {
    tried_modprobe_ = true;
    run_modprobe(loop_, "ip_vs", [weak = weak_from_this(), then] {
        const auto self = weak.lock();
        if (self && !self->closed_) self->resolve(then);
    });
}

}  // namespace lvs::ipvs
