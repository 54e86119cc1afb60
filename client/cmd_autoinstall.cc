// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/change.h"
#include "client/follow.h"
#include "client/json.h"
#include "client/kernel_outcome.h"
#include "client/wording.h"
#include "lib/files/file_kind.h"
#include "lib/files/names_in.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>

namespace dkms {
namespace {

bool had_nothing_to_do(const ProgressBoard& board)
{
    const JobProgress* const whole = board.outermost();
    return whole != nullptr && whole->ended && whole->ended->result == Result::skipped && !whole->ended->error &&
           board.parts().empty();
}

/// What a hook of a kernel's package says: of a kernel that lacks nothing, nothing.
Console console_of_hook(const Console& console, const std::unique_ptr<Renderer>& renderer)
{
    Console result = console;
    result.out = [out = console.out, &renderer](std::string_view text) {
        if (!renderer || !had_nothing_to_do(renderer->board())) out(text);
    };
    return result;
}

int carry_out(const Invocation& invocation, Console& console)
{
    const auto [transport, job] = submit_change(invocation, console);
    if (!job) return 0;
    const bool service = transport->jobs_outlive_client();
    std::unique_ptr<Renderer> renderer;
    Console of_hook = console_of_hook(console, renderer);
    Console& shown = invocation.hook && !invocation.json ? of_hook : console;
    renderer = make_renderer(shown, service, invocation.json, invocation.quiet);
    ExitCode exit_code = exit_code_of;
    if (invocation.hook) exit_code = hook_exit_code;
    const int code = follow_jobs(*transport, {*job}, *renderer, OnInterrupt::cancel, exit_code);
    if (!invocation.json && !invocation.quiet) console.out(kernel_summary(renderer->board()));
    console.err(boot_warning(renderer->board(), service, running_release()));
    return code;
}

/// Nothing is known about any module then, so nothing can be said to be required.
int hook_failed(const Error& error, const Invocation& invocation, Console& console)
{
    const auto& kernels = invocation.request.kernels;
    const std::string kernel = kernels.empty() ? running_release() : kernels.front().release;
    if (invocation.json) print_json(console, to_json(error));
    console.err(error_text(error) + "Kernel " + kernel + " may lack modules; to try again: dkmsctl autoinstall -k " +
                kernel + "\n");
    return 0;
}

/// Which have headers, the jobs find out.
std::vector<KernelId> all_kernels(const Invocation& invocation)
{
    const auto tree = choose_transport(invocation.places, invocation.needs_stdio())->install_tree();
    std::vector<KernelId> kernels;
    for (const std::string& name : names_in(tree).value_or(std::vector<std::string>()))
        if (is_present(tree / name / "build") || is_present(tree / name / "source")) kernels.push_back({name, ""});
    if (kernels.empty())
        throw Error(ErrorCode::invalid_args,
                    {{"reason", "no kernel in " + tree.string() + " has its headers installed"}});
    std::sort(kernels.begin(), kernels.end(),
              [](const KernelId& a, const KernelId& b) { return compare_versions(a.release, b.release) < 0; });
    return kernels;
}

int for_all_kernels(const Invocation& invocation, Console& console)
{
    if (invocation.json) throw Error(ErrorCode::invalid_args, {{"reason", "--json is for one kernel at a time"}});
    int code = 0;
    for (const KernelId& kernel : all_kernels(invocation)) {
        Invocation one = invocation;
        one.request.options.all_kernels = false;
        one.request.kernels = {kernel};
        const int ended = run_autoinstall(one, console);
        if (code == 0) code = ended;
    }
    return code;
}

} // namespace

int run_autoinstall(const Invocation& invocation, Console& console)
{
    if (invocation.request.options.all_kernels) return for_all_kernels(invocation, console);
    if (!invocation.hook) return carry_out(invocation, console);
    try {
        return carry_out(invocation, console);
    } catch (const Error& error) {
        return hook_failed(error, invocation, console);
    }
}

} // namespace dkms
