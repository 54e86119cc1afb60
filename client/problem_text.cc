// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/problem_text.h"

#include "client/text.h"

#include <algorithm>
#include <array>

namespace dkms {
namespace {

struct Row {
    std::string_view what;     ///< the end of a sentence that begins with the path
    std::string_view repaired; ///< what `check --repair` does
    std::string_view advice;   ///< what a person can do where it is not certain; {module} and {kernel} stand for these
};

// In the order of ProblemKind.
constexpr std::array<Row, 13> rows{{
    {"was left over by an interrupted job or another program.", "It is deleted", "Delete it if you do not need it."},
    {"holds no built modules.", "It is deleted", "Look into it, and delete it if you do not need it."},
    {"has neither a source nor a build.", "It is deleted", "Look into it, and delete it if you do not need it."},
    {"names a version that is not built for that kernel.", "It is deleted",
     "Remove what is still installed: dkmsctl uninstall {module} -k {kernel}"},
    {"cannot be read, or contradicts what is installed.", "It is deleted",
     "Install the module again: dkmsctl install {module} -k {kernel}"},
    {"holds original modules of the kernel, and nothing replaces them.", "They are put back",
     "The kernel's directory does not exist. Delete the archive if you do not need that kernel any more."},
    {"does not list the modules that are there.", "depmod is run", ""},
    {"is missing, although {module} is installed.", "The built module is copied there",
     "Build and install it again: dkmsctl rebuild {module} -k {kernel}"},
    {"is not the module of {module} that was built.", "The built module is copied there",
     "Install it again, if it is not to stay as it is: dkmsctl install {module} -k {kernel}"},
    {"is missing or leads nowhere.", "", "Bring the source back, or remove the module: dkmsctl remove {module} --all"},
    {"was built for a kernel that is not installed.", "",
     "Delete the builds for kernels that are gone, if they are not to come back: dkmsctl prune"},
    {"belongs to no module that DKMS knows.", "", "Delete it if you do not need it, and run depmod."},
    {"is missing, or not what was built.", "The installed module is copied there",
     "Build it again: dkmsctl build {module} -k {kernel} --force"},
}};

std::string filled(std::string_view text, const Problem& problem)
{
    std::string result(text);
    const auto fill = [&](std::string_view name, const std::string& value) {
        for (auto at = result.find(name); at != std::string::npos; at = result.find(name, at + value.size()))
            result.replace(at, name.size(), value);
    };
    fill("{module}", problem.module.text());
    fill("{kernel}", problem.kernel.text());
    return result;
}

std::string second_line(const Problem& problem, const Row& row)
{
    if (problem.repaired) return std::string(row.repaired) + ": done.";
    if (!problem.reason.empty()) return std::string(row.repaired) + ": that failed: " + problem.reason;
    if (problem.certain) return std::string(row.repaired) + " by: dkmsctl check --repair";
    return filled(row.advice, problem);
}

} // namespace

std::string problem_text(const Problem& problem)
{
    const Row& row = rows.at(static_cast<std::size_t>(problem.kind));
    return "  " + printable(problem.path + " " + filled(row.what, problem)) + "\n    " +
           printable(second_line(problem, row)) + "\n";
}

std::string problems_summary(const std::vector<Problem>& problems)
{
    const auto repaired = static_cast<std::size_t>(
        std::count_if(problems.begin(), problems.end(), [](const Problem& problem) { return problem.repaired; }));
    std::string text = count_text(problems.size(), "problem");
    if (repaired == problems.size() && repaired > 0) return text + (repaired == 1 ? ", repaired" : ", all repaired");
    return repaired == 0 ? text : text + ", " + std::to_string(repaired) + " of them repaired";
}

} // namespace dkms
