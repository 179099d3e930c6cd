// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/grpc_message.hpp"

#include <fmt/core.h>

#include <array>
#include <optional>

#include "checkers/reason.hpp"

namespace lvs::checkers::grpc {

namespace {

constexpr std::size_t kPrefix = 5;  // compressed or not, and a length of four bytes

constexpr std::array<std::string_view, 4> kServingNames{"UNKNOWN", "SERVING", "NOT_SERVING",
                                                        "SERVICE_UNKNOWN"};
constexpr std::array<std::string_view, 17> kStatusNames{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// Protocol buffers, as far as a message of numbers needs them.
class Reader {
public:
    explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}
    [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

    std::optional<std::uint64_t> varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
            const auto byte = rest_.front();
            rest_ = rest_.subspan(1);
            value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
            if ((byte & 0x80U) == 0) return value;
        }
        return std::nullopt;
    }
    bool skip(std::uint64_t size) {
        if (size > rest_.size()) return false;
        rest_ = rest_.subspan(static_cast<std::size_t>(size));
        return true;
    }
    // A field of a wire type that is of no interest.
    bool skip_field(unsigned type) {
        switch (type) {
            case 0:
                return varint().has_value();
            case 1:
                return skip(8);
            case 2: {
                const auto size = varint();
                return size && skip(*size);
            }
            case 5:
                return skip(4);
            default:
                return false;
        }
    }

private:
    std::span<const std::uint8_t> rest_;
};

std::unexpected<Error> broken(std::string why) {
    return fail(std::errc::bad_message, std::move(why));
}

}  // namespace

std::string encode_health_request(std::string_view service) {
    LVS_ASSERT(service.size() <= 255);
    std::string message;
    if (!service.empty()) {
        message += '\x0a';  // field 1, length-delimited
        if (service.size() >= 0x80) message += static_cast<char>(0x80U | (service.size() & 0x7fU));
        message += static_cast<char>(service.size() >= 0x80 ? service.size() >> 7U : service.size());
        message += service;
    }
    std::string out(kPrefix, '\0');
    out[3] = static_cast<char>(message.size() >> 8U);
    out[4] = static_cast<char>(message.size() & 0xffU);
    return out + message;
}

Result<std::uint64_t> parse_health(std::span<const std::uint8_t> body) {
    if (body.size() < kPrefix) return broken("no message");
    if (body[0] != 0) return broken("a compressed message");
    std::uint64_t size = 0;
    for (std::size_t i = 1; i < kPrefix; ++i)
        size = size << 8U | body[i];
    if (size != body.size() - kPrefix) return broken("more or less than one message");
    Reader in(body.subspan(kPrefix));
    std::uint64_t status = 0;  // the default is not sent
    while (!in.is_at_end()) {
        const auto tag = in.varint();
        if (!tag) return broken("a broken message");
        if (*tag == (1U << 3U)) {  // field 1, varint
            const auto value = in.varint();
            if (!value) return broken("a broken message");
            status = *value;
        } else if (!in.skip_field(static_cast<unsigned>(*tag & 7U))) {
            return broken("a broken message");
        }
    }
    return status;
}

std::string serving_name(std::uint64_t status) {
    return status < kServingNames.size() ? std::string(kServingNames.at(status)) : fmt::format("{}", status);
}

std::string status_name(std::string_view number) {
    const auto value = parse_number(number);
    if (value && *value < kStatusNames.size()) return std::string(kStatusNames.at(*value));
    return "grpc-status " + quoted(number);
}

}  // namespace lvs::checkers::grpc
