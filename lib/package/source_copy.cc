// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/source_copy.h"

#include "lib/files/copy_tree.h"
#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/tree/directory.h"

#include <cerrno>

namespace dkms {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason)
{
    throw Error(ErrorCode::source_unreadable, {{"module", path}, {"path", path}, {"reason", reason}});
}

void copy_file(const Found& found, const std::string& name, StagedTree& into)
{
    const Descriptor from = found.open_file();
    if (!from) refuse(name + "/" + found.path, errno_text(errno));
    const Descriptor to = into.make_file(found.path);
    if (const int number = copy_content(from.number(), to.number())) refuse_change(found.path, number);
    into.finish_file(to, found.path, found.facts.st_mode, found.facts.st_mtim);
}

} // namespace

void copy_source(int directory, const std::string& name, StagedTree& into, Cancellation& cancellation)
{
    try {
        walk(directory, [&](const Found& found) {
            cancellation.check();
            if (S_ISDIR(found.facts.st_mode)) into.make_directory(found.path);
            if (S_ISREG(found.facts.st_mode)) copy_file(found, name, into);
            if (S_ISLNK(found.facts.st_mode)) into.make_link(found.path, found.link_text());
        });
    } catch (const StagedTree::Conflict& conflict) {
        refuse(name + "/" + conflict.what(), "it changes while it is read");
    }
}

} // namespace dkms
