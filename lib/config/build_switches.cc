// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/build_switches.h"

#include "lib/config/conf_source.h"
#include "lib/config/policy_conf.h"
#include "lib/model/error.h"

#include <optional>

namespace dkms {
namespace {

namespace fs = std::filesystem;

std::optional<SandboxUse> sandbox_use_of(const std::string& name)
{
    if (name == "off") return SandboxUse::off;
    if (name == "preferred") return SandboxUse::preferred;
    if (name == "required") return SandboxUse::required;
    return std::nullopt;
}

class SwitchReader {
public:
    SwitchReader(const Places& places, const std::string& module) : places_(places), module_(module), conf_(places) {}

    BuildSwitches read(const std::map<std::string, std::string>& settings)
    {
        switches_.faults = conf_.faults_for(module_);
        if (const auto set = settings.find("sandbox"); set != settings.end())
            switches_.sandbox = sandbox_use_of(set->second).value_or(switches_.sandbox);
        read_old_file();
        read_words();
        read_paths("read", switches_.read);
        read_paths("write", switches_.write);
        return std::move(switches_);
    }

private:
    void read_old_file()
    {
        const fs::path file = places_.config_dir / module_ / "network";
        const std::string reason = untrusted_because(file);
        if (!reason.empty()) return switches_.faults.push_back(file.string() + " is ignored: " + reason + ".");
        try {
            switches_.network = read_conf_source(file).text.starts_with("allow");
        } catch (const Error& error) {
            if (error.code() != ErrorCode::conf_missing) switches_.faults.push_back(error.message());
        }
    }

    void read_words()
    {
        for (const PolicyLine& line : conf_.lines_of("network", module_))
            if (line.values.size() == 1 && (line.values[0] == "allow" || line.values[0] == "deny"))
                switches_.network = line.values[0] == "allow";
            else
                refuse(line, "network is allow or deny");
        for (const PolicyLine& line : conf_.lines_of("sandbox", module_)) {
            const auto use = line.values.size() == 1 ? sandbox_use_of(line.values[0]) : std::nullopt;
            if (use)
                switches_.sandbox = *use;
            else
                refuse(line, "sandbox is one of required, preferred, off");
        }
    }

    void read_paths(std::string_view setting, std::vector<fs::path>& paths)
    {
        for (const PolicyLine& line : conf_.lines_of(setting, module_))
            for (const std::string& value : line.values) {
                const fs::path path = fs::path(value).lexically_normal();
                if (!path.is_absolute() || path == path.root_path())
                    refuse(line, "'" + value + "' is not an absolute path below /");
                else
                    paths.push_back(path.has_filename() ? path : path.parent_path());
            }
    }

    void refuse(const PolicyLine& line, const std::string& reason)
    {
        switches_.faults.push_back(line.place + ": " + reason + "; the line is ignored, see dkms-policy.conf(5).");
    }

    const Places& places_;
    const std::string& module_;
    PolicyConf conf_;
    BuildSwitches switches_;
};

} // namespace

std::vector<std::string> BuildSwitches::opened() const
{
    // Without a sandbox there is nothing that the others could open.
    if (sandbox == SandboxUse::off) return {"sandbox off"};
    std::vector<std::string> words;
    if (network) words.emplace_back("network");
    for (const fs::path& path : read) words.push_back("read " + path.string());
    for (const fs::path& path : write) words.push_back("write " + path.string());
    return words;
}

BuildSwitches build_switches(const Places& places, const std::string& module,
                             const std::map<std::string, std::string>& settings)
{
    return SwitchReader(places, module).read(settings);
}

} // namespace dkms
