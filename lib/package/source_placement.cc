// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/source_placement.h"

#include "lib/build/private_directory.h"
#include "lib/files/copy_tree.h"
#include "lib/package/staged_tree.h"
#include "lib/tree/directory.h"

#include <cerrno>
#include <cstdio>

#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

void copy_all(const fs::path& from, const fs::path& to) { copy_tree(from, to, {::geteuid(), ::getegid()}); }

/// Moves a directory, also to another file system.
void move(const fs::path& from, const fs::path& to)
{
    if (::rename(from.c_str(), to.c_str()) == 0) return;
    if (errno != EXDEV) refuse_change(to, errno);
    copy_all(from, to);
    StagedTree(to).sync();
}

} // namespace

SourcePlacement::SourcePlacement(const Layout& layout, const ModuleId& module)
    : layout_(layout), place_(layout.source_in_source_tree(module)),
      beside_(place_.parent_path() / (".dkmsd-" + place_.filename().string()))
{
}

void SourcePlacement::place(const fs::path& source, bool replace)
{
    remove_quietly(beside_);
    make_directories(place_.parent_path());
    if (replace || !leads_to_directory(place_)) {
        move(source, beside_);
    } else {
        copy_all(place_, beside_);
        copy_all(source, beside_);
        StagedTree(beside_).sync();
    }
    placed_ = Replacement::put(layout_, beside_, place_);
    sync_directory(place_.parent_path());
}

void SourcePlacement::finish() noexcept
{
    placed_.reset();
    remove_quietly(beside_);
}

void SourcePlacement::undo() noexcept
{
    if (placed_) placed_->undo();
    finish();
}

} // namespace dkms
