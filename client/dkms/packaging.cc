// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/packaging.h"

#include <array>

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
    for (std::size_t i = 0; i < words.distributions.size(); ++i) {
        // One release is for all, several are for one distribution each.
        const std::size_t which = words.releases.size() == 1 ? 0 : i;
        options.distributions.push_back(words.distributions[i] +
                                        (which < words.releases.size() ? "/" + words.releases[which] : ""));
    }
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
