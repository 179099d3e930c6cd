// SPDX-License-Identifier: GPL-2.0-or-later
//
// Any sequence of inputs and times. Whatever comes, the promises of vrrp.hpp hold: effects come in their order, a
// timer that fired is not due again, addresses are held exactly while master.
#include <cstdint>

#include "vrrp/vrrp.hpp"

namespace {

using namespace lvs;
using namespace lvs::vrrp;

class Reader {
   public:
    Reader(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    std::uint8_t u8() { return at_ < size_ ? data_[at_++] : std::uint8_t{0}; }
    [[nodiscard]] bool empty() const { return at_ >= size_; }
    Duration interval() { return kMinInterval * (u8() % 200 + 1); }
    Priority priority() { return Priority::make(u8()).value_or(Priority::of(1)); }
    IpAddress address() { return IpAddress::from_v4(0x0a000000U | u8() % 4U); }

   private:
    const std::uint8_t* data_;
    std::size_t size_, at_ = 0;
};

Config read_config(Reader& in) {
    Config config;
    const auto bits = in.u8();
    config.version = (bits & 1) != 0 ? Version::v2 : Version::v3;
    config.preempt = (bits & 2) != 0;
    config.grouped = (bits & 4) != 0;
    config.priority = in.priority();
    config.interval = in.interval();
    if ((bits & 8) != 0) config.preempt_delay = in.interval();
    if ((bits & 16) != 0) config.startup_delay = in.interval();
    if ((bits & 32) != 0) config.refresh_interval = Duration(0);
    return config;
}

Input read_input(Reader& in, Version version) {
    switch (in.u8() % 8) {
        case 0: return Start{in.address()};
        case 1: return Stop{};
        case 2: return SourceChanged{in.address()};
        case 3: return SetPriority{in.priority()};
        case 4: return Promote{};
        case 5: return Demote{};
        default: break;
    }
    Advert advert;
    advert.version = in.u8() % 16 == 0 ? Version::v2 : version;
    advert.priority = in.u8();
    advert.interval = in.interval();
    return Received{advert, in.address()};
}

class Checker {
   public:
    void take(const Effects& effects, const Machine& machine) {
        bool spoke = false;
        for (const auto& effect : effects) {
            if (std::holds_alternative<SendAdvert>(effect)) spoke = true;
            if (std::holds_alternative<AddAddresses>(effect)) {
                LVS_ASSERT(spoke && !holds_);
                holds_ = true;
            }
            if (std::holds_alternative<RemoveAddresses>(effect)) {
                LVS_ASSERT(holds_);
                holds_ = false;
            }
            if (std::holds_alternative<Announce>(effect)) LVS_ASSERT(holds_);
            if (const auto* change = std::get_if<StateChanged>(&effect)) {
                LVS_ASSERT(change->from == state_);
                state_ = change->to;
            }
        }
        LVS_ASSERT(state_ == machine.state());
        LVS_ASSERT(holds_ == (state_ == State::master));
        LVS_ASSERT(state_ != State::master || machine.deadline().has_value());
        LVS_ASSERT(machine.running() || !machine.deadline().has_value());
    }

   private:
    bool holds_ = false;
    State state_ = State::initialize;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Reader in(data, size);
    const auto config = read_config(in);
    Machine machine(config);
    Checker checker;
    Time now{};
    while (!in.empty()) {
        Effects effects;
        const auto what = in.u8();
        if (what < 96 && machine.deadline()) {
            now = std::max(now, *machine.deadline() + Duration(what < 8 ? 10'000'000'000 : 0));
            machine.advance(now, effects);
            LVS_ASSERT(!machine.deadline() || *machine.deadline() > now);
        } else if (what < 128) {
            now += in.interval();
        } else if (what < 136) {
            auto changed = read_config(in);
            changed.version = config.version;
            changed.grouped = config.grouped;
            machine.configure(now, changed, effects);
        } else {
            machine.handle(now, read_input(in, config.version), effects);
        }
        checker.take(effects, machine);
    }
    return 0;
}
