// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvs/netlink.hpp"

#include "ipvs/operations.hpp"

namespace lvs::ipvs {
namespace {

// ---- reading --------------------------------------------------------------------------------------------

constexpr int kAttempts = 3;  // when the table or the module changes while it is read

// Services first (all in one dump, or each by its key), then the servers of each. The kernel says nothing
// about servers of a service that went away in between: an empty answer. So a service that seems to have none
// is asked for again and left out when it is gone.
class Read final : public Session::Operation, public std::enable_shared_from_this<Read> {
public:
    Read(Session& session, Scope scope, ReadHandler handler)
        : session_(session), scope_(std::move(scope)), handler_(std::move(handler)) {}

    void run() override {
        ++attempt_;
        table_.clear();
        failure_.reset();
        generation_.reset();
        session_.with_family([self = shared_from_this()](const Result<void>& found) {
            if (!found) return self->finish(std::unexpected(found.error()));
            self->session_.has_extension() ? self->ask_generation() : self->read_table();
        });
    }

private:
    using Step = void (Read::*)(const ServiceKey&);
    using Then = void (Read::*)();

    void read_table() { scope_ ? read_named() : read_all(); }

    // What is read after this is at least as new.
    void ask_generation() {
        session_.ask_extension(
            codec::encode_get_generation,
            [self = shared_from_this()](const codec::Message& message) {
                self->generation_ = codec::parse_extension(message).generation;
            },
            [self = shared_from_this()](const Result<void>& result) {
                self->note(result);
                self->failure_ ? self->conclude() : self->read_table();
            });
    }

    void read_all() {
        session_.ask(
            codec::encode_get_services,
            [self = shared_from_this()](const codec::Message& message) { self->take_service(message); },
            [self = shared_from_this()](const Result<void>& result) {
                self->note(result);
                self->read_dests();
            },
            true);
    }

    void read_named() { for_each({scope_->begin(), scope_->end()}, &Read::ask_service, &Read::read_dests); }

    void read_dests() {
        std::vector<ServiceKey> keys;
        for (const auto& [key, service] : table_)
            keys.push_back(key);
        for_each(std::move(keys), &Read::ask_dests, &Read::confirm_empty);
    }

    void confirm_empty() {
        std::vector<ServiceKey> keys;
        for (const auto& [key, service] : table_)
            if (service.dests.empty()) keys.push_back(key);
        for (const auto& key : keys)
            table_.erase(key);
        for_each(std::move(keys), &Read::ask_service, &Read::conclude);
    }

    void conclude() {
        if (!failure_) return finish(std::move(table_));
        const bool unknown_family = failure_->code == std::errc::no_such_file_or_directory;
        if (unknown_family) session_.forget_family();
        const bool again = unknown_family || failure_->code == std::errc::interrupted ||
                           failure_->code == std::errc::no_buffer_space ||
                           failure_->code == std::errc::device_or_resource_busy;
        if (again && attempt_ < kAttempts) return run();
        finish(std::unexpected(explain(*failure_)));
    }

    // Runs `step` for every key with a bounded number of questions open, then `then`. After a failure what is
    // left is not asked for.
    void for_each(std::vector<ServiceKey> keys, Step step, Then then) {
        keys_ = std::move(keys);
        next_ = 0;
        step_ = step;
        then_ = then;
        open_ = 0;
        continue_steps();
    }

    void continue_steps() {
        if (failure_) next_ = keys_.size();
        while (next_ < keys_.size() && open_ < session_.window()) {
            ++open_;
            (this->*step_)(keys_[next_++]);
        }
        if (open_ == 0) (this->*then_)();
    }

    void ask_service(const ServiceKey& key) {
        session_.ask(
            [key](const codec::Header& header, codec::Bytes& out) {
                codec::encode_get_service(header, key, out);
            },
            [self = shared_from_this()](const codec::Message& message) { self->take_service(message); },
            [self = shared_from_this()](const Result<void>& result) {
                const bool absent = !result && result.error().code == std::errc::no_such_process;
                self->step_done(absent ? Result<void>{} : result);
            });
    }

    void ask_dests(const ServiceKey& key) {
        session_.ask([key](const codec::Header& header,
                           codec::Bytes& out) { codec::encode_get_dests(header, key, out); },
                     [self = shared_from_this(), key](const codec::Message& message) {
                         self->take_dest(key, message);
                     },
                     [self = shared_from_this()](const Result<void>& result) { self->step_done(result); },
                     true);
    }

    void step_done(const Result<void>& result) {
        --open_;
        note(result);
        continue_steps();
    }

    // An entry that cannot be read was not written by us; leaving it out leaves it alone.
    void take_service(const codec::Message& message) {
        auto parsed = codec::parse_service(message);
        if (parsed) table_.insert(std::move(*parsed));
    }
    void take_dest(const ServiceKey& key, const codec::Message& message) {
        auto parsed = codec::parse_dest(message, family_of(key));
        if (parsed) table_[key].dests.insert(std::move(*parsed));
    }

    void note(const Result<void>& result) {
        if (!result && !failure_) failure_ = result.error();
    }

    void finish(Result<Table> result) {
        const auto self = shared_from_this();
        session_.next();
        handler_(std::move(result), generation_);
    }

    Session& session_;
    Scope scope_;
    ReadHandler handler_;
    Table table_;
    std::optional<Generation> generation_;
    std::optional<Error> failure_;
    int attempt_ = 0;
    std::vector<ServiceKey> keys_;
    std::size_t next_ = 0;
    std::size_t open_ = 0;
    Step step_ = nullptr;
    Then then_ = nullptr;
};

// ---- single questions -----------------------------------------------------------------------------------

template <class T>
class Query final : public Session::Operation, public std::enable_shared_from_this<Query<T>> {
public:
    using Encode = void (*)(const codec::Header&, codec::Bytes&);
    using Parse = Result<T> (*)(const codec::Message&);
    Query(Session& session, Encode encode, Parse parse, std::function<void(Result<T>)> handler)
        : session_(session), encode_(encode), parse_(parse), handler_(std::move(handler)) {}

    void run() override {
        session_.with_family([self = this->shared_from_this()](const Result<void>& found) {
            if (!found) return self->finish(std::unexpected(found.error()));
            self->ask();
        });
    }

private:
    void ask() {
        session_.ask(
            encode_,
            [self = this->shared_from_this()](const codec::Message& message) {
                self->answer_ = self->parse_(message);
            },
            [self = this->shared_from_this()](const Result<void>& result) { self->on_done(result); });
    }
    void on_done(const Result<void>& result) {
        if (result) return finish(std::move(answer_));
        const bool unknown_family = result.error().code == std::errc::no_such_file_or_directory;
        if (unknown_family) session_.forget_family();
        if (unknown_family && !std::exchange(tried_again_, true)) return run();
        finish(std::unexpected(explain(result.error())));
    }
    void finish(Result<T> result) {
        const auto self = this->shared_from_this();
        session_.next();
        handler_(std::move(result));
    }

    Session& session_;
    Encode encode_;
    Parse parse_;
    std::function<void(Result<T>)> handler_;
    Result<T> answer_ = fail(std::errc::bad_message, "ipvs: the kernel answered without data");
    bool tried_again_ = false;
};

class GenerationQuery final : public Session::Operation,
                              public std::enable_shared_from_this<GenerationQuery> {
public:
    GenerationQuery(Session& session, GenerationHandler handler)
        : session_(session), handler_(std::move(handler)) {}

    void run() override {
        session_.with_family([self = shared_from_this()](const Result<void>& found) {
            if (!found) return self->finish(std::unexpected(found.error()));
            if (!self->session_.has_extension()) return self->finish(std::optional<Generation>());
            self->ask();
        });
    }

private:
    void ask() {
        session_.ask_extension(
            codec::encode_get_generation,
            [self = shared_from_this()](const codec::Message& message) {
                self->answer_ = codec::parse_extension(message).generation;
            },
            [self = shared_from_this()](const Result<void>& result) { self->on_done(result); });
    }
    void on_done(const Result<void>& result) {
        if (result) return finish(answer_);
        session_.forget_family();  // whatever it was: not knowing is answered by looking
        finish(std::optional<Generation>());
    }
    void finish(Result<std::optional<Generation>> result) {
        const auto self = shared_from_this();
        session_.next();
        handler_(std::move(result));
    }

    Session& session_;
    GenerationHandler handler_;
    std::optional<Generation> answer_;
};

}  // namespace

Kernel::Kernel(asio::io_context& loop, Options options)
    : session_(std::make_shared<Session>(
          loop, Transport::Options{options.timeout, options.window, std::move(options.open)},
          options.load_module, std::move(options.open_watch))),
      batch_bytes_(options.batch_bytes) {}

Kernel::~Kernel() {
    close();
}

void Kernel::read(Scope scope, ReadHandler handler) {
    session_->enqueue(std::make_shared<Read>(*session_, std::move(scope), std::move(handler)));
}

void Kernel::read(std::function<void(Result<Table>)> handler) {
    read(std::nullopt, [handler = std::move(handler)](Result<Table> table, std::optional<Generation>) {
        handler(std::move(table));
    });
}

void Kernel::apply(Job job, ApplyHandler handler) {
    session_->enqueue(make_apply(*session_, std::move(job), batch_bytes_, std::move(handler)));
}

void Kernel::generation(GenerationHandler handler) {
    session_->enqueue(std::make_shared<GenerationQuery>(*session_, std::move(handler)));
}

void Kernel::watch(ChangesHandler handler) {
    session_->watch(std::move(handler));
}

void Kernel::info(std::function<void(Result<codec::Info>)> handler) {
    session_->enqueue(std::make_shared<Query<codec::Info>>(*session_, codec::encode_get_info,
                                                           codec::parse_info, std::move(handler)));
}

void Kernel::timeouts(std::function<void(Result<codec::Timeouts>)> handler) {
    session_->enqueue(std::make_shared<Query<codec::Timeouts>>(*session_, codec::encode_get_timeouts,
                                                               codec::parse_timeouts, std::move(handler)));
}

void Kernel::close() {
    session_->close();
}

}  // namespace lvs::ipvs
