// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/lint_uname.h"

#include "lib/config/line_pattern.h"

#include <algorithm>
#include <set>

namespace dkms {
namespace {

class UnameLint {
public:
    UnameLint(const LintSubject& subject, const MakefileOutline& makefile, const MakefileVariables& given,
              Ground ground, Findings& findings)
        : subject_(subject), makefile_(makefile), given_(given), ground_(ground), findings_(findings)
    {
    }

    void look()
    {
        if (makefile_.by_kbuild || kernels_own_build()) return;
        static const LinePattern uname("uname[[:blank:]]+(-[a-z]*r|--kernel-release)");
        for (const MakefileAssignment& one : makefile_.assignments)
            if (uname.fits(one.value) && !asks_for_given(one.value) && matters(one.variable)) add(one.variable, one);
        for (const MakefileLine& line : makefile_.others)
            if (uname.fits(line.text) && builds(line)) add("", line);
    }

private:
    void add(const std::string& variable, const MakefilePlace& place)
    {
        if (!make_knows_kernel())
            findings_.add("uname-in-makefile", place.file, place.line, {{"variable", variable}},
                          place.sure && is_set_once(variable) ? ground_ : Ground::likely);
        else if (!variable.empty())
            findings_.add("uname-beside-make", place.file, place.line, {{"variable", variable}});
    }

    /// "$(or $(KERNELRELEASE),$(shell uname -r))": uname is a default only. Scripts and make find kernelver in their
    /// environment.
    bool asks_for_given(const std::string& value) const
    {
        const auto names = [&](const std::string& name) {
            return value.find("$(" + name + ")") != std::string::npos ||
                   value.find("${" + name + "}") != std::string::npos;
        };
        return names("kernelver") || names("kernel_source_dir") ||
               std::any_of(given_.begin(), given_.end(), [&](const auto& one) { return names(one.first); });
    }

    bool is_set_once(const std::string& variable) const
    {
        const auto& all = makefile_.assignments;
        return std::count_if(all.begin(), all.end(), [&](const auto& one) { return one.variable == variable; }) <= 1;
    }

    /// Whether a value gets from this variable into a command, not only into defaults of variables that MAKE gives.
    bool matters(const std::string& variable)
    {
        if (given_.count(variable) != 0) return false;
        if (!visited_.insert(variable).second) return false;
        const LinePattern use("\\$[({]" + escaped(variable) + "[)}]|[$][({][^)}]*[$][({]" + escaped(variable) + "[)}]");
        const auto& lines = makefile_.others;
        if (std::any_of(lines.begin(), lines.end(),
                        [&](const MakefileLine& line) { return use.fits(line.text) && builds(line); }))
            return true;
        for (const MakefileAssignment& one : makefile_.assignments)
            if (use.fits(one.value) && matters(one.variable)) return true;
        return false;
    }

    /// Whether a build gets to that line: not one of a recipe that installs, cleans or tries.
    static bool builds(const MakefileLine& line)
    {
        static const LinePattern other(
            "install|clean|load|setup|deploy|dkms|test|check|help|dist|package|deb|rpm|sign");
        return !other.fits(line.target);
    }

    static std::string escaped(const std::string& name)
    {
        std::string result;
        for (const char c : name)
            result += std::string(".$*+?()[]{}|^\\").find(c) != std::string::npos ? "\\" + std::string(1, c)
                                                                                  : std::string(1, c);
        return result;
    }

    /// MAKE is the default, or every one of them runs in the kernel's directory: this Makefile is then read by kbuild.
    bool kernels_own_build() const
    {
        const auto makes = subject_.elements("MAKE");
        const std::string& release = subject_.context.kernel.release;
        return std::all_of(makes.begin(), makes.end(), [&](const auto& make) {
            static const LinePattern elsewhere("-C[[:blank:]]*([^[:blank:]]+)");
            const auto directory = elsewhere.group(make.second, 1);
            return directory && directory->find(release) != std::string::npos;
        });
    }

    bool make_knows_kernel() const
    {
        const auto makes = subject_.elements("MAKE");
        return std::none_of(makes.begin(), makes.end(),
                            [&](const auto& make) { return subject_.ignores_kernel("MAKE", make.first); });
    }

    const LintSubject& subject_;
    const MakefileOutline& makefile_;
    const MakefileVariables& given_;
    const Ground ground_;
    Findings& findings_;
    std::set<std::string> visited_;
};

} // namespace

void lint_uname(const LintSubject& subject, const MakefileOutline& makefile, const MakefileVariables& given,
                Ground ground, Findings& findings)
{
    UnameLint(subject, makefile, given, ground, findings).look();
}

} // namespace dkms
