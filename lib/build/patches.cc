// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/patches.h"

#include "lib/config/expression.h"
#include "lib/files/inside.h"
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

/// Opens a patch where it was copied to. Links in the source are followed as long as they stay in it.
Descriptor open_patch(const BuildCommands& commands, const std::string& file)
{
    const std::string module = commands.work().step.module.text();
    const std::filesystem::path path(file);
    if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end())
        throw Error(ErrorCode::patch_outside, {{"patch", file}, {"module", module}});
    Descriptor content = open_inside(commands.workplace().build(), std::filesystem::path("patches") / path);
    if (!content)
        throw Error(
            ErrorCode::patch_missing,
            {{"patch", file}, {"module", module}, {"path", (commands.workplace().shown_build() / "patches").string()}});
    return content;
}

void apply(BuildCommands& commands, const std::string& file, const Descriptor& content)
{
    BuildCommand patch;
    patch.what = "patch";
    patch.subject = file;
    patch.description = "Applying patch " + file;
    patch.text = "patch -p1 < ./patches/" + file;
    patch.command.argv = {"patch", "-p1"};
    patch.command.input = content.number();
    if (!commands.run(std::move(patch)).ok())
        throw commands.explained(
            Error(ErrorCode::patch_failed, {{"patch", file}, {"module", commands.work().step.module.text()}}));
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
    // All are opened before the first is applied: from then on the directory is the build's.
    std::vector<Descriptor> contents;
    for (const ConfPatch& patch : patches) contents.push_back(open_patch(commands, patch.file));
    for (std::size_t i = 0; i < patches.size(); ++i) apply(commands, patches[i].file, contents[i]);
}

} // namespace dkms
