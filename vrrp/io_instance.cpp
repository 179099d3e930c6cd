// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/io_instance.hpp"

#include <linux/if_addr.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace lvs::vrrp::io {

namespace {

constexpr Duration kLateAdvert = std::chrono::milliseconds(5);
constexpr Duration kTellAgain = std::chrono::minutes(1);
constexpr Duration kQueueDrains = std::chrono::milliseconds(5);

}  // namespace

Time Retry::next(Time now) {
    return now + std::exchange(wait_, std::min(2 * wait_, kLongest));
}

Instance::Instance(Host& host, std::uint32_t id, Family family, const RouterSpec& spec)
    : host_(host), id_(id), family_(family), spec_(spec), machine_(spec.config) {
    take_addresses(spec);
    take_routes(spec);
    name_devices();
    take_policy(spec);
}

Instance::~Instance() {
    if (wire_ != nullptr) host_.leave(*this, *wire_);
}

void Instance::take_addresses(const RouterSpec& spec) {
    addresses_.clear();
    wire_list_.clear();
    for (const auto& prefix : spec.addresses)
        if (prefix.address.family() == family_) addresses_.push_back(prefix);
    // RFC 9568 5.2.9: the link-local address comes first.
    std::stable_partition(addresses_.begin(), addresses_.end(), [&](const auto& prefix) {
        return family_ == Family::ipv6 && prefix.address.is_link_local();
    });
    for (const auto& prefix : addresses_) {
        const auto bytes = prefix.address.bytes();
        wire_list_.insert(wire_list_.end(), bytes.begin(), bytes.end());
    }
    wire_list_.resize(std::min(wire_list_.size(), kMaxAddresses * (family_ == Family::ipv4 ? 4 : 16)));
    for (const auto& prefix : spec.excluded)
        if (prefix.address.family() == family_) addresses_.push_back(prefix);
}

void Instance::take_routes(const RouterSpec& spec) {
    routes_.clear();
    rules_.clear();
    for (const auto& route : spec.routes)
        if (route.to.address.family() == family_) routes_.push_back(route);
    for (const auto& rule : spec.rules)
        if (rule.family == family_) rules_.push_back(rule);
}

// ---- other interfaces than its own ------------------------------------------------------------------------

void Instance::name_devices() {
    others_.clear();
    place_.clear();
    const auto place_of = [this](const std::string& name) {
        if (name.empty() || name == spec_.interface) return SIZE_MAX;
        const auto known = std::ranges::find(others_, name, &Other::name);
        if (known != others_.end()) return static_cast<std::size_t>(known - others_.begin());
        others_.push_back({.name = name});
        return others_.size() - 1;
    };
    for (const auto& address : addresses_)
        place_.push_back(place_of(address.device));
    for (const auto& route : routes_)
        (void)place_of(route.device);
}

Instance::Found Instance::find_devices() {
    Found out;
    for (auto& other : others_)
        if (const auto* link = host_.link(other.name)) {
            out.were_down = out.were_down || (link->up && link->ups != other.ups);
            out.renamed = std::exchange(other.mac, link->mac) != link->mac || out.renamed;
            other.index = link->index;
            if (link->up) other.ups = link->ups;
        }
    return out;
}

bool Instance::devices_moved() const {
    return std::ranges::any_of(others_, [this](const Other& other) {
        const auto* link = host_.link(other.name);
        return link == nullptr || link->index != other.index;
    });
}

bool Instance::depends_on_any_link() const {
    return std::ranges::any_of(routes_, [](const Route& route) { return route.device.empty() && route.via; });
}

// -1 is the number of no interface: what is to go there cannot.
int Instance::number_of(const std::string& device) const {
    if (device == spec_.interface) return index_;
    const auto* link = host_.link(device);
    return link == nullptr ? -1 : link->index;
}

std::shared_ptr<AddressSet> Instance::new_set(std::shared_ptr<Device> device) const {
    Plan plan;
    plan.addresses = addresses_;
    for (std::size_t i = 0; i < addresses_.size(); ++i)
        plan.places.push_back(place_[i] == SIZE_MAX ? 0 : number_of(addresses_[i].device));
    for (const auto& route : routes_) {
        const bool local = route.kind == Route::Kind::unicast &&
                           (!route.via || (route.via->is_v6() && route.via->is_link_local()) || route.onlink);
        const auto& name = route.device.empty() && local ? spec_.interface : route.device;
        plan.routes.push_back(route_messages(route, name.empty() ? 0 : number_of(name)));
    }
    for (const auto& rule : rules_)
        plan.routes.push_back(rule_messages(rule));
    return std::make_shared<AddressSet>(index_, std::move(plan), std::move(device));
}

void Instance::take_policy(const RouterSpec& spec) {
    policy_ = {};
    for (const auto& peer : spec.peers)
        if (peer.address.family() == family_) policy_.peers.push_back(peer);
    if (!spec.password.empty()) {
        policy_.password.emplace();
        std::copy_n(spec.password.begin(), std::min(spec.password.size(), policy_.password->size()),
                    policy_.password->begin());
    }
    if (spec.checksum != ChecksumMode::automatic)
        checksum_ = spec.checksum == ChecksumMode::message ? Checksum::message : Checksum::pseudo_header;
}

// ---- the interface ----------------------------------------------------------------------------------------

bool Instance::is_virtual(const IpAddress& address) const {
    return std::any_of(addresses_.begin(), addresses_.end(),
                       [&](const auto& p) { return p.address == address; });
}

// RFC 9568 5.1.1.1: the primary IPv4 address; 5.1.2.1: the link-local IPv6 address. An owner's own address
// counts.
std::optional<IpAddress> Instance::pick_source(const Link& link) const {
    const auto& wanted = family_ == Family::ipv4 ? spec_.source4 : spec_.source6;
    std::optional<IpAddress> fallback;
    for (const auto& [prefix, flags, mark] : link.addresses) {
        const auto& address = prefix.address;
        if (address.family() != family_ || (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0) continue;
        if (wanted) {
            if (address == *wanted) return address;
        } else if (family_ == Family::ipv6 && !address.is_link_local()) {
            continue;
        } else if (!is_virtual(address)) {
            return address;
        } else if (!fallback) {
            fallback = address;
        }
    }
    return fallback;
}

Waiting Instance::missing(const Link* link, IpAddress& source) const {
    if (link == nullptr) return Waiting::interface;
    if (!link->up) return Waiting::link;
    if (std::ranges::any_of(others_,
                            [this](const Other& other) { return host_.link(other.name) == nullptr; }))
        return Waiting::interface;
    if (fault_ || verdict_.fault) return Waiting::fault;
    const auto found = pick_source(*link);
    if (!found) return Waiting::address;
    source = *found;
    return Waiting::none;
}

void Instance::update(Time now, const Link* link) {
    IpAddress source;
    const auto waiting = missing(link, source);
    if (machine_.running() && (waiting != Waiting::none || link->index != index_ || devices_moved()))
        stop(now, waiting == Waiting::fault ? Reason::fault : Reason::interface);
    if (waiting != Waiting::none) return wait_for(now, waiting);
    auto [were_down, renamed] = find_devices();
    were_down = std::exchange(ups_, link->ups) != link->ups || were_down;  // and up again before we looked
    const auto& mac = spec_.virtual_mac ? virtual_mac(family_, spec_.vrid) : link->mac;
    renamed = std::exchange(mac_, mac) != mac || renamed;
    if (!machine_.running()) return begin(now, *link, source);
    machine_.handle(now, SourceChanged{source}, effects_);
    perform(now);
    if (were_down) restore(now);
    if ((were_down || renamed) && machine_.state() == State::master) on(now, Announce{});
}

// RFC 9568 1.7: the owner has a virtual address as its own, outside of VRRP.
bool Instance::owns(const Link& link) const {
    return std::any_of(link.addresses.begin(), link.addresses.end(),
                       [&](const LinkAddress& address) { return is_virtual(address.prefix.address); });
}

void Instance::wait_for(Time now, Waiting waiting) {
    if (waiting == waiting_ && announced_waiting_) return;
    waiting_ = waiting;
    announced_waiting_ = true;
    host_.emit(
        {.kind = Event::Kind::waiting, .router = id_, .time = now, .family = family_, .waiting = waiting});
}

void Instance::begin(Time now, const Link& link, const IpAddress& source) {
    int error = 0;
    wire_ = host_.join(*this, link, error);
    if (wire_ == nullptr) {
        if (std::exchange(join_error_, error) != error) trouble(now, Trouble::socket, error);
        if (!join_at_) join_at_ = joining_again_.next(now);
        return;
    }
    joining_again_.reset();
    join_at_.reset();
    join_error_ = 0;
    make_set(link);
    if (announced_waiting_) wait_for(now, Waiting::none);
    announced_waiting_ = false;
    if (spec_.config.priority.value() == kOwner && !owns(link)) trouble(now, Trouble::not_owner, 0);
    waiting_ = Waiting::none;
    machine_.handle(now, Start{source}, effects_);
    perform(now);
}

// A router that was interrupted keeps its device.
void Instance::make_set(const Link& link) {
    auto device = set_ ? set_->device() : nullptr;
    if (device && device->parent != link.index) {
        drop_device();
        device.reset();
    }
    index_ = link.index;
    if (spec_.virtual_mac && !device)
        device = std::make_shared<Device>(link.index, link.name, family_, spec_.vrid);
    set_ = new_set(device);
    if (device) post(AddressJob::Kind::prepare);
}

void Instance::drop_device() {
    if (set_ && set_->device()) post(AddressJob::Kind::destroy);
    set_.reset();
    device_ = 0;
}

void Instance::post(AddressJob::Kind kind, std::shared_ptr<AddressSet> old_set) {
    host_.post({.kind = kind, .router = id_, .family = family_, .set = set_, .old_set = std::move(old_set)});
}

void Instance::retire(Time now) {
    stop(now, Reason::stopped);
    drop_device();
}

void Instance::stop(Time now, Reason reason) {
    link_lost_ = reason == Reason::interface;  // a goodbye that cannot leave is no trouble
    machine_.handle(now, Stop{reason}, effects_);
    perform(now);
    if (wire_ != nullptr) host_.leave(*this, *wire_);
    wire_ = nullptr;
    index_ = 0;
    link_lost_ = false;
}

// ---- what happens to the machine --------------------------------------------------------------------------

void Instance::receive(Time now, const Advert& advert, const Envelope& envelope) {
    if (const auto why = vrrp::refuse(policy_, envelope, advert)) return refuse(now, *why);
    if (spec_.checksum == ChecksumMode::automatic) checksum_ = advert.checksum;
    check_list(now, advert);
    note_peer(now, envelope.source, advert.priority);
    const auto before = machine_.counters().discarded;
    machine_.handle(now, Received{advert, envelope.source}, effects_);
    perform(now);
    for (const auto why : {Discard::version, Discard::interval})
        if (machine_.counters().discarded[static_cast<std::size_t>(why)] !=
            before[static_cast<std::size_t>(why)])
            tell(now, why);
}

void Instance::refuse(Time now, Discard discard) {
    machine_.count(discard);
    tell(now, discard);
}

// Anybody on the network can make us refuse adverts, at any rate.
void Instance::tell(Time now, Discard discard) {
    auto& last = told_[static_cast<std::size_t>(discard)];
    if (last && now - *last < kTellAgain) return;
    if (!host_.may_tell(now)) return;
    last = now;
    host_.emit({.kind = Event::Kind::trouble,
                .router = id_,
                .time = now,
                .family = family_,
                .trouble = Trouble::discarded,
                .discard = discard});
}

// RFC 9568 7.1: another list is a misconfiguration to report, not a reason to drop the packet.
void Instance::check_list(Time now, const Advert& advert) {
    if (advert.priority == 0) return;
    const bool differs =
        !std::equal(advert.addresses.begin(), advert.addresses.end(), wire_list_.begin(), wire_list_.end());
    if (differs) ++list_mismatches_;
    if (differs && !list_differs_) trouble(now, Trouble::misconfigured, 0);
    list_differs_ = list_differs_ || differs;  // reported once per state
}

void Instance::advance(Time now) {
    const auto due = machine_.deadline();
    const auto sent = machine_.counters().adverts_sent;
    const bool was_master = machine_.state() == State::master;
    machine_.advance(now, effects_);
    if (was_master && due && machine_.counters().adverts_sent != sent) {
        latest_advert_ = std::max(latest_advert_, now - *due);
        if (now - *due > kLateAdvert) ++late_adverts_;
    }
    perform(now);
    if (restore_at_ && now >= *restore_at_) restore(now);
    if (!join_at_ || now < *join_at_) return;
    join_at_.reset();
    update(now, host_.link(spec_.interface));
}

// The oldest entry makes room.
void Instance::note_peer(Time now, const IpAddress& source, std::uint8_t priority) {
    const auto known = std::find_if(peers_.begin(), peers_.end(), [&](const PeerStatus& peer) {
        return peer.heard != Time{} && peer.address == source;
    });
    const auto oldest = std::min_element(peers_.begin(), peers_.end(),
                                         [](const auto& a, const auto& b) { return a.heard < b.heard; });
    *(known != peers_.end() ? known : oldest) = {source, priority, now};
}

void Instance::set_priority(Time now, Priority priority) {
    machine_.handle(now, SetPriority{priority}, effects_);
    perform(now);
}

// A fault stops it before its priority changes, and the other way round: it says one thing, not two.
void Instance::track(Time now, const Verdict& verdict, const Link* link) {
    if (verdict == verdict_) return;
    verdict_ = verdict;
    if (verdict.fault) update(now, link);
    steer(now, Adjust{verdict.adjust});
    if (!verdict.fault) update(now, link);
}

void Instance::steer(Time now, const Input& input) {
    machine_.handle(now, input, effects_);
    perform(now);
}

void Instance::prepare(Time now, const Verdict& verdict, bool held) {
    verdict_ = verdict;
    steer(now, Adjust{verdict.adjust});
    if (held) steer(now, Hold{});
}

void Instance::promote(Time now) {
    machine_.handle(now, Promote{}, effects_);
    perform(now);
}

void Instance::demote(Time now) {
    machine_.handle(now, Demote{}, effects_);
    perform(now);
}

void Instance::set_fault(Time now, bool fault, const Link* link) {
    if (fault == fault_) return;
    fault_ = fault;
    update(now, link);
}

bool Instance::absorb(Time now, const RouterSpec& spec) {
    if (spec == spec_) return true;
    const bool same_place = spec.interface == spec_.interface && spec.vrid == spec_.vrid &&
                            spec.source4 == spec_.source4 && spec.source6 == spec_.source6;
    const bool same_kind =
        spec.config.version == spec_.config.version && spec.virtual_mac == spec_.virtual_mac;
    if (!same_place || !same_kind) return false;
    const bool same_addresses = spec.addresses == spec_.addresses && spec.excluded == spec_.excluded &&
                                spec.routes == spec_.routes && spec.rules == spec_.rules;
    spec_ = spec;
    take_policy(spec);
    machine_.configure(now, spec.config, effects_);
    perform(now);  // an advert of now tells the interval of from now on
    if (same_addresses) return true;

    const auto old_set = set_;
    take_addresses(spec);
    take_routes(spec);
    name_devices();
    find_devices();
    list_differs_ = false;
    if (!set_) return true;
    set_ = new_set(old_set->device());
    if (machine_.state() != State::master) return true;
    set_->wanted = true;
    post(AddressJob::Kind::replace, old_set);
    on(now, Announce{});
    adding_ = true;
    return true;
}

// ---- effects ----------------------------------------------------------------------------------------------

void Instance::perform(Time now) {
    const Effects effects = effects_;
    effects_.clear();
    for (const auto& effect : effects)
        std::visit([&](const auto& one) { on(now, one); }, effect);
}

void Instance::on(Time now, const SendAdvert& effect) {
    if (wire_ == nullptr) return;
    Advert advert{.version = spec_.config.version,
                  .family = family_,
                  .vrid = spec_.vrid,
                  .priority = effect.priority,
                  .interval = spec_.config.interval,
                  .checksum = checksum_,
                  .addresses = wire_list_};
    advert.authenticated = policy_.password.has_value();
    if (policy_.password) advert.password = *policy_.password;
    int error = policy_.peers.empty() ? transmit(advert, group_address(family_)) : 0;
    for (const auto& peer : policy_.peers)
        if (const int failed = transmit(advert, peer.address); failed != 0) error = failed;
    if (error != 0 && !link_lost_ && send_error_ == 0) trouble(now, Trouble::send, error);
    send_error_ = error;
}

int Instance::transmit(const Advert& advert, const IpAddress& destination) {
    std::array<std::uint8_t, kMaxAdvertFrame> buffer;
    const Envelope envelope{.source = machine_.source(), .destination = destination};
    if (spec_.virtual_mac && destination.is_multicast()) {  // RFC 9568 7.2: from the virtual MAC
        const auto size = encode_frame(mac_, advert, envelope, buffer);
        return host_.send_frame(index_, {buffer.data(), size});
    }
    const auto size = encode(advert, envelope, buffer);
    return wire_->socket.send(envelope.source, envelope.destination, {buffer.data(), size});
}

void Instance::on(Time, const AddAddresses&) {
    adding_ = true;
    set_->wanted = true;
    told_failures_ = {};
    restoring_again_.reset();
    post(AddressJob::Kind::add);
}

void Instance::on(Time, const RemoveAddresses&) {
    next_announcement_ = SIZE_MAX;
    adding_ = missed_ = false;
    restore_at_.reset();
    set_->wanted = false;
    post(AddressJob::Kind::remove);
}

void Instance::on(Time, const Announce&) {
    next_announcement_ = 0;
}
void Instance::on(Time, const Ready&) {}

void Instance::on(Time now, const StateChanged& effect) {
    since_ = now;
    reason_ = effect.reason;
    list_differs_ = false;
    host_.emit({.kind = Event::Kind::state,
                .router = id_,
                .time = now,
                .family = family_,
                .from = effect.from,
                .to = effect.to,
                .reason = effect.reason});
}

// How many addresses from `first` on live on the same interface.
std::size_t Instance::same_place(std::size_t first, std::size_t most) const {
    std::size_t count = 1;
    while (count < most && place_[first + count] == place_[first])
        ++count;
    return count;
}

FrameSocket::Frame Instance::announcement(const IpAddress& address, const Mac& mac) const {
    FrameSocket::Frame frame;
    if (family_ == Family::ipv4) {
        const auto bytes = encode_garp(mac, address);
        frame.size = bytes.size();
        std::copy(bytes.begin(), bytes.end(), frame.bytes.begin());
    } else {
        frame.bytes = encode_na(mac, machine_.source(), address);
        frame.size = frame.bytes.size();
    }
    return frame;
}

bool Instance::announce(Pacer& pacer, Time now, std::uint32_t budget) {
    if (now < announces_after_) return announcing();
    std::array<FrameSocket::Frame, FrameSocket::kBatch> frames;
    while (announcing() && budget > 0) {
        const auto left = same_place(next_announcement_, addresses_.size() - next_announcement_);
        const auto place = place_[next_announcement_];
        const auto& mac = place == SIZE_MAX ? mac_ : others_[place].mac;
        const int index = place == SIZE_MAX ? index_ : others_[place].index;
        const auto wanted = static_cast<std::uint32_t>(std::min({left, frames.size(), std::size_t{budget}}));
        const auto allowed = pacer.take(now, wanted);
        if (allowed == 0) break;
        for (std::uint32_t i = 0; i < allowed; ++i)
            frames[i] = announcement(addresses_[next_announcement_ + i].address, mac);
        const auto sent = host_.send_frames(index, {frames.data(), allowed});
        if (!sent && (sent.error() == ENOBUFS || sent.error() == EAGAIN))
            announces_after_ = now + kQueueDrains;
        pacer.give_back(allowed - static_cast<std::uint32_t>(sent.value_or(0)));
        if (now < announces_after_) break;
        next_announcement_ += sent.value_or(left);  // a place that is down is announced when it is back
        budget -= std::min(budget, static_cast<std::uint32_t>(sent.value_or(1)));
    }
    return announcing();
}

void Instance::trouble(Time now, Trouble what, int error, std::optional<IpAddress> address) {
    host_.emit({.kind = Event::Kind::trouble,
                .router = id_,
                .time = now,
                .family = family_,
                .trouble = what,
                .error = error,
                .address = address});
}

RouterStatus Instance::status() const {
    RouterStatus status;
    status.name = spec_.name;
    status.family = family_;
    status.interface = spec_.interface;
    status.vrid = spec_.vrid;
    status.state = machine_.state();
    status.reason = reason_;
    status.waiting = waiting_;
    status.priority = machine_.priority();
    status.interval = machine_.master_interval();
    status.since = since_;
    if (machine_.running()) status.source = machine_.source();
    status.master = machine_.master();
    status.addresses = held_;
    status.address_list_mismatches = list_mismatches_;
    status.held = machine_.held();
    status.yields = machine_.yields();
    for (const auto& track : spec_.tracks)
        status.tracks.push_back(
            {.tracker = track.tracker, .weight = track.weight, .health = Health::unknown});
    for (const auto& peer : peers_)
        if (peer.heard != Time{}) status.peers.push_back(peer);
    status.latest_advert = latest_advert_;
    status.late_adverts = late_adverts_;
    status.counters = machine_.counters();
    return status;
}

}  // namespace lvs::vrrp::io
