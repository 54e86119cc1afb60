// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/name_help.h"

#include "client/suggestion.h"
#include "client/text.h"
#include "lib/files/names_in.h"

#include <algorithm>

namespace dkms {
namespace {

namespace fs = std::filesystem;

ModuleId module_in(const std::string& text)
{
    const auto slash = text.find('/');
    return {text.substr(0, slash), slash == std::string::npos ? "" : text.substr(slash + 1)};
}

/// Among the names in the directory that the missing one would be in.
std::string near_sibling(const fs::path& missing)
{
    return did_you_mean(missing.filename().string(),
                        names_in(missing.parent_path()).value_or(std::vector<std::string>{}));
}

/// <install tree>/K of a path in it.
fs::path directory_of_kernel(fs::path path, const std::string& release)
{
    while (path.has_relative_path() && path.filename() != release) path = path.parent_path();
    return path;
}

/// "1.0, 1.1": what is registered of the module; and the names of all modules.
struct Registered {
    std::string versions;
    std::vector<std::string> names;
};
Registered registered(const std::string& name, Transport& transport)
{
    Registered found;
    for (const ModuleStatus& one : transport.status({})) {
        found.names.push_back(one.module.name);
        if (one.module.name == name) found.versions += (found.versions.empty() ? "" : ", ") + one.module.version;
    }
    return found;
}

std::string module_hint(const ModuleId& module, const std::string& source, Transport& transport)
{
    const Registered known = registered(module.name, transport);
    if (!known.versions.empty())
        return "Registered versions of " + printable(module.name) + ": " + printable(known.versions) + ".";
    return source.empty() ? did_you_mean(module.name, known.names) : source;
}

/// A module that is not registered, but whose source is there: without a version it is not added.
std::string source_hint(const Error& error)
{
    const fs::path source = error.parameter("path"); // <source tree>/M-, or M-V
    const std::string name = module_in(error.parameter("module")).name;
    if (!source.has_parent_path() || name.empty()) return {};
    for (const std::string& one : names_in(source.parent_path()).value_or(std::vector<std::string>{}))
        if (one.starts_with(name + "-") && one.size() > name.size() + 1)
            return "To register the source " + printable((source.parent_path() / one).string()) + ": dkmsctl add " +
                   printable(name + "/" + one.substr(name.size() + 1));
    return {};
}

std::string hint_for(const Error& error, Transport& transport)
{
    switch (error.code()) {
    case ErrorCode::no_such_module:
        return module_hint(module_in(error.parameter("module")), source_hint(error), transport);
    case ErrorCode::no_such_kernel: {
        const fs::path kernel = directory_of_kernel(error.parameter("path"), error.parameter("kernel"));
        return kernel.has_relative_path() ? near_sibling(kernel) : "";
    }
    case ErrorCode::source_missing:
        return near_sibling(error.parameter("path"));
    default:
        return "";
    }
}

} // namespace

std::string near_module(const ModuleId& module, Transport& transport) { return module_hint(module, "", transport); }

Error with_near_name(const Error& error, Transport& transport) noexcept
{
    try {
        const std::string near = hint_for(error, transport);
        if (near.empty()) return error;
        Parameters parameters = error.parameters();
        parameters.insert_or_assign("remedy", near);
        return Error(error.code(), std::move(parameters));
    } catch (const std::exception&) {
        return error;
    }
}

} // namespace dkms
