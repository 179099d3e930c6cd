// SPDX-License-Identifier: GPL-2.0-or-later
//
// Several files into one value; templates, groups and defaults into the servers and services that use them.
// What is taken over keeps its place, so an error in a template is reported where it was written.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

using Named = std::map<std::string, const Value*, std::less<>>;

// The entries of `from` that `table` does not have. Keys that exclude each other count as one.
bool excludes(const Table& table, std::string_view key) {
    constexpr std::string_view kExclusive[][2] = {{"check", "checks"}, {"address", "addresses"}};
    if (find(table, key) != nullptr) return true;
    for (const auto& [one, other] : kExclusive) {
        if (key == one && find(table, other) != nullptr) return true;
        if (key == other && find(table, one) != nullptr) return true;
    }
    return false;
}

void merge(Table& table, const Value* from) {
    const auto* entries = from != nullptr ? std::get_if<Table>(&from->data) : nullptr;
    if (entries == nullptr) return;
    const auto own = table;
    for (const auto& entry : *entries)
        if (!excludes(own, entry.key)) table.push_back(entry);
}

class Expander {
public:
    explicit Expander(Report& report) : report_(report) {}

    Value run(std::vector<Value> files) {
        for (const auto& file : files) {
            collect(file, "server_template", templates_);
            collect(file, "server_group", groups_);
        }
        Value out{files.front().place, Table{}};
        for (auto& file : files)
            add_file(file, std::get<Table>(out.data));
        return out;
    }

private:
    void collect(const Value& file, std::string_view section, Named& into) {
        const auto* entry = find(std::get<Table>(file.data), section);
        if (entry == nullptr) return;
        const auto* table = std::get_if<Table>(&entry->value.data);
        if (table == nullptr)
            return report_.add(entry->value.place, fmt::format("`{0}` is {1}, expected tables [{0}.NAME]",
                                                               section, show(entry->value)));
        for (const auto& each : *table) {
            if (!std::holds_alternative<Table>(each.value.data))
                report_.add(each.value.place,
                            fmt::format("`{}` is {}, expected a table", each.key, show(each.value)));
            else if (const auto [at, fresh] = into.emplace(each.key, &each.value); !fresh)
                report_.add(each.place, fmt::format("[{}.{}] is on {} already, expected it once", section,
                                                    each.key, report_.where(at->second->place, each.place)));
        }
        if (section == "server_template") check_named(*table, section, template_keys());
        if (section == "server_group") check_named(*table, section, group_keys());
    }

    // Unknown keys are found here, so that a template nobody uses is checked too; values where it is used.
    void check_named(const Table& named, std::string_view section, std::span<const KeySpec> keys) {
        for (const auto& each : named)
            if (std::holds_alternative<Table>(each.value.data))
                (void)read_fields(each.value, fmt::format("[{}.{}]", section, each.key), keys, report_);
    }

    const Value* defaults(const Value& file, std::string_view section, std::span<const KeySpec> keys) {
        const auto* entry = find(std::get<Table>(file.data), section);
        if (entry == nullptr) return nullptr;
        if (std::holds_alternative<Table>(entry->value.data)) {
            (void)read_fields(entry->value, fmt::format("[{}]", section), keys, report_);
            return &entry->value;
        }
        report_.add(entry->value.place,
                    fmt::format("`{}` is {}, expected a table", section, show(entry->value)));
        return nullptr;
    }

    // Takes what is in the file, all but templates, groups and defaults: others refer to those until the end.
    void add_file(Value& file, Table& out) {
        const auto* of_services = defaults(file, "service_defaults", service_keys());
        const auto* of_servers = defaults(file, "server_defaults", template_keys());
        for (auto& entry : std::get<Table>(file.data)) {
            if (entry.key.starts_with("server_") || entry.key == "service_defaults") {
                join(out, entry);
                continue;
            }
            if (entry.key == "virtual_service" && std::holds_alternative<Table>(entry.value.data))
                for (auto& service : std::get<Table>(entry.value.data))
                    expand_service(service.value, of_services, of_servers);
            join(out, std::move(entry));
        }
    }

    // Tables of the same section in several files become one; a name twice, or a section that is not by name,
    // is an error.
    void join(Table& out, Entry entry) {
        const auto there = std::ranges::find(out, entry.key, &Entry::key);
        const bool per_file = entry.key == "include" || entry.key.ends_with("_defaults");
        if (there == out.end()) return out.push_back(std::move(entry));
        if (per_file || entry.key == "server_template" || entry.key == "server_group") return;
        auto* known = std::get_if<Table>(&there->value.data);
        auto* more = std::get_if<Table>(&entry.value.data);
        if (known == nullptr || more == nullptr) return;
        auto& names = names_[entry.key];
        if (names.empty())
            for (const auto& each : *known)
                names.emplace(each.key, each.place);
        for (auto& each : *more) {
            const auto [at, fresh] = names.emplace(each.key, each.place);
            if (fresh)
                known->push_back(std::move(each));
            else
                report_.add(each.place, fmt::format("`{}` is on {} already, expected it once", each.key,
                                                    report_.where(at->second, each.place)));
        }
    }

    void expand_service(Value& value, const Value* of_services, const Value* of_servers) {
        auto* service = std::get_if<Table>(&value.data);
        if (service == nullptr) return;
        merge(*service, of_services);
        add_groups(*service);
        for (auto& entry : *service) {
            if (entry.key == "sorry_server") expand_server(entry.value, of_servers);
            auto* servers = entry.key == "servers" ? std::get_if<List>(&entry.value.data) : nullptr;
            if (servers != nullptr)
                for (auto& server : *servers)
                    expand_server(server, of_servers);
        }
    }

    void add_groups(Table& service) {
        const auto* groups = find(service, "groups");
        const auto* names = groups != nullptr ? std::get_if<List>(&groups->value.data) : nullptr;
        if (names == nullptr) return;
        List servers;
        for (const auto& item : *names) {
            const auto* name = std::get_if<std::string>(&item.data);
            if (name == nullptr) continue;  // build() complains
            const auto found = groups_.find(*name);
            if (found == groups_.end()) {
                report_.add(item.place, fmt::format("there is no [server_group.{}]", *name));
                continue;
            }
            const auto* list = find(std::get<Table>(found->second->data), "servers");
            const auto* more = list != nullptr ? std::get_if<List>(&list->value.data) : nullptr;
            if (more != nullptr) servers.insert(servers.end(), more->begin(), more->end());
        }
        const auto there = std::ranges::find(service, std::string_view("servers"), &Entry::key);
        if (there == service.end()) {
            service.push_back({"servers", groups->place, {groups->place, std::move(servers)}});
        } else if (auto* own = std::get_if<List>(&there->value.data)) {
            own->insert(own->end(), servers.begin(), servers.end());
        }
    }

    void expand_server(Value& value, const Value* defaults_of_file) {
        const bool is_short = std::holds_alternative<std::string>(value.data);
        if (is_short && defaults_of_file == nullptr) return;
        if (is_short) value = {value.place, Table{{"address", value.place, value}}};
        auto* server = std::get_if<Table>(&value.data);
        if (server == nullptr) return;
        if (const auto* name = find(*server, "template")) {
            const auto* text = std::get_if<std::string>(&name->value.data);
            const auto found = text != nullptr ? templates_.find(*text) : templates_.end();
            if (text != nullptr && found == templates_.end())
                report_.add(name->value.place, fmt::format("there is no [server_template.{}]", *text));
            if (found != templates_.end()) merge(*server, found->second);
        }
        merge(*server, defaults_of_file);
    }

    Report& report_;
    Named templates_;
    Named groups_;
    std::map<std::string, std::map<std::string, Place>> names_;
};

IpAddress plus(const IpAddress& address, std::uint32_t offset) {
    std::array<std::uint8_t, 16> bytes{};
    const auto from = address.bytes();
    std::copy(from.begin(), from.end(), bytes.begin());
    std::uint64_t carry = offset;
    for (std::size_t i = from.size(); i-- > 0 && carry != 0;) {
        carry += bytes.at(i);
        bytes.at(i) = static_cast<std::uint8_t>(carry & 0xffU);
        carry >>= 8U;
    }
    return IpAddress::from_bytes(std::span(bytes).first(from.size()));
}

}  // namespace

Value expand(std::vector<Value> files, Report& report) {
    return Expander(report).run(std::move(files));
}

std::optional<std::vector<Endpoint>> parse_endpoint_range(std::string_view text, std::size_t most) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto hosts = text.substr(0, colon);
    const auto ports = text.substr(colon + 1);
    if (hosts.starts_with('[') && hosts.ends_with(']')) hosts = hosts.substr(1, hosts.size() - 2);
    const auto split = [](std::string_view range) {
        const auto dash = range.find('-');
        return std::pair(range.substr(0, dash),
                         dash == std::string_view::npos ? range : range.substr(dash + 1));
    };
    const auto [host_first, host_last] = split(hosts);
    const auto [port_first, port_last] = split(ports);
    const auto first = IpAddress::parse(host_first), last = IpAddress::parse(host_last);
    const auto low = parse_number(port_first), high = parse_number(port_last);
    if (!first || !last || !low || !high || *high > 65535 || *low > *high) return std::nullopt;
    if (first->family() != last->family() || *last < *first) return std::nullopt;
    if (first->is_v6() != text.starts_with('[')) return std::nullopt;
    std::vector<Endpoint> out;
    for (std::uint32_t i = 0;; ++i) {
        const auto address = plus(*first, i);
        for (auto port = *low; port <= *high; ++port) {
            if (out.size() == most) return std::nullopt;
            out.push_back({address, static_cast<std::uint16_t>(port)});
        }
        if (address == *last) return out;
    }
}

}  // namespace lvs::config
