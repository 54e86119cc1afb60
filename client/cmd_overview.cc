// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/help.h"
#include "client/missing_modules.h"
#include "client/status_table.h"
#include "client/transport.h"
#include "client/wording.h"

#include <nlohmann/json.hpp>

namespace dkms {

/// The commands are shown even where the trees cannot be looked at.
int run_overview(const Invocation&, Console& console)
{
    int exit_code = 0;
    try {
        const auto transport = choose_transport({}, false);
        console.out(status_summary(transport->status({})) + gap_sentences(transport->kernels_missing_modules()) + "\n");
    } catch (const Error& error) {
        console.err(error_text(error) + "\n");
        exit_code = error.exit_code(Verb::add);
    }
    console.out(general_help());
    return exit_code;
}

} // namespace dkms
