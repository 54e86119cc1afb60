// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/pending.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/tree/directory.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;

constexpr std::size_t longest_note = 64 * 1024;

std::filesystem::path note(const Layout& layout, const KernelId& kernel)
{
    return layout.own() / ("pending-" + kernel.release + "-" + kernel.arch + ".json");
}

void write(const Layout& layout, const KernelId& kernel, const std::vector<Step>& steps)
{
    json list = json::array();
    for (const Step& step : steps) list.push_back(to_json(step));
    write_file_durably(note(layout, kernel), list.dump() + "\n");
}

} // namespace

std::vector<Step> pending_steps(const Layout& layout, const KernelId& kernel)
{
    const auto text = read_file_if_present(note(layout, kernel), longest_note);
    if (!text) return {};
    std::vector<Step> steps;
    try {
        for (const json& entry : json::parse(*text)) {
            Step step = step_from_json(entry);
            if (place_at_end(step.kind)) steps.push_back(std::move(step));
        }
    } catch (const Error&) {
        steps.clear();
    } catch (const json::exception&) {
        steps.clear();
    }
    return steps;
}

void add_pending(const Layout& layout, const KernelId& kernel, const std::vector<Step>& steps)
{
    std::vector<Step> all = pending_steps(layout, kernel);
    const std::size_t known = all.size();
    for (const Step& step : steps)
        if (std::find(all.begin(), all.end(), step) == all.end()) all.push_back(step);
    if (all.size() == known) return;
    make_directories(layout.own());
    write(layout, kernel, all);
}

void remove_pending(const Layout& layout, const KernelId& kernel, StepKind kind) noexcept
{
    try {
        std::vector<Step> steps = pending_steps(layout, kernel);
        if (std::erase_if(steps, [kind](const Step& step) { return step.kind == kind; }) == 0) return;
        if (steps.empty())
            ::unlink(note(layout, kernel).c_str());
        else
            write(layout, kernel, steps);
    } catch (const Error&) {
        return; // it is done once more than needed
    }
}

} // namespace dkms
