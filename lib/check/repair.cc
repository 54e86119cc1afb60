// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/repair.h"

#include "lib/check/copies.h"
#include "lib/files/file_kind.h"
#include "lib/files/remove_tree.h"
#include "lib/install/depmod.h"
#include "lib/install/indexing.h"
#include "lib/install/ownership.h"
#include "lib/install/transaction.h"
#include "lib/model/error.h"
#include "lib/tree/layout.h"

#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Also what a build has owned, which is deleted with the build's rights.
void drop(const fs::path& path)
{
    if (kind_of_file(path) == fs::file_type::directory)
        remove_private_directory(path);
    else
        remove_tree(path);
}

/// Empty when the index is as it should be now.
std::string index_again(const Places& places, const std::string& release)
{
    return DepmodCommand(places, release).run().failure.value_or("");
}

std::string index_again_for(const Problem& problem, const Places& places)
{
    if (problem.kernel.arch.empty()) return index_again(places, problem.kernel.release);
    return index_again(places, problem.kernel).value_or("");
}

/// The module gives up all that it has archived, as if it had been uninstalled now.
std::string put_originals_back(const Problem& problem, const Places& places)
{
    Transaction transaction(places, problem.module, problem.kernel, ErrorCode::tree_not_writable);
    transaction.needs_depmod();
    Ownership ownership(places, problem.module, problem.kernel, std::nullopt);
    ownership.give_up_but(transaction, {});
    ownership.plan(transaction);
    if (transaction.empty()) return "nothing says where it belongs";
    transaction.stage();
    transaction.apply();
    const bool is_indexed = is_present(modules_dep(places, problem.kernel.release));
    std::string fault = is_indexed ? index_again(places, problem.kernel.release) : std::string();
    transaction.commit();
    ::rmdir(Layout(places).module(problem.module.name).c_str()); // stays while anything else is in it
    return fault;
}

std::string carry_out(const Problem& problem, const Places& places)
{
    switch (problem.kind) {
    case ProblemKind::half_built:
        drop(problem.path);
        if (!problem.kernel.arch.empty())
            ::rmdir(fs::path(problem.path).parent_path().c_str()); // stays while another architecture is in it
        return {};
    case ProblemKind::leftover:
    case ProblemKind::half_added:
    case ProblemKind::bad_record:
        drop(problem.path);
        return {};
    case ProblemKind::bad_link:
        drop(Layout(places).install_record(problem.module.name, problem.kernel));
        drop(problem.path);
        return {};
    case ProblemKind::orphaned_original:
        return put_originals_back(problem, places);
    case ProblemKind::module_missing:
    case ProblemKind::module_differs:
    case ProblemKind::build_damaged:
        return restore(problem, places) ? "" : "neither of its copies is what was built";
    case ProblemKind::index_outdated:
        return index_again_for(problem, places);
    default:
        return "it is not certain what to do";
    }
}

} // namespace

void repair(Problem& problem, const Places& places)
{
    try {
        problem.reason = carry_out(problem, places);
    } catch (const Error& error) {
        problem.reason = error.message();
    }
    problem.repaired = problem.reason.empty();
}

} // namespace dkms
