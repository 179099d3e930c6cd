// SPDX-License-Identifier: GPL-2.0-or-later
//
// file: a file says how the server is. Seen as soon as it changes.
#include <array>
#include <cerrno>

#include "checkers/kind.hpp"
#include "checkers/reason.hpp"
#include "checkers/words.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array<std::string_view, 3> kMissing{"up", "down", "unchecked"};

constexpr std::array kFileKeys{
    KeySpec{.key = "path",
            .required = true,
            .min = 2,
            .max = 4095,
            .doc = "The file, by its absolute path. It must be local.",
            .example = R"("/run/app/state")"},
    KeySpec{.key = "missing",
            .type = ValueType::choice,
            .fallback = "down",
            .choices = kMissing,
            .doc = "What it means that there is no such file. `unchecked`: the server's health stands.",
            .example = R"("up")"},
};

struct FilePlan final : Plan {
    std::string path;
    std::string missing;
    [[nodiscard]] Transport transport() const override { return Transport::file; }
    [[nodiscard]] std::string file() const override { return path; }
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class FileProbe final : public Probe {
public:
    explicit FileProbe(const FilePlan& plan) : plan_(plan) {}
    Step on_connected() override { return Step::wait(); }
    Step on_data(std::span<const std::uint8_t> /*bytes*/) override { return Step::wait(); }

    Verdict on_file(const FileText& file) override {
        if (file.error == ENOENT) return when_missing();
        if (file.error == EINVAL) return Verdict::skipped("not checked: it is no regular file");
        if (file.error != 0)
            return Verdict::skipped("not checked: cannot read the file: " +
                                    std::generic_category().message(file.error));
        return judge_words(std::string_view(file.text).substr(0, file.text.find('\n')), "the file");
    }

private:
    [[nodiscard]] Verdict when_missing() const {
        if (plan_.missing == "up") return Verdict::good("there is no such file");
        if (plan_.missing == "down") return Verdict::bad("there is no such file");
        return Verdict::skipped("not checked: there is no such file");
    }
    const FilePlan& plan_;
};

std::unique_ptr<Probe> FilePlan::start(const Endpoint& /*target*/, std::uint64_t /*seed*/) const {
    return std::make_unique<FileProbe>(*this);
}

Result<PlanPtr> make_file(const Params& params) {
    auto plan = std::make_shared<FilePlan>();
    plan->path = value_or<std::string>(params, "path", "");
    plan->missing = value_or<std::string>(params, "missing", "down");
    if (!plan->path.starts_with('/') || plan->path.ends_with('/') ||
        plan->path.find('\0') != std::string::npos)
        return fail(std::errc::invalid_argument, "path must be the absolute path of a file");
    return plan;
}

}  // namespace

const Kind kFile{
    {.kind = "file",
     .doc =
         "The first line of a file says how the server is, in the words of an agent: up or ready; down, "
         "failed or "
         "stopped; drain; maint; or a percentage of the configured weight, as in \"75%\"; # begins a remark. "
         "It is read again when it was written and closed, replaced, made or removed, and its word counts at "
         "once: `rise` and `fall` are not used.",
     .keys = kFileKeys,
     .needs_port = false,
     .validate = validate_by<make_file>,
     .has_socket = false},
    make_file};

}  // namespace lvs::checkers
