// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"
#include "lib/model/policy.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dkms {

/// A line "MODULE SETTING VALUE…" of the administrator's, for one who knows what its values mean.
struct PolicyLine {
    std::string module;              ///< a glob(7)
    std::string setting;             ///< "network"
    std::vector<std::string> values; ///< at least one
    std::string place;               ///< for messages: "/etc/dkms/policy.conf:3"
};

/// What the administrator says of single modules, dkms-policy.conf(5): lines "MODULE POLICY" and "MODULE SETTING
/// VALUE…" in /etc/dkms/policy.conf and policy.conf.d/*.conf, where MODULE is a glob(7); '#' begins a comment. It is
/// not a shell's file: it decides whether a package transaction fails, and what a build may do. So a file is ignored
/// which anyone but root and the user of this process could have written, or whose directory they could.
class PolicyConf {
public:
    /// Files that are missing say nothing; lines that cannot be understood are in faults().
    explicit PolicyConf(const Places& places);

    /// The last line that matches; optional, when nothing is said of it.
    Policy policy_for(const std::string& module) const;
    /// The lines about a setting that match the module, in the order in which they were read.
    std::vector<PolicyLine> lines_of(std::string_view setting, const std::string& module) const;

    /// Sentences: file, line, what is wrong.
    std::vector<std::string> faults() const;
    /// Those that concern the module: of lines that match it, and of files that were not read.
    std::vector<std::string> faults_for(const std::string& module) const;

private:
    struct Fault {
        std::string module; ///< a glob(7)
        std::string sentence;
    };

    void read(const std::filesystem::path& file);
    void read_line(const std::string& line, const std::string& place);

    std::vector<std::pair<std::string, Policy>> policies_;
    std::vector<PolicyLine> settings_;
    std::vector<Fault> faults_;
};

/// Why what stands at `path` is not to be trusted: "others than root can write it". Empty if only root and the user of
/// this process can write the file and the directory it is in, or if there is none.
std::string untrusted_because(const std::filesystem::path& path);

} // namespace dkms
