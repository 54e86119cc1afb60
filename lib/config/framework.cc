// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/framework.h"

#include "lib/config/conf_bash.h"
#include "lib/config/conf_fault.h"
#include "lib/config/conf_native.h"
#include "lib/config/conf_values.h"
#include "lib/files/names_in.h"
#include "lib/model/error.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>

namespace dkms {
namespace {

using Settings = std::map<std::string, std::string>;

constexpr std::array<std::string_view, 20> setting_names{"source_tree",
                                                         "dkms_tree",
                                                         "install_tree",
                                                         "tmp_location",
                                                         "verbose",
                                                         "symlink_modules",
                                                         "modprobe_on_install",
                                                         "parallel_jobs",
                                                         "compress_gzip_opts",
                                                         "compress_xz_opts",
                                                         "compress_zstd_opts",
                                                         "post_transaction",
                                                         "build_environment",
                                                         "sign_file",
                                                         "mok_signing_key",
                                                         "mok_certificate",
                                                         "try_sign_modules",
                                                         "autoinstall_all_kernels",
                                                         "continue_on_error",
                                                         "sign_tool"};

constexpr std::array<const char*, 13> inheritable{
    "parallel_jobs",     "modprobe_on_install", "post_transaction", "build_environment", "sign_file",
    "mok_signing_key",   "mok_certificate",     "try_sign_modules", "ADDON_MODULES_DIR", "NO_WEAK_MODULES",
    "SOURCE_DATE_EPOCH", "MODULES_SIGN_KEY",    "MODULES_SIGN_CERT"};

/// The names of *.conf in a directory, in order; none where it is missing. Throws Error ConfUnreadable.
std::vector<std::filesystem::path> parts_in(const std::filesystem::path& directory)
{
    std::vector<std::filesystem::path> paths;
    std::vector<std::string> names;
    try {
        names = names_in(directory).value_or(names);
    } catch (const Error& error) {
        Parameters parameters = error.parameters();
        parameters["file"] = directory.string();
        throw Error(ErrorCode::conf_unreadable, std::move(parameters));
    }
    for (const std::string& name : names)
        if (name.front() != '.' && std::filesystem::path(name).extension() == ".conf")
            paths.push_back(directory / name);
    return paths;
}

/// framework.conf and framework.conf.d/*.conf in the order of their names, as far as they exist.
std::vector<ConfSource> framework_sources(const std::filesystem::path& config_dir)
{
    auto paths = parts_in(config_dir / "framework.conf.d");
    paths.insert(paths.begin(), config_dir / "framework.conf");
    std::vector<ConfSource> sources;
    for (const auto& path : paths) {
        try {
            sources.push_back(read_conf_source(path));
        } catch (const Error& error) {
            if (error.code() != ErrorCode::conf_missing) throw;
        }
    }
    return sources;
}

ConfScope framework_scope(const Places& places)
{
    ConfScope scope;
    // Most settings are read before the kernel is known: the name stays until with_kernel.
    scope.variables = {{"kernelver", "${kernelver}"},
                       {"source_tree", places.source_tree.string()},
                       {"dkms_tree", places.dkms_tree.string()},
                       {"install_tree", places.install_tree.string()}};
    scope.names = setting_names;
    return scope;
}

/// bash itself goes on with what it has understood so far; of settings for the whole system that is too little.
void check_syntax(const std::filesystem::path& file)
{
    Command command;
    command.argv = {"bash", "-n", file.string()};
    command.environment = base_environment();
    const Captured said = capture(std::move(command));
    if (!said.status.ok()) throw conf_fault(file, "bash says: " + said.output.substr(0, said.output.find('\n')));
}

ConfVariables run_script(const ConfSource& source, const ConfScope& scope)
{
    check_syntax(source.path);
    BashLimits limits;
    limits.is_roots = true; // it names programs that root runs
    return evaluate_with_bash({&source, 1}, scope, limits);
}

/// Each file has a scope of its own, so that an error names the file it is in.
Settings evaluate(const std::vector<ConfSource>& sources, const Places& places)
{
    ConfScope scope = framework_scope(places);
    Settings settings;
    for (const ConfSource& source : sources) {
        const auto native = evaluate_once_natively({&source, 1}, scope);
        for (const auto& [name, elements] : native ? *native : run_script(source, scope))
            if (const auto first = elements.find(0); first != elements.end())
                settings[name] = scope.variables[name] = first->second;
    }
    return settings;
}

/// Any text means yes, but for those that plainly say no.
bool is_on(std::string value)
{
    std::transform(value.begin(), value.end(), value.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return !value.empty() && value != "no" && value != "n" && value != "false" && value != "0";
}

/// Takes settings into a Framework; absent ones leave the default.
class FrameworkReader {
public:
    FrameworkReader(const Places& places, const Settings& settings)
        : file_(places.config_dir / "framework.conf"), settings_(settings)
    {
    }

    Framework read() const
    {
        Framework framework;
        read_tree("source_tree", framework.source_tree);
        read_tree("dkms_tree", framework.dkms_tree);
        read_tree("install_tree", framework.install_tree);
        read_tree("tmp_location", framework.tmp_location);
        read_switch("verbose", framework.verbose);
        read_switch("symlink_modules", framework.symlink_modules);
        read_switch("modprobe_on_install", framework.modprobe_on_install);
        read_parallel_jobs(framework.parallel_jobs);
        read_text("compress_gzip_opts", framework.compress_gzip_opts);
        read_text("compress_xz_opts", framework.compress_xz_opts);
        read_text("compress_zstd_opts", framework.compress_zstd_opts);
        read_text("post_transaction", framework.post_transaction);
        read_text("build_environment", framework.build_environment);
        read_text("sign_file", framework.sign_file);
        read_text("mok_signing_key", framework.mok_signing_key);
        read_text("mok_certificate", framework.mok_certificate);
        read_try_sign_modules(framework.try_sign_modules);
        return framework;
    }

private:
    void read_text(const std::string& name, std::string& target) const
    {
        const auto found = settings_.find(name);
        if (found == settings_.end()) return;
        if (!is_utf8(found->second))
            throw Error(ErrorCode::conf_not_utf8, {{"file", file_.string()}, {"directive", name}});
        target = found->second;
    }

    void read_tree(const std::string& name, std::string& target) const
    {
        read_text(name, target);
        if (!target.empty() && target.front() != '/')
            throw conf_fault(file_, "The value of " + name + " does not begin with '/'.");
    }

    void read_switch(const std::string& name, bool& target) const
    {
        std::string value;
        read_text(name, value);
        target = is_on(value);
    }

    void read_parallel_jobs(int& target) const
    {
        std::string value;
        read_text("parallel_jobs", value);
        if (value.empty()) return;
        int number = -1;
        const char* const end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, number);
        if (parsed.ec != std::errc() || parsed.ptr != end || number < 0)
            throw conf_fault(file_, "The value of parallel_jobs is not a number.");
        target = number;
    }

    void read_try_sign_modules(std::string& target) const
    {
        std::string value;
        read_text("try_sign_modules", value);
        if (value.empty()) return;
        if (value != "true" && value != "false" && value != "not_in_chroot")
            throw conf_fault(file_, "The value of try_sign_modules is none of true, false, not_in_chroot.");
        target = value;
    }

    std::filesystem::path file_;
    const Settings& settings_;
};

bool continues_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

} // namespace

Framework read_framework(const Places& places, const std::map<std::string, std::string>& inherited)
{
    Settings settings = evaluate(framework_sources(places.config_dir), places);
    settings.insert(inherited.begin(), inherited.end());
    return FrameworkReader(places, settings).read();
}

std::map<std::string, std::string> inherited_settings()
{
    std::map<std::string, std::string> settings;
    for (const char* name : inheritable)
        if (const char* value = std::getenv(name)) settings.emplace(name, value);
    return settings;
}

Places resolve_places(const PlaceOptions& options)
{
    Places places = Places::under(options.root.value_or("/"));
    const Framework framework = read_framework(places);
    const auto choose = [&](std::filesystem::path& place, const std::optional<std::filesystem::path>& named,
                            const std::string& configured) {
        if (named)
            place = places.root / named->relative_path();
        else if (!configured.empty())
            place = places.root / std::filesystem::path(configured).relative_path();
    };
    choose(places.dkms_tree, options.dkms_tree, framework.dkms_tree);
    choose(places.source_tree, options.source_tree, framework.source_tree);
    choose(places.install_tree, options.install_tree, framework.install_tree);
    return places;
}

std::string with_kernel(const std::string& value, const std::string& release)
{
    constexpr std::string_view braced = "${kernelver}";
    constexpr std::string_view plain = "$kernelver";
    std::string result;
    for (std::size_t i = 0; i < value.size();) {
        const std::string_view rest = std::string_view(value).substr(i);
        const bool is_plain = rest.substr(0, plain.size()) == plain &&
                              (rest.size() == plain.size() || !continues_name(rest[plain.size()]));
        if (rest.substr(0, braced.size()) == braced || is_plain) {
            result += release;
            i += is_plain ? plain.size() : braced.size();
        } else {
            result += value[i++];
        }
    }
    return result;
}

} // namespace dkms
