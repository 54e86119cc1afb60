// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/loaded.h"

#include "lib/files/file_kind.h"
#include "lib/files/walk.h"
#include "lib/tree/registration.h"

#include <algorithm>

namespace dkms {

bool Loaded::has_source() const { return leads_to_directory(source()); }

bool Loaded::is_of_dkms() const { return leads_to_directory(version()); }

std::vector<KernelId> Loaded::builds() const
{
    std::vector<KernelId> kernels;
    for (const std::string& release : directories_in(version())) {
        if (release == "source") continue; // see conf_only()
        for (const std::string& arch : directories_in(version() / release)) kernels.push_back({release, arch});
    }
    std::sort(kernels.begin(), kernels.end());
    return kernels;
}

std::filesystem::path Loaded::conf() const { return (has_source() ? source() : conf_only()) / "dkms.conf"; }

Error renamed(const Error& error, const std::filesystem::path& staged, const std::string& place)
{
    const std::string prefix = staged.string();
    Parameters parameters = error.parameters();
    for (auto& [name, value] : parameters)
        if (value.compare(0, prefix.size(), prefix) == 0) value = place + value.substr(prefix.size());
    return Error(error.code(), std::move(parameters));
}

void check_not_added(const Layout& layout, const ModuleId& module, bool of_dkms, bool force)
{
    if (force || !Registration::is_added(layout, module)) return;
    Parameters parameters{{"module", module.text()}, {"tree", layout.tree().string()}};
    if (of_dkms) parameters["exit_code"] = "8";
    throw Error(ErrorCode::already_added, std::move(parameters));
}

} // namespace dkms
