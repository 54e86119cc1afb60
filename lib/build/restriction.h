// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/workplace.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// A restriction of builds that explains why a command failed.
struct Restriction {
    std::string what;    ///< the end of a sentence: "builds have no network access"
    std::string excerpt; ///< the line that shows it
    std::string remedy;  ///< sentences: what to do, with the switch of dkms-policy.conf(5)
};

/// A text that a command has run, for what fails without a word: "f.sh" and its content.
struct CommandText {
    std::string name;
    std::string text;
};

/// The beginning of an open file, for a CommandText: at most 1 MiB; empty if it cannot be read.
std::string beginning_of(const Descriptor& file);

/// Finds restrictions in what failed commands of one build have written: no network, a place that cannot be written or
/// is hidden, no way to become root, a tree that is mounted noexec.
class RestrictionFinder {
public:
    /// `policy_file`: the file to name in remedies, <configuration>/policy.conf.
    RestrictionFinder(const Workplace& workplace, std::string module, std::filesystem::path policy_file)
        : workplace_(workplace), module_(std::move(module)), policy_file_(std::move(policy_file))
    {
    }

    /// What explains the failure: a restriction that shows in the lines chosen as its reason, or, unless these are the
    /// compiler's, in any line. Where the output has nothing that explains it, the first command in `texts` that needs
    /// a network, if the build had none.
    std::optional<Restriction> find(std::string_view output, const std::vector<CommandText>& texts) const;

private:
    std::optional<Restriction> in_line(std::string_view line) const;
    std::optional<Restriction> in_text(const CommandText& text) const;
    std::string switch_line(const std::string& words) const;
    Restriction no_network() const;

    const Workplace& workplace_;
    std::string module_;
    std::filesystem::path policy_file_;
};

} // namespace dkms
