// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/gaps.h"

#include "lib/kernel/headers.h"
#include "lib/kernel/kernel_image.h"
#include "lib/plan/target.h"
#include "lib/tree/layout.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace dkms {
namespace {

using nlohmann::json;

/// What a build has noted about a configuration that only bash could read.
bool wanted_by_records(const Layout& layout, const ModuleStatus& module)
{
    return std::any_of(module.kernels.begin(), module.kernels.end(), [&](const KernelStatus& one) {
        try {
            const auto record = read_build_record(layout, module.module, one.kernel);
            return record && record->inputs.value("autoinstall", false);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::read_failed) throw;
            return true; // it may be wanted
        }
    });
}

class Gaps {
public:
    explicit Gaps(const Places& places)
        : places_(places), layout_(places), source_(quick_source(places)), tree_(scan(places, {}, ScanDepth::full)),
          next_(next_kernel(places).release), running_(running_release())
    {
        source_.stale = false; // what is installed is not missing
    }

    KernelGap of(const KernelId& kernel)
    {
        KernelGap gap{kernel, places_.root == "/" && kernel.release == running_, kernel.release == next_, {}};
        const KernelNeeds needs = needs_of(places_, tree_, kernel, source_);
        for (const ModuleNeed& need : needs.modules)
            if (auto missing = missing_for(need, kernel)) gap.missing.push_back(std::move(*missing));
        return gap;
    }

private:
    std::optional<KernelGap::Missing> missing_for(const ModuleNeed& need, const KernelId& kernel)
    {
        if (need.installed) return std::nullopt;
        switch (need.kind) {
        case NeedKind::waiting:
            return KernelGap::Missing{need.module, "waiting", need.reason};
        case NeedKind::deferred:
            return KernelGap::Missing{need.module, "deferred",
                                      "it needs " + need.reason + ", which is not in the tree"};
        case NeedKind::broken:
            return broken(need, kernel);
        case NeedKind::install:
            return not_installed(need, kernel);
        case NeedKind::unknown:
            return unknown(need, kernel);
        default:
            return std::nullopt;
        }
    }

    /// One that was installed and is damaged cannot be repaired; another one is not for this kernel to lack.
    std::optional<KernelGap::Missing> broken(const ModuleNeed& need, const KernelId& kernel) const
    {
        const auto module = std::find_if(tree_.begin(), tree_.end(),
                                         [&](const ModuleStatus& one) { return one.module == need.module; });
        if (module == tree_.end() || !is_installed(status_for(*module, kernel))) return std::nullopt;
        return KernelGap::Missing{need.module, "broken", need.reason};
    }

    /// One that cannot be read is no reason to know nothing of other modules.
    std::optional<TroubleRecord> trouble_of(const ModuleId& module, const KernelId& kernel) const
    {
        try {
            return read_trouble_record(layout_, module, kernel);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::read_failed) throw;
            return TroubleRecord{KernelState::failed, error.message(), 0, error};
        }
    }

    KernelGap::Missing not_installed(const ModuleNeed& need, const KernelId& kernel) const
    {
        const auto trouble = trouble_of(need.module, kernel);
        if (!trouble) return {need.module, "missing", need.reason};
        return {need.module, std::string(name_of(trouble->state)), trouble->note};
    }

    std::optional<KernelGap::Missing> unknown(const ModuleNeed& need, const KernelId& kernel) const
    {
        const auto trouble = trouble_of(need.module, kernel);
        if (trouble && trouble->state == KernelState::skipped) return std::nullopt;
        if (trouble) return KernelGap::Missing{need.module, std::string(name_of(trouble->state)), trouble->note};
        const auto status = scan_module(places_, need.module);
        if (!status || !wanted_by_records(layout_, *status)) return std::nullopt;
        return KernelGap::Missing{need.module, "missing",
                                  is_built(status_for(*status, kernel)) ? "built, not installed" : "not built"};
    }

    const Places& places_;
    Layout layout_;
    NeedsSource source_;
    std::vector<ModuleStatus> tree_;
    std::string next_;
    std::string running_;
};

} // namespace

std::vector<KernelGap> kernel_gaps(const Places& places)
{
    std::vector<KernelGap> gaps;
    Gaps look(places);
    auto kernels = installed_kernels(places, false);
    std::reverse(kernels.begin(), kernels.end());
    for (const KernelId& kernel : kernels)
        if (is_kernel(places, kernel.release))
            if (KernelGap gap = look.of(kernel); !gap.missing.empty()) gaps.push_back(std::move(gap));
    return gaps;
}

json to_json(const KernelGap& gap)
{
    json value{{"kernel", gap.kernel.release},
               {"arch", gap.kernel.arch},
               {"running", gap.running},
               {"boots_next", gap.boots_next},
               {"missing", json::array()}};
    for (const KernelGap::Missing& one : gap.missing)
        value["missing"].push_back(
            {{"name", one.module.name}, {"version", one.module.version}, {"state", one.state}, {"reason", one.reason}});
    return value;
}

KernelGap kernel_gap_from_json(const json& value)
{
    KernelGap gap;
    gap.kernel = {value.at("kernel").get<std::string>(), value.value("arch", "")};
    gap.running = value.value("running", false);
    gap.boots_next = value.value("boots_next", false);
    for (const json& one : value.at("missing"))
        gap.missing.push_back({{one.at("name").get<std::string>(), one.at("version").get<std::string>()},
                               one.value("state", ""),
                               one.value("reason", "")});
    return gap;
}

std::string sentence_about(const KernelGap& gap)
{
    std::string names;
    for (const KernelGap::Missing& one : gap.missing) names += (names.empty() ? "" : ", ") + one.module.name;
    const char* const which = gap.boots_next ? gap.running ? " runs, boots next" : " boots next"
                              : gap.running  ? " runs"
                                             : " is installed";
    return gap.kernel.release + which + " and lacks " + names + ".";
}

} // namespace dkms
