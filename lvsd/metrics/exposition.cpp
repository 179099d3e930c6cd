// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "lvsd/metrics/families.hpp"

namespace lvs::metrics {
namespace {

std::string_view word(Type type) {
    switch (type) {
        case Type::gauge:
            return "gauge";
        case Type::counter:
            return "counter";
        case Type::histogram:
            return "histogram";
    }
    return "unknown";
}

std::string family_word(lvs::Family family) {
    return family == lvs::Family::ipv4 ? "ipv4" : "ipv6";
}

double seconds(Duration span) {
    return std::chrono::duration<double>(span).count();
}

// A level: the rows of one kind, with their labels made when they are first needed, and the families written
// of them.
template <class Row>
class Block {
public:
    void add(Row row, std::string (*labels)(const Row&)) {
        make_labels_ = labels;
        rows_.push_back(row);
    }

    // Goes on where the last call ended; false when all is written.
    bool next(std::string& out, std::size_t limit, Format format) {
        const auto all = families<Row>();
        labels_.resize(rows_.size());
        while (family_ < all.size() && !rows_.empty()) {
            const auto& family = all[family_];
            if (!std::exchange(headed_, true)) head(out, family, format);
            Samples samples(out, family.name, family.type);
            for (; row_ < rows_.size() && out.size() < limit; ++row_) {
                samples.labels(labels_of(row_));
                family.write(samples, rows_[row_]);
            }
            if (row_ < rows_.size()) return true;
            row_ = 0;
            headed_ = false;
            ++family_;
            if (out.size() >= limit) return family_ < all.size();
        }
        return false;
    }

private:
    static void head(std::string& out, const metrics::Family<Row>& family, Format format) {
        const bool total = family.type == Type::counter && format == Format::text;
        const auto suffix = total ? "_total" : "";
        fmt::format_to(std::back_inserter(out), "# HELP {0}{1} {2}\n# TYPE {0}{1} {3}\n", family.name, suffix,
                       family.help, word(family.type));
    }
    const std::string& labels_of(std::size_t row) {
        auto& text = labels_[row];
        if (text.empty()) text = make_labels_(rows_[row]);
        return text;
    }

    std::vector<Row> rows_;
    std::vector<std::string> labels_;
    std::string (*make_labels_)(const Row&) = nullptr;
    std::size_t family_ = 0;
    std::size_t row_ = 0;
    bool headed_ = false;  // of the family
};

std::string no_labels(const DaemonRow& /*row*/) {
    return "";
}
std::string router_labels(const RouterRow& row) {
    return label("router", row.router.name) + "," + label("family", family_word(row.instance.family));
}
std::string service_labels(const ServiceRow& row) {
    return label("service", row.service.name);
}
std::string server_labels(const ServerRow& row) {
    return label("service", row.service.name) + "," + label("server", to_string(row.server.address)) +
           (row.server.is_sorry ? ",sorry=\"true\"" : "");
}
std::string check_labels(const CheckRow& row) {
    return server_labels({row.snapshot, row.service, row.server}) + "," + label("kind", row.check.kind) +
           "," + label("target", row.check.target) + fmt::format(",check=\"{}\"", row.number);
}

}  // namespace

// ---- samples --------------------------------------------------------------------------------------------

std::string label(std::string_view name, std::string_view value) {
    auto out = fmt::format("{}=\"", name);
    for (const char c : state::to_utf8(value)) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out + '"';
}

void Samples::begin(std::string_view suffix, std::string_view extra) {
    out_ += family_;
    out_ += suffix;
    if (!labels_.empty() || !extra.empty()) {
        out_ += '{';
        out_ += labels_;
        if (!labels_.empty() && !extra.empty()) out_ += ',';
        out_ += extra;
        out_ += '}';
    }
    out_ += ' ';
}

void Samples::add(double value, std::string_view extra) {
    begin(type_ == Type::counter ? "_total" : "", extra);
    fmt::format_to(std::back_inserter(out_), "{}\n", value);
}

void Samples::integer(std::uint64_t value, std::string_view extra) {
    begin(type_ == Type::counter ? "_total" : "", extra);
    fmt::format_to(std::back_inserter(out_), "{}\n", value);
}

void Samples::add(Duration span, std::string_view extra) {
    add(seconds(span), extra);
}

void Samples::add(state::WallTime time, std::string_view extra) {
    if (time != state::WallTime{}) add(seconds(time.time_since_epoch()), extra);
}

void Samples::add(const Histogram& histogram, std::string_view extra) {
    const auto bucket = [&](std::string_view bound, std::uint64_t count) {
        begin("_bucket", fmt::format("{}{}le=\"{}\"", extra, extra.empty() ? "" : ",", bound));
        fmt::format_to(std::back_inserter(out_), "{}\n", count);
    };
    for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i)
        bucket(fmt::format("{}", Histogram::kBounds.at(i)), histogram.at_most(i));
    bucket("+Inf", histogram.count());
    begin("_sum", extra);
    fmt::format_to(std::back_inserter(out_), "{}\n", histogram.sum());
    begin("_count", extra);
    fmt::format_to(std::back_inserter(out_), "{}\n", histogram.count());
}

// ---- histograms -----------------------------------------------------------------------------------------

void Histogram::observe(Duration value) {
    const double s = std::max(seconds(value), 0.0);
    const auto bucket = std::ranges::lower_bound(kBounds, s);
    if (bucket != kBounds.end()) ++counts_.at(static_cast<std::size_t>(bucket - kBounds.begin()));
    ++count_;
    sum_ += s;
}

std::uint64_t Histogram::at_most(std::size_t i) const {
    std::uint64_t sum = 0;
    for (std::size_t k = 0; k <= i; ++k)
        sum += counts_.at(k);
    return sum;
}

// ---- the whole ------------------------------------------------------------------------------------------

std::string_view content_type(Format format) {
    return format == Format::open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                          : "text/plain; version=0.0.4; charset=utf-8";
}

// A scraper that knows OpenMetrics prefers it; quality values are not worth a parser.
Format format_for(std::string_view accept) {
    return accept.contains("application/openmetrics-text") ? Format::open_metrics : Format::text;
}

struct Exposition::Impl {
    std::shared_ptr<const state::Snapshot> snapshot;
    Stats stats;
    Format format;
    Block<DaemonRow> daemon;
    Block<RouterRow> routers;
    Block<ServiceRow> services;
    Block<ServerRow> servers;
    Block<CheckRow> checks;
    bool ended = false;

    void fill() {
        daemon.add({*snapshot, stats}, no_labels);
        for (const auto& router : snapshot->routers)
            for (const auto& instance : router.instances)
                routers.add({*snapshot, router, instance}, router_labels);
        for (const auto& service : snapshot->services) {
            services.add({*snapshot, service}, service_labels);
            for (const auto& server : service.servers)
                add_server(service, server);
        }
    }
    void add_server(const state::Service& service, const state::Server& server) {
        servers.add({*snapshot, service, server}, server_labels);
        std::size_t number = 0;
        for (const auto& check : server.checks)
            checks.add({*snapshot, service, server, check, ++number}, check_labels);
    }
};

Exposition::Exposition(std::shared_ptr<const state::Snapshot> snapshot, Stats stats, Format format)
    : impl_(new Impl{std::move(snapshot), std::move(stats), format, {}, {}, {}, {}, {}}) {
    impl_->fill();
}
Exposition::~Exposition() = default;
Exposition::Exposition(Exposition&&) noexcept = default;
Exposition& Exposition::operator=(Exposition&&) noexcept = default;

bool Exposition::next(std::string& out, std::size_t size) {
    const auto limit = out.size() + size;
    const auto block = [&](auto& which) {
        return which.next(out, limit, impl_->format) || out.size() >= limit;
    };
    if (impl_->ended) return false;
    if (block(impl_->daemon) || block(impl_->routers) || block(impl_->services) || block(impl_->servers) ||
        block(impl_->checks))
        return true;
    if (impl_->format == Format::open_metrics) out += "# EOF\n";
    impl_->ended = true;
    return false;
}

std::vector<std::string> family_names() {
    std::vector<std::string> out;
    const auto add = [&out](const auto& all) {
        for (const auto& family : all)
            out.emplace_back(family.name);
    };
    add(families<DaemonRow>());
    add(families<RouterRow>());
    add(families<ServiceRow>());
    add(families<ServerRow>());
    add(families<CheckRow>());
    return out;
}

}  // namespace lvs::metrics
