// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is known of servers when checks change, for the checks that come. One that asks the same as before, be
// it at other times, goes on with what that found out. One that asks something else of the same server, by
// the same way, goes on with what the check that goes found out. Where several disagree nothing is known: the
// health of one check must not become another's.
#pragma once

#include <map>

#include "checkers/wire.hpp"

namespace lvs::checkers {

// Of a Transition or a Status each: the same health, and the same wishes of the server.
template <class One, class Other>
[[nodiscard]] bool says_the_same(const One& a, const Other& b) {
    return a.state == b.state && a.weight_percent == b.weight_percent && a.advice == b.advice;
}

class Heritage {
public:
    // A check there is; `goes`: it is not among those there shall be.
    void add(const CheckSpec& spec, const Transition& last, bool goes) {
        const auto found_out = last.is_assumed ? Transition{} : last;
        note(by_question_, question_of(spec), found_out);
        if (goes) note(by_way_, way_of(spec), found_out);
    }
    // For a check that comes. The state is `unknown` when nothing is.
    [[nodiscard]] Transition find(const CheckSpec& spec) const {
        if (const auto same = by_question_.find(question_of(spec)); same != by_question_.end())
            return same->second;
        const auto other = by_way_.find(way_of(spec));
        return other == by_way_.end() ? Transition{} : other->second;
    }

private:
    using Known = std::map<wire::Bytes, Transition>;

    static CheckSpec without_question(const CheckSpec& spec) {
        return {.kind = spec.kind, .target = spec.target, .fwmark = spec.fwmark, .through = spec.through};
    }
    static wire::Bytes way_of(const CheckSpec& spec) { return wire::encode_spec(without_question(spec)); }
    static wire::Bytes question_of(const CheckSpec& spec) {
        auto out = without_question(spec);
        out.source = spec.source;
        out.interface = spec.interface;
        out.params = spec.params;
        return wire::encode_spec(out);
    }
    static void note(Known& known, wire::Bytes key, const Transition& last) {
        const auto [at, is_new] = known.try_emplace(std::move(key), last);
        if (!is_new && !says_the_same(at->second, last)) at->second = {};
    }

    Known by_question_;
    Known by_way_;
};

}  // namespace lvs::checkers
