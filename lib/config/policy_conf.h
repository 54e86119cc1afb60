// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"
#include "lib/model/policy.h"

#include <string>
#include <utility>
#include <vector>

namespace dkms {

/// What the administrator says of single modules, dkms-policy.conf(5): lines "MODULE POLICY" in /etc/dkms/policy.conf
/// and policy.conf.d/*.conf, where MODULE is a glob(7); '#' begins a comment. The last line that matches counts. It is
/// not a shell's file: it decides whether a package transaction fails.
class PolicyConf {
public:
    /// Files that are missing say nothing; lines that cannot be understood are in faults().
    explicit PolicyConf(const Places& places);

    Policy policy_for(const std::string& module) const;                ///< optional, when nothing is said of it
    const std::vector<std::string>& faults() const { return faults_; } ///< sentences: file, line, what is wrong

private:
    void read(const std::filesystem::path& file);

    std::vector<std::pair<std::string, Policy>> lines_;
    std::vector<std::string> faults_;
};

} // namespace dkms
