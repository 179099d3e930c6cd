// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/runner.hpp"

#include <cerrno>

namespace lvs::checkers {

namespace {

CommandEnd not_started(int error_number) {
    return {.how = CommandEnd::How::not_started, .number = error_number};
}

Result<void> check_runner_hello(std::span<const std::uint8_t> bytes) {
    const auto message = runner_wire::decode_from_runner(bytes);
    if (!message) return std::unexpected(message.error());
    const auto* hello = std::get_if<runner_wire::Hello>(&*message);
    if (!hello || hello->version != runner_wire::kVersion)
        return fail(std::errc::protocol_not_supported, "another version");
    return {};
}

}  // namespace

Runner::Runner(asio::io_context& io, Options options,
               std::function<void(bool, const std::string&)> on_process)
    : io_(io),
      options_(std::move(options)),
      on_process_(std::move(on_process)),
      self_(std::make_shared<Runner*>(this)),
      process_(io,
               {.path = options_.program,
                .name = "runner",
                .silence = options_.silence,
                .grace = std::chrono::milliseconds(500)},
               {.on_hello = check_runner_hello,
                .on_ready = [this] { on_ready(); },
                .on_message = [this](std::span<const std::uint8_t> bytes) { return on_message(bytes); },
                .on_lost = [this](const std::string& reason) { on_lost(reason); }}) {}

Runner::~Runner() = default;

void Runner::start_process() {
    if (std::exchange(is_started_, true)) return;
    process_.start();
}

void Runner::end_later(Done done, CommandEnd end) {
    asio::post(io_, [self = std::weak_ptr(self_), done = std::move(done), end = std::move(end)] {
        if (!self.expired()) done(end);
    });
}

void Runner::run(std::string_view key, Command command, Done done) {
    if (!validate(command)) return end_later(std::move(done), not_started(EINVAL));
    if (waiting_ >= options_.max_waiting) return end_later(std::move(done), not_started(ENOBUFS));
    auto line = lines_.find(key);
    if (line == lines_.end()) line = lines_.emplace(key, Line{}).first;
    line->second.tasks.push_back({std::move(command), std::move(done)});
    ++waiting_;
    queue_turn(line->first, line->second);
    start_process();
    pump();
}

void Runner::queue_turn(const std::string& key, Line& line) {
    if (line.is_running || line.tasks.empty() || std::exchange(line.is_queued, true)) return;
    turns_.push_back(key);
}

void Runner::pump() {
    while (process_.is_ready() && !turns_.empty() && running_.size() < options_.max_running) {
        const auto key = std::move(turns_.front());
        turns_.pop_front();
        const auto found = lines_.find(key);
        if (found == lines_.end()) continue;  // cancelled
        auto& line = found->second;
        line.is_queued = false;
        if (line.tasks.empty()) continue;
        auto task = std::move(line.tasks.front());
        line.tasks.pop_front();
        --waiting_;
        line.is_running = true;
        const auto job = next_job_++;
        running_.emplace(job, Running{key, std::move(task.done)});
        process_.send(runner_wire::encode(runner_wire::Start{job, std::move(task.command)}));
    }
}

void Runner::cancel(std::string_view key) {
    const auto found = lines_.find(key);
    if (found == lines_.end()) return;
    waiting_ -= found->second.tasks.size();
    lines_.erase(found);
    // A job that was running stays in running_ until it has ended, so that it counts; nobody is told.
    for (auto& [job, running] : running_) {
        if (running.key != key || !running.done) continue;
        running.done = {};
        process_.send(runner_wire::encode(runner_wire::Kill{job}));
    }
}

Runner::WatchId Runner::watch(std::string path, Changed changed) {
    const WatchId id{next_watch_++};
    const auto& entry = watches_.emplace(id, Watched{std::move(path), std::move(changed)}).first->second;
    start_process();
    process_.send(runner_wire::encode(runner_wire::Watch{static_cast<std::uint32_t>(id), entry.path}));
    return id;
}

void Runner::unwatch(WatchId id) {
    if (watches_.erase(id) == 0) return;
    process_.send(runner_wire::encode(runner_wire::Unwatch{static_cast<std::uint32_t>(id)}));
}

void Runner::stop() {
    process_.stop();
    lines_.clear();
    turns_.clear();
    running_.clear();
    watches_.clear();
    waiting_ = 0;
    is_started_ = false;
    self_ = std::make_shared<Runner*>(this);  // what was to be told is forgotten
}

Result<void> Runner::on_message(std::span<const std::uint8_t> bytes) {
    const auto message = runner_wire::decode_from_runner(bytes);
    if (!message) return std::unexpected(message.error());
    if (const auto* ended = std::get_if<runner_wire::Ended>(&*message)) {
        on_ended(ended->job, ended->end);
    } else if (const auto* read = std::get_if<runner_wire::FileRead>(&*message)) {
        const auto found = watches_.find(WatchId{read->watch});
        if (found == watches_.end()) return {};
        const auto changed = found->second.changed;  // it may unwatch
        changed(read->file);
    }
    return {};
}

void Runner::on_ended(std::uint32_t job, const CommandEnd& end) {
    const auto found = running_.find(job);
    if (found == running_.end()) return;
    const auto running = std::move(found->second);
    running_.erase(found);
    if (running.done) {  // else cancelled, and the line may be another one by now
        if (const auto line = lines_.find(running.key); line != lines_.end()) {
            line->second.is_running = false;
            queue_turn(line->first, line->second);
            if (line->second.tasks.empty()) lines_.erase(line);
        }
        running.done(end);
    }
    pump();
}

void Runner::on_ready() {
    was_ready_ = true;
    for (const auto& [id, watched] : watches_)
        process_.send(runner_wire::encode(runner_wire::Watch{static_cast<std::uint32_t>(id), watched.path}));
    if (on_process_) on_process_(true, "");
    pump();
}

// What ran is lost. What waits goes on in the replacement, but for one that does not even start: then nothing
// is to be expected soon, and whoever waits should know.
void Runner::on_lost(const std::string& reason) {
    const auto running = std::exchange(running_, {});
    for (const auto& [job, task] : running) {
        if (!task.done) continue;
        if (const auto line = lines_.find(task.key); line != lines_.end()) {
            line->second.is_running = false;
            queue_turn(line->first, line->second);
            if (line->second.tasks.empty()) lines_.erase(line);
        }
        end_later(task.done, {.how = CommandEnd::How::lost});
    }
    if (!std::exchange(was_ready_, false)) {
        for (auto& [key, line] : lines_)
            for (auto& task : line.tasks)
                end_later(std::move(task.done), {.how = CommandEnd::How::lost});
        lines_.clear();
        turns_.clear();
        waiting_ = 0;
    }
    if (on_process_) on_process_(false, reason);
}

}  // namespace lvs::checkers
