// SPDX-License-Identifier: GPL-2.0-or-later
//
// Changing the kernel's table. With our module: batches of whole services, one after the other (the kernel
// works inside the write, so nothing is gained by having several in flight), each expecting the generation
// the one before it made. What a batch cannot do, and everything with the kernel's own module, is then done
// command by command, many in flight.
#include <cerrno>

#include "ipvs/operations.hpp"

namespace lvs::ipvs {
namespace {

constexpr std::size_t kLongestStep = 1024 * 1024;  // a service with more goes command by command
constexpr std::size_t kMostBadSteps = 8;           // then the rest goes command by command as well
constexpr std::size_t kLargeJob = 256;             // commands: too many of our own changes to listen to

// Whether naming all servers is not much more than naming those that change.
bool is_worth_a_step(std::size_t servers, std::size_t commands) {
    return servers <= 256 || commands * 8 >= servers;
}

class Apply final : public Session::Operation, public std::enable_shared_from_this<Apply> {
public:
    Apply(Session& session, Job job, std::size_t batch_bytes, ApplyHandler handler)
        : session_(session), job_(std::move(job)), batch_bytes_(batch_bytes), handler_(std::move(handler)) {}

    void run() override {
        session_.with_family([self = shared_from_this()](const Result<void>& found) {
            if (!found) self->report_.fatal = found.error();
            self->begin();
        });
    }

private:
    struct Step {  // what the commands [first, first + count) do to their service
        std::size_t first = 0, count = 0;
        const Service* service = nullptr;  // of a service that changes
    };

    void begin() {
        if (report_.fatal) return finish();
        if (session_.has_extension()) {
            make_steps();
            if (job_.commands.size() > kLargeJob) session_.stop_listening();
        } else {
            for (std::size_t i = 0; i < job_.commands.size(); ++i)
                singles_.push_back(i);
        }
        next_batch();
    }

    // ---- batches

    void make_steps() {
        for (std::size_t i = 0; i < job_.commands.size(); ++i) {
            const bool same = i != 0 && job_.commands[i].service == job_.commands[i - 1].service;
            if (!same) steps_.push_back({.first = i});
            ++steps_.back().count;
        }
        std::erase_if(steps_, [this](Step& step) { return !fits_a_batch(step); });
    }

    [[nodiscard]] std::span<const Command> commands_of(const Step& step) const {
        return std::span(job_.commands).subspan(step.first, step.count);
    }

    bool fits_a_batch(Step& step) {
        const auto& first = job_.commands[step.first];
        if (first.verb == Verb::add_service || first.verb == Verb::delete_service) return true;
        const auto wanted = job_.services.find(first.service);
        if (wanted != job_.services.end()) step.service = &wanted->second;
        const bool fits = step.service != nullptr && is_worth_a_step(step.service->dests.size(), step.count);
        if (!fits) go_singly(step);
        return fits;
    }

    void go_singly(const Step& step) {
        for (std::size_t i = 0; i < step.count; ++i)
            singles_.push_back(step.first + i);
    }

    void append(const Step& step, codec::Bytes& bytes) const {
        const auto& first = job_.commands[step.first];
        if (step.service != nullptr)
            codec::append_service(first.service, *step.service, bytes);
        else if (first.verb == Verb::add_service)
            codec::append_addition(commands_of(step), bytes);
        else
            codec::append_removal(first.service, bytes);
    }

    void next_batch() {
        codec::Bytes bytes;
        bytes.reserve(batch_bytes_ + batch_bytes_ / 8);
        in_batch_ = 0;
        while (next_step_ + in_batch_ < steps_.size() && bytes.size() < batch_bytes_) {
            const auto before = bytes.size();
            const auto& step = steps_[next_step_ + in_batch_];
            append(step, bytes);
            if (bytes.size() - before > kLongestStep) {
                bytes.resize(before);
                go_singly(step);
                steps_.erase(steps_.begin() + static_cast<std::ptrdiff_t>(next_step_ + in_batch_));
                continue;
            }
            ++in_batch_;
        }
        in_batch_ == 0 ? proceed() : send(std::move(bytes));
    }

    void send(codec::Bytes bytes) {
        answer_ = {};
        session_.ask_extension(
            [self = shared_from_this(), bytes = std::move(bytes)](const codec::Header& header,
                                                                  codec::Bytes& out) {
                codec::encode_batch(header, self->job_.expect, bytes, out);
            },
            [self = shared_from_this()](const codec::Message& message) {
                self->answer_ = codec::parse_extension(message);
            },
            [self = shared_from_this()](const Result<void>& result) {
                result ? self->batch_is_done() : self->batch_failed(result.error());
            });
    }

    void batch_is_done() {
        report_.done += commands_in_batch();
        if (job_.expect) job_.expect = answer_.generation;
        next_step_ += in_batch_;
        next_batch();
    }

    void batch_failed(const Error& error) {
        if (error.code.value() == ESTALE) {
            report_.stale = true;
            return finish();
        }
        if (is_lost(error)) {
            report_.lost += commands_in_batch();
            job_.expect.reset();
            next_step_ += in_batch_;
            return next_batch();
        }
        if (error.code == std::errc::operation_not_permitted || (!answer_.step && is_absent(error))) {
            session_.forget_family();  // the module may have gone
            report_.fatal = explain(error);
            return finish();
        }
        drop_bad_steps();
        next_batch();
    }

    // The one at fault, or, when there are many of them or none is named, all that are left.
    void drop_bad_steps() {
        const auto begin = steps_.begin() + static_cast<std::ptrdiff_t>(next_step_);
        if (answer_.step && *answer_.step < in_batch_ && ++bad_steps_ <= kMostBadSteps) {
            const auto bad = begin + *answer_.step;
            go_singly(*bad);
            steps_.erase(bad);
            return;
        }
        for (auto step = begin; step != steps_.end(); ++step)
            go_singly(*step);
        steps_.erase(begin, steps_.end());
    }

    [[nodiscard]] std::size_t commands_in_batch() const {
        std::size_t out = 0;
        for (std::size_t i = 0; i < in_batch_; ++i)
            out += steps_[next_step_ + i].count;
        return out;
    }

    // ---- command by command

    void proceed() {
        while (!report_.fatal && next_ < singles_.size() && open_ < session_.window())
            submit(singles_[next_++]);
        if (open_ == 0) confirm();
    }

    void submit(std::size_t index) {
        ++open_;
        session_.ask(
            [self = shared_from_this(), index](const codec::Header& header, codec::Bytes& out) {
                codec::encode_command(header, self->job_.commands[index], out);
            },
            {},
            [self = shared_from_this(), index](const Result<void>& result) {
                --self->open_;
                result ? self->succeeded() : self->failed(index, result.error());
                self->proceed();
            });
    }

    void succeeded() { ++report_.done; }

    void failed(std::size_t index, const Error& error) {
        auto& command = job_.commands[index];
        const bool adds = command.verb == Verb::add_service || command.verb == Verb::add_dest;
        const bool deletes = command.verb == Verb::delete_service || command.verb == Verb::delete_dest;
        if (adds && error.code == std::errc::file_exists) {
            command.verb = command.verb == Verb::add_service ? Verb::set_service : Verb::set_dest;
            return submit(index);
        }
        if (deletes && is_absent(error)) return succeeded();
        if (is_dest_verb(command.verb) && refused_.contains(command.service)) {
            ++report_.skipped;
        } else if (is_lost(error)) {
            ++report_.lost;
        } else {
            refuse(command, error);
        }
    }

    void refuse(const Command& command, const Error& error) {
        // The module may have been unloaded; whoever comes next asks for the family anew.
        if (error.code == std::errc::no_such_file_or_directory) session_.forget_family();
        if (error.code == std::errc::operation_not_permitted) report_.fatal = explain(error);
        if (command.verb == Verb::add_service) refused_.insert(command.service);
        report_.errors.push_back({command, explain(command, error)});
    }

    static bool is_absent(const Error& error) {
        return error.code == std::errc::no_such_process || error.code == std::errc::no_such_file_or_directory;
    }
    // Whether the kernel did it is not known; reading will tell.
    static bool is_lost(const Error& error) {
        return error.code == std::errc::no_buffer_space || error.code == std::errc::timed_out;
    }

    // ---- the end

    // Listening first, then asking: from the generation the answer tells, nothing is missed.
    void confirm() {
        if (!session_.has_extension()) return finish();
        session_.listen();
        const bool exact = job_.expect && singles_.empty() && !report_.fatal && report_.lost == 0;
        if (!exact) return finish();
        answer_ = {};
        session_.ask_extension(
            codec::encode_get_generation,
            [self = shared_from_this()](const codec::Message& message) {
                self->answer_ = codec::parse_extension(message);
            },
            [self = shared_from_this()](const Result<void>& result) {
                if (result && self->answer_.generation == self->job_.expect)
                    self->report_.generation = self->job_.expect;
                self->finish();
            });
    }

    void finish() {
        const auto self = shared_from_this();
        if (session_.has_extension()) session_.listen();
        if (report_.generation) report_.commands = std::move(job_.commands);
        session_.next();
        handler_(std::move(report_));
    }

    Session& session_;
    Job job_;
    std::size_t batch_bytes_;
    ApplyHandler handler_;
    ApplyReport report_;

    std::vector<Step> steps_;
    std::size_t next_step_ = 0;  // the first of the batch under way ...
    std::size_t in_batch_ = 0;   // ... and how many it has
    std::size_t bad_steps_ = 0;
    codec::ExtensionAnswer answer_;

    std::vector<std::size_t> singles_;  // commands, by their place
    std::set<ServiceKey> refused_;      // services that could not be added
    std::size_t next_ = 0;
    std::size_t open_ = 0;
};

}  // namespace

std::shared_ptr<Session::Operation> make_apply(Session& session, Job job, std::size_t batch_bytes,
                                               ApplyHandler handler) {
    return std::make_shared<Apply>(session, std::move(job), batch_bytes, std::move(handler));
}

}  // namespace lvs::ipvs
