// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/patches.h"

#include "lib/build/inside.h"
#include "lib/config/expression.h"
#include "lib/model/error.h"

#include <algorithm>
#include <filesystem>

namespace dkms {
namespace {

bool fits(const ConfPatch& patch, const std::string& release)
{
    if (patch.match.empty()) return true;
    if (const auto answer = expression_fits(patch.match, release)) return *answer;
    throw Error(ErrorCode::conf_invalid, {{"file", "dkms.conf"},
                                          {"reason", "PATCH_MATCH[" + std::to_string(patch.index) +
                                                         "] is not a regular expression: " + patch.match}});
}

void check_patch(const BuildCommands& commands, const std::string& file)
{
    const std::string module = commands.work().step.module.text();
    const std::filesystem::path path(file);
    if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end())
        throw Error(ErrorCode::patch_outside, {{"patch", file}, {"module", module}});
    if (!open_inside(commands.workplace().build() / "patches", path))
        throw Error(
            ErrorCode::patch_missing,
            {{"patch", file}, {"module", module}, {"path", (commands.workplace().shown_build() / "patches").string()}});
}

void apply(BuildCommands& commands, const std::string& file)
{
    const std::string module = commands.work().step.module.text();
    // An earlier patch may have put a link here: the file is opened as carefully as what a build leaves.
    const Descriptor content = open_inside(commands.workplace().build() / "patches", file);
    if (!content) check_patch(commands, file);
    BuildCommand patch;
    patch.what = "patch";
    patch.subject = file;
    patch.description = "Applying patch " + file;
    patch.text = "patch -p1 < ./patches/" + file;
    patch.command.argv = {"patch", "-p1"};
    patch.command.input = content.number();
    if (!commands.run(std::move(patch)).ok())
        throw Error(ErrorCode::patch_failed, {{"patch", file}, {"module", module}, {"excerpt", commands.excerpt()}});
    commands.work().reporter.report(Event(EventKind::patch_applied, {{"patch", file}}));
}

} // namespace

std::vector<ConfPatch> patches_for(const std::vector<ConfPatch>& patches, const std::string& release)
{
    std::vector<ConfPatch> meant;
    for (const ConfPatch& patch : patches)
        if (fits(patch, release)) meant.push_back(patch);
    std::stable_sort(meant.begin(), meant.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
    return meant;
}

void apply_patches(BuildCommands& commands, const std::vector<ConfPatch>& patches)
{
    if (!patches.empty() && !find_program("patch"))
        throw Error(ErrorCode::make_missing,
                    {{"module", commands.work().step.module.text()}, {"program", "patch"}, {"package", "patch"}});
    for (const ConfPatch& patch : patches) check_patch(commands, patch.file);
    for (const ConfPatch& patch : patches) apply(commands, patch.file);
}

} // namespace dkms
