// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/repair.h"

#include "lib/files/remove_tree.h"
#include "lib/install/depmod.h"
#include "lib/install/originals.h"
#include "lib/install/transaction.h"
#include "lib/model/error.h"
#include "lib/tree/layout.h"

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Also what a build has owned, which is deleted with the build's rights.
void drop(const fs::path& path)
{
    if (fs::is_directory(fs::symlink_status(path)))
        remove_private_directory(path);
    else
        remove_tree(path);
}

/// Empty when the index is as it should be now.
std::string index_again(const Places& places, const std::string& release)
{
    return DepmodCommand(places, release).run().failure.value_or("");
}

std::string put_originals_back(const Problem& problem, const Places& places)
{
    Transaction transaction(places, problem.module, problem.kernel, ErrorCode::tree_not_writable);
    transaction.needs_depmod();
    const auto events = Originals(places, problem.module, problem.kernel).restore(transaction, std::nullopt);
    if (events.empty()) return "nothing says where it belongs";
    transaction.stage();
    transaction.apply();
    const bool is_indexed = fs::exists(modules_dep(places, problem.kernel.release));
    const std::string fault = is_indexed ? index_again(places, problem.kernel.release) : std::string();
    transaction.commit();
    return fault;
}

std::string carry_out(const Problem& problem, const Places& places)
{
    switch (problem.kind) {
    case ProblemKind::leftover:
    case ProblemKind::half_built:
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
    case ProblemKind::index_outdated:
        return index_again(places, problem.kernel.release);
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
    } catch (const fs::filesystem_error& error) {
        problem.reason = error.what();
    }
    problem.repaired = problem.reason.empty();
}

} // namespace dkms
