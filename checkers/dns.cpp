// SPDX-License-Identifier: GPL-2.0-or-later
//
// dns: a question is answered with the expected code and, if asked for, the expected record. Over UDP (RFC
// 1035) or TCP, where a length goes before each message.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "checkers/dns_message.hpp"
#include "checkers/kind.hpp"
#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array<std::string_view, 9> kTypes{"A",   "AAAA", "CNAME", "MX", "NS",
                                                 "PTR", "SOA",  "SRV",   "TXT"};
constexpr std::array<std::string_view, 6> kRcodes{"NOERROR",  "FORMERR", "SERVFAIL",
                                                  "NXDOMAIN", "NOTIMP",  "REFUSED"};
constexpr std::array<std::string_view, 2> kProtocols{"udp", "tcp"};

constexpr std::array kDnsKeys{
    KeySpec{.key = "name",
            .required = true,
            .doc = "The domain name to ask for; \".\" is the root.",
            .example = "\"www.example.org\""},
    KeySpec{.key = "type",
            .type = ValueType::choice,
            .fallback = "A",
            .choices = kTypes,
            .doc = "The record type to ask for.",
            .example = "\"AAAA\""},
    KeySpec{.key = "protocol",
            .type = ValueType::choice,
            .fallback = "udp",
            .choices = kProtocols,
            .doc = "How to ask.",
            .example = "\"tcp\""},
    KeySpec{.key = "rcode",
            .type = ValueType::choice,
            .fallback = "NOERROR",
            .choices = kRcodes,
            .doc = "The response code that is right.",
            .example = "\"NXDOMAIN\""},
    KeySpec{.key = "answer",
            .doc = "A record that must be among the answers: an address, a name, a text, \"10 "
                   "mail.example.org\" for MX. "
                   "Without it the response code decides.",
            .example = "\"192.0.2.80\""},
};

struct DnsPlan final : Plan {
    std::string name;
    dns::RecordType type{};
    std::uint8_t rcode = 0;
    std::string answer;  // lower case, addresses in their usual form
    bool over_tcp = false;
    [[nodiscard]] Transport transport() const override { return over_tcp ? Transport::tcp : Transport::udp; }
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class DnsProbe final : public Probe {
public:
    DnsProbe(const DnsPlan& plan, std::uint16_t id)
        : plan_(plan),
          query_(dns::encode_query(id, plan.name, plan.type).value_or(std::vector<std::uint8_t>())) {
        if (plan_.over_tcp)
            wire_ = {static_cast<char>(query_.size() >> 8U), static_cast<char>(query_.size() & 0xffU)};
        wire_.append(as_text(query_));
    }

    Step on_connected() override { return Step::send(wire_); }

    Step on_data(std::span<const std::uint8_t> bytes) override {
        if (!plan_.over_tcp) return on_message(bytes);
        stream_.insert(stream_.end(), bytes.begin(), bytes.end());
        while (stream_.size() >= 2) {
            const auto size = static_cast<std::size_t>(stream_[0] << 8U | stream_[1]);
            if (stream_.size() < size + 2) break;
            if (auto step = on_message(std::span(stream_).subspan(2, size)); step.verdict) return step;
            stream_.erase(stream_.begin(), stream_.begin() + static_cast<std::ptrdiff_t>(size + 2));
        }
        return Step::wait();
    }

    Verdict on_error(int error_number, const Progress& progress) override {
        if (plan_.over_tcp || is_own_fault(error_number)) return Probe::on_error(error_number, progress);
        return Verdict::bad(datagram_error(error_number));
    }

    Verdict on_deadline(const Progress& progress) override {
        if (others_ == 0) return Probe::on_deadline(progress);
        return Verdict::bad(fmt::format("no answer to the question in {}, {} to others",
                                        in_words(progress.timeout), others_));
    }

private:
    Step on_message(std::span<const std::uint8_t> bytes) {
        const auto parsed = dns::parse_answer(bytes, query_);
        switch (parsed.match) {
            case dns::Match::other:
                ++others_;
                return Step::wait();  // late, or forged
            case dns::Match::broken:
                return Step::done(Verdict::bad("not a valid DNS answer"));
            case dns::Match::answer:
                return Step::done(judge(parsed.answer));
        }
        return Step::wait();
    }

    [[nodiscard]] Verdict judge(const dns::Answer& answer) const {
        if (answer.rcode != plan_.rcode)
            return Verdict::bad(fmt::format("expected {}, got {}", dns::rcode_name(plan_.rcode),
                                            dns::rcode_name(answer.rcode)));
        if (plan_.answer.empty()) return Verdict::good("got " + dns::rcode_name(answer.rcode));
        const auto& records = answer.records;
        if (std::find(records.begin(), records.end(), plan_.answer) != records.end())
            return Verdict::good("got " + quoted(plan_.answer));
        if (records.empty())
            return Verdict::bad(fmt::format("expected {}, got {}", quoted(plan_.answer),
                                            answer.is_cut ? "a truncated answer" : "no such record"));
        return Verdict::bad(
            fmt::format("expected {}, got {}", quoted(plan_.answer), quoted(records.front())));
    }

    const DnsPlan& plan_;
    std::vector<std::uint8_t> query_;
    std::string wire_;
    std::vector<std::uint8_t> stream_;
    unsigned others_ = 0;
};

std::unique_ptr<Probe> DnsPlan::start(const Endpoint& /*target*/, std::uint64_t seed) const {
    return std::make_unique<DnsProbe>(*this, static_cast<std::uint16_t>(seed));
}

// As parse_answer() writes it.
std::string usual_form(std::string text, dns::RecordType type) {
    if (type == dns::RecordType::txt) return text;
    if (const auto address = IpAddress::parse(text)) return to_string(*address);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (text.ends_with('.')) text.pop_back();
    return text;
}

Result<PlanPtr> make_dns(const Params& params) {
    auto plan = std::make_shared<DnsPlan>();
    plan->name = value_or<std::string>(params, "name", "");
    const auto type = dns::parse_type(value_or<std::string>(params, "type", "A"));
    const auto rcode = dns::parse_rcode(value_or<std::string>(params, "rcode", "NOERROR"));
    if (!type || !rcode) return fail(std::errc::invalid_argument, "unknown DNS type or rcode");
    plan->type = *type;
    plan->rcode = *rcode;
    plan->over_tcp = value_or<std::string>(params, "protocol", "udp") == "tcp";
    plan->answer = usual_form(value_or<std::string>(params, "answer", ""), *type);
    if (plan->name.empty() || !dns::encode_query(0, plan->name, plan->type))
        return fail(std::errc::invalid_argument, "name must be a domain name, got " + quoted(plan->name));
    if (plan->answer.size() > 1024) return fail(std::errc::invalid_argument, "answer has at most 1024 bytes");
    return plan;
}

}  // namespace

const Kind kDns{
    {.kind = "dns",
     .doc = "The server answers a DNS question with the expected response code and, with answer, the "
            "expected record. Answers to other questions or with another id are passed over.",
     .keys = kDnsKeys,
     .validate = validate_by<make_dns>,
     .speaks = [](const Params& params) -> std::string_view {
         const auto* protocol = param<std::string>(params, "protocol");
         return protocol != nullptr && *protocol == "tcp" ? "tcp" : "udp";
     }},
    make_dns};

}  // namespace lvs::checkers
