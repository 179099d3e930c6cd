// SPDX-License-Identifier: GPL-2.0-or-later
//
// The worker's end of the link with the daemon: takes checks from it, reports changes at once, the last
// results and a heartbeat every second. It never blocks: when the daemon does not read, changes are kept, the
// last one per check; results wait for their turn. The end of the link is the end of the worker.
#pragma once

#include <map>

#include "checkers/driver.hpp"

namespace lvs::checkers {

class Worker {
public:
    explicit Worker(Fd link);
    // Opens what needs opening, before the sandbox closes.
    [[nodiscard]] Result<void> open(std::uint32_t max_files);
    // Until the daemon is gone, which is no error.
    [[nodiscard]] Result<void> run();

private:
    void on_link(std::uint32_t events);
    void receive();
    void obey(const wire::ToWorker& message, std::vector<Fd>& sockets);
    void hand_over(const wire::Sockets& message, std::vector<Fd>& sockets);
    void ask(CheckId id);
    [[nodiscard]] bool send_asks(Time now);
    void beat(Time now);
    void give_memory_back(Time now);
    void send_pending();
    [[nodiscard]] bool send_changes();
    [[nodiscard]] bool send_statuses();
    [[nodiscard]] bool send(const wire::Bytes& message);
    void give_up(Error why);

    Fd link_;
    Driver driver_;
    std::map<CheckId, Transition> changes_;  // not yet sent
    std::vector<CheckId> asks_;              // not yet sent
    Time asks_due_{};                        // when they are sent, with what has come until then
    std::uint32_t next_status_ = 0;          // slot
    std::uint32_t statuses_due_ = 0;         // slots still to look at in this round
    Time next_beat_{};
    Time next_look_at_memory_{};
    bool link_full_ = false;
    bool stopped_ = false;
    std::optional<Error> error_;
};

}  // namespace lvs::checkers
