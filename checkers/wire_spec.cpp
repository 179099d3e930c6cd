// SPDX-License-Identifier: GPL-2.0-or-later
//
// CheckSpec on the wire, its identity and equality.
#include "checkers/hash.hpp"
#include "checkers/wire.hpp"
#include "checkers/wire_entry.hpp"

namespace lvs::checkers::wire {

namespace {

constexpr std::size_t kMaxKind = 32;
constexpr std::size_t kMaxInterface = 15;  // IFNAMSIZ - 1
constexpr std::size_t kMaxText = 32768;
constexpr std::size_t kMaxList = 64;
constexpr std::size_t kMaxSpec = kMaxMessage / 2;

template <class T, class Put>
void put_list(Writer& out, const std::vector<T>& list, Put put) {
    LVS_ASSERT(list.size() <= kMaxList);
    out.number(static_cast<std::uint8_t>(list.size()));
    for (const auto& entry : list)
        put(entry);
}

template <class T, class Get>
std::vector<T> get_list(Reader& in, Get get) {
    std::vector<T> list(in.choice<std::size_t>(kMaxList));
    for (auto& entry : list)
        entry = get();
    return list;
}

// The alternatives of ParamValue by their index; the order is that of the variant.
struct ValueWriter {
    Writer& out;
    void operator()(const std::string& value) const { out.text(value); }
    void operator()(const lvs::FileText& value) const {
        out.text(value.path);
        out.text(value.text ? std::string_view(*value.text) : std::string_view());
    }
    void operator()(bool value) const { out.boolean(value); }
    void operator()(std::int64_t value) const { out.signed_number(value); }
    void operator()(Duration value) const { out.duration(value); }
    void operator()(const IpAddress& value) const { out.address(value); }
    void operator()(const Endpoint& value) const { out.endpoint(value); }
    void operator()(const Prefix& value) const { out.prefix(value); }
    void operator()(const std::vector<std::string>& value) const {
        put_list(out, value, [this](const std::string& entry) { out.text(entry); });
    }
    void operator()(const std::vector<Prefix>& value) const {
        put_list(out, value, [this](const Prefix& entry) { out.prefix(entry); });
    }
    void operator()(const std::vector<StatusRange>& value) const {
        put_list(out, value, [this](const StatusRange& entry) {
            out.number(entry.first);
            out.number(entry.last);
        });
    }
};

static_assert(std::variant_size_v<ParamValue> == 11,
              "teach read_value() and ValueWriter the new alternative");

StatusRange read_range(Reader& in) {
    const auto first = in.number<std::uint16_t>();
    return {first, in.number<std::uint16_t>()};
}

lvs::FileText read_file(Reader& in) {
    lvs::FileText out;
    out.path = in.text(kMaxText);
    out.text = std::make_shared<const std::string>(in.text(kMaxText));
    return out;
}

ParamValue read_value(Reader& in) {
    switch (in.choice<std::uint8_t>(10)) {
        case 0:
            return in.text(kMaxText);
        case 1:
            return in.boolean();
        case 2:
            return in.signed_number();
        case 3:
            return in.duration();
        case 4:
            return in.address();
        case 5:
            return in.endpoint();
        case 6:
            return in.prefix();
        case 7:
            return get_list<std::string>(in, [&in] { return in.text(kMaxText); });
        case 8:
            return get_list<Prefix>(in, [&in] { return in.prefix(); });
        case 9:
            return get_list<StatusRange>(in, [&in] { return read_range(in); });
        case 10:
            return read_file(in);
    }
    return {};
}

void put_params(Writer& out, const Params& params) {
    LVS_ASSERT(params.size() <= kMaxList);
    out.number(static_cast<std::uint8_t>(params.size()));
    for (const auto& [key, value] : params) {
        out.text(key);
        out.number(static_cast<std::uint8_t>(value.index()));
        std::visit(ValueWriter{out}, value);
    }
}

Params get_params(Reader& in) {
    Params params;
    for (auto left = in.choice<std::size_t>(kMaxList); left > 0 && in.ok(); --left) {
        auto key = in.text(kMaxText);
        // One encoding only: keys ascend, so none comes twice.
        if (!params.empty() && key <= params.rbegin()->first) in.refuse();
        params.emplace_hint(params.end(), std::move(key), read_value(in));
    }
    return params;
}

// Upper bound of what ValueWriter makes of a value, or nothing when it may not be written at all.
struct ValueSize {
    std::optional<std::size_t> operator()(const std::string& value) const {
        if (value.size() > kMaxText) return std::nullopt;
        return value.size() + 2;
    }
    std::optional<std::size_t> operator()(const lvs::FileText& value) const {
        const auto size = value.text ? value.text->size() : 0;
        if (value.path.size() > kMaxText || size > kMaxText) return std::nullopt;
        return value.path.size() + size + 4;
    }
    template <class T>
    std::optional<std::size_t> operator()(const std::vector<T>& list) const {
        if (list.size() > kMaxList) return std::nullopt;
        std::size_t sum = 1;
        for (const auto& entry : list) {
            const auto size = (*this)(entry);
            if (!size) return std::nullopt;
            sum += *size;
        }
        return sum;
    }
    template <class T>
    std::optional<std::size_t> operator()(const T& /*small*/) const {
        return 20;
    }
};

}  // namespace

bool is_encodable(const CheckSpec& spec) {
    if (spec.kind.size() > kMaxKind || spec.interface.size() > kMaxInterface || spec.params.size() > kMaxList)
        return false;
    std::size_t sum = 256;
    for (const auto& [key, value] : spec.params) {
        const auto size = std::visit(ValueSize{}, value);
        if (!size || key.size() > kMaxText) return false;
        sum += key.size() + *size + 3;
    }
    return sum <= kMaxSpec;
}

namespace {

void put_settings(Writer& out, const CheckSpec& spec) {
    out.number(static_cast<std::uint32_t>(spec.id));
    out.number(static_cast<std::uint8_t>(spec.initial));
    out.text(spec.kind);
    out.endpoint(spec.target);
    for (const auto value : {spec.interval, spec.timeout, spec.fast_interval, spec.jitter})
        out.duration(value);
    out.number(spec.rise);
    out.number(spec.fall);
    out.boolean(spec.source.has_value());
    if (spec.source) out.address(*spec.source);
    out.text(spec.interface);
    out.number(spec.fwmark);
    out.boolean(spec.through.has_value());
    if (spec.through) out.address(*spec.through);
    put_params(out, spec.params);
}

}  // namespace

void put_entry(Writer& out, const CheckSpec& spec) {
    put_settings(out, spec);
    put_optional(out, spec.initial_weight_percent);
    out.number(static_cast<std::uint8_t>(spec.initial_advice));
}

void get_entry(Reader& in, CheckSpec& spec) {
    spec.id = get_id(in);
    spec.initial = in.choice<State>(2);
    spec.kind = in.text(kMaxKind);
    spec.target = in.endpoint();
    for (auto* value : {&spec.interval, &spec.timeout, &spec.fast_interval, &spec.jitter})
        *value = in.duration();
    spec.rise = in.number<std::uint32_t>();
    spec.fall = in.number<std::uint32_t>();
    if (in.boolean()) spec.source = in.address();
    spec.interface = in.text(kMaxInterface);
    spec.fwmark = in.number<std::uint32_t>();
    if (in.boolean()) spec.through = in.address();
    spec.params = get_params(in);
    spec.initial_weight_percent = get_optional<std::uint16_t>(in);
    spec.initial_advice = in.choice<Advice>(2);
}

Bytes encode_spec(const CheckSpec& spec) {
    Bytes bytes;
    Writer out(bytes);
    put_settings(out, spec);
    return bytes;
}

}  // namespace lvs::checkers::wire

namespace lvs::checkers {

namespace {

CheckSpec without_name(CheckSpec spec) {
    spec.id = CheckId{};
    spec.initial = State::unknown;
    return spec;
}

}  // namespace

bool same_check(const CheckSpec& a, const CheckSpec& b) {
    const auto key = [](const CheckSpec& s) {
        return std::tie(s.kind, s.target, s.interval, s.timeout, s.fast_interval, s.jitter, s.rise, s.fall,
                        s.source, s.interface, s.fwmark, s.through, s.params);
    };
    return key(a) == key(b);
}

std::uint64_t identity(const CheckSpec& spec) {
    return hash_bytes(wire::encode_spec(without_name(spec)));
}

}  // namespace lvs::checkers
