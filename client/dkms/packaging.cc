// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/packaging.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace dkms::legacy {
namespace {

struct ActionFormat {
    std::string_view action;
    PackFormat format;
};
constexpr std::array<ActionFormat, 6> action_formats{{{"mkrpm", PackFormat::rpm},
                                                      {"mkdeb", PackFormat::deb},
                                                      {"mkdsc", PackFormat::dsc},
                                                      {"mkbmdeb", PackFormat::bmdeb},
                                                      {"mkkmp", PackFormat::kmp},
                                                      {"mkdriverdisk", PackFormat::driver_disk}}};

struct PackExit {
    PackFormat format;
    ErrorCode error;
    int exit_code;
};
// Where an action had another code than the error table has.
constexpr std::array<PackExit, 12> exit_codes{{{PackFormat::rpm, ErrorCode::no_such_module, 2},
                                               {PackFormat::rpm, ErrorCode::not_built, 5},
                                               {PackFormat::deb, ErrorCode::no_such_module, 2},
                                               {PackFormat::deb, ErrorCode::tool_missing, 4},
                                               {PackFormat::dsc, ErrorCode::no_such_module, 2},
                                               {PackFormat::dsc, ErrorCode::tool_missing, 4},
                                               {PackFormat::bmdeb, ErrorCode::no_such_module, 2},
                                               {PackFormat::bmdeb, ErrorCode::tool_missing, 4},
                                               {PackFormat::kmp, ErrorCode::no_such_module, 2},
                                               {PackFormat::driver_disk, ErrorCode::no_such_module, 2},
                                               {PackFormat::driver_disk, ErrorCode::not_built, 5},
                                               {PackFormat::driver_disk, ErrorCode::invalid_args, 3}}};

} // namespace

std::optional<PackFormat> format_of_action(std::string_view action)
{
    for (const ActionFormat& row : action_formats)
        if (row.action == action) return row.format;
    return std::nullopt;
}

void set_packaging(Options& options, PackFormat format, const Words& words)
{
    options.format = format;
    const auto& [names, releases] = std::tie(words.distributions, words.releases);
    const auto add = [&](const std::string& name, const std::string& release) {
        options.distributions.push_back(name + (release.empty() ? "" : "/" + release));
    };
    if (names.size() == 1 && releases.size() > 1) {
        for (const std::string& release : releases) add(names.front(), release);
        return;
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::size_t which = releases.size() == 1 ? 0 : i;
        add(names[i], which < releases.size() ? releases[which] : "");
    }
}

void check_driver_disk(const Words& words)
{
    if (words.distributions.empty())
        throw Fault{1,
                    "No distribution was given with -d.\nUsage: mkdriverdisk -d <distribution> [-r <release>] "
                    "[--media <medium>] <module>/<module-version>",
                    false};
    constexpr std::array<std::string_view, 6> media{"", "floppy", "img", "iso", "tar", "cpio.gz"};
    if (std::find(media.begin(), media.end(), words.options.media) == media.end())
        throw Fault{1, "Media type \"" + words.options.media + "\" is none of floppy, img, iso, tar and cpio.gz.",
                    false};
}

int exit_code_for(const Error& error, const Request& request)
{
    if (request.verb == Verb::pack)
        for (const PackExit& row : exit_codes)
            if (row.format == request.options.format && row.error == error.code()) return row.exit_code;
    return error.exit_code(request.verb);
}

int exit_code_for(const ProgressBoard& board)
{
    const JobProgress* const job = board.outermost();
    if (job == nullptr || job->request.verb != Verb::pack || !job->ended || !job->ended->error)
        return exit_code_of(board);
    return exit_code_for(*job->ended->error, job->request);
}

} // namespace dkms::legacy
