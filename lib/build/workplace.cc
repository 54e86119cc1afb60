// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/workplace.h"

#include "lib/build/command_place.h"
#include "lib/files/closed_above.h"
#include "lib/files/copy_tree.h"
#include "lib/files/inside.h"
#include "lib/files/remove_tree.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/tree/directory.h"
#include "lib/tree/lower_layer.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Empties a build directory, but for the log of a build that failed.
void keep_only_log(const fs::path& build)
{
    const auto directory = Directory::open(build);
    for (const auto& entry : directory ? directory->entries() : std::vector<Directory::Entry>())
        if (entry.name != "make.log") remove_quietly(build / entry.name);
}

/// To go on from there, and nothing else.
void let_in(const fs::path& directory, gid_t group)
{
    constexpr mode_t group_passes = 0710;
    if (::chown(directory.c_str(), 0, group) < 0 || ::chmod(directory.c_str(), group_passes) < 0)
        refuse_change(directory, errno);
}

} // namespace

Workplace::Workplace(const Places& places, const ModuleId& module, const KernelId& kernel, fs::path source,
                     const BuildSwitches& switches, SandboxKind kind)
    : layout_(places), places_(places), module_(module), kernel_(kernel), source_(std::move(source)),
      patches_(places.config_dir / module.name / "patches"), kind_(kind), user_(sandbox_owner(kind)),
      surroundings_(switches, kind), own_(layout_, layout_.builds(), module.name + "-" + kernel.release),
      build_(sandboxed() ? own_.path() / "build" : layout_.build(module))
{
    if (source_ != layout_.source_link(module_)) surroundings_.replace(seen(source_), second_source());
}

Workplace::~Workplace()
{
    // Of a sandboxed build the tree never sees more than its log.
    if (sandboxed()) return;
    try {
        keep_only_log(build_);
    } catch (const Error&) {
        return; // the next build in this directory deletes it before it begins
    }
}

void Workplace::give_to(std::pair<uid_t, gid_t> user)
{
    user_ = user;
    if (!sandboxed()) return;
    for (const fs::path& directory : {build_, second_source()}) {
        make_directory(directory, 0755);
        if (user.first != ::geteuid() && ::chown(directory.c_str(), user.first, user.second) < 0)
            refuse_change(directory, errno);
    }
    if (kind_ == SandboxKind::root && has_command_units()) let_in(own_.path(), user.second);
}

void Workplace::fill()
{
    if (!sandboxed()) remove_tree(build_); // a failed build's, or a broken link
    try {
        copy_tree(source_, build_, user_, CopiedModes::owner_writes);
        if (sandboxed()) copy_tree(source_, second_source(), user_, CopiedModes::owner_writes);
        if (leads_to_directory(patches_)) fill_patches();
    } catch (const Error& error) {
        Parameters parameters = error.parameters();
        parameters.emplace("module", module_.text());
        throw Error(error.code(), std::move(parameters));
    }
}

void Workplace::fill_patches() const
{
    const fs::path patches = build_ / "patches";
    const Descriptor source(::open(source_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const Descriptor linked = open_below(source.number(), "patches", Links::below);
    const bool is_link = kind_of_file(patches) == fs::file_type::symlink;
    if (is_link && linked && is_directory(linked.number()))
        copy_tree(linked, source_ / "patches", patches, user_, CopiedModes::owner_writes);
    copy_tree(patches_, patches, user_, CopiedModes::owner_writes);
}

void Workplace::clear()
{
    if (sandboxed()) own_.remove();
}

Gate Workplace::results() const { return {build_, user_.first, module_.text()}; }

std::vector<fs::path> Workplace::written() const
{
    if (sandboxed()) return {own_.path()};
    return {own_.path(), build_};
}

fs::path Workplace::shown_build() const { return seen(layout_.build(module_)); }

Sandbox Workplace::sandbox() const
{
    Sandbox sandbox;
    sandbox.empty = {seen(layout_.version(module_)), seen(layout_.own())}; // other builds are in there
    sandbox.writable = {{build_, shown_build()}, {second_source(), seen(layout_.source_link(module_))}};
    // The build runs as another user, who must get to it: in an empty directory the way is made anew.
    const fs::path closed = kind_ == SandboxKind::root ? closed_above(shown_build()) : fs::path();
    if (!closed.empty()) sandbox.empty.push_back(closed);
    surroundings_.add_to(sandbox);
    if (exposed_) sandbox.writable.emplace_back(*exposed_, seen(layout_.kernel(module_, kernel_)));
    return sandbox;
}

Workplace::Exposed::Exposed(Workplace& workplace, const Staging& staging)
    : workplace_(workplace), copy_(workplace.own_.path() / "result")
{
    copy_tree(staging.directory(), copy_, workplace_.user_, CopiedModes::owner_writes);
    if (workplace_.sandboxed()) {
        workplace_.exposed_ = copy_;
        return;
    }
    const fs::path place = workplace_.layout_.kernel(workplace_.module_, workplace_.kernel_);
    link_ = workplace_.own_.path() / "link";
    make_directories(place.parent_path());
    if (::symlink(copy_.c_str(), link_.c_str()) < 0) refuse_change(link_, errno);
    if (::rename(link_.c_str(), place.c_str()) == 0) return;
    // An earlier build is in that place: it changes places with the link.
    if (const int failed = exchange_names(workplace_.layout_, link_, place)) refuse_change(place, failed);
    exchanged_ = true;
}

Workplace::Exposed::~Exposed()
{
    workplace_.exposed_.reset();
    if (link_.empty()) return;
    const fs::path place = workplace_.layout_.kernel(workplace_.module_, workplace_.kernel_);
    if (exchanged_) {
        ::renameat2(AT_FDCWD, link_.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE);
    } else {
        ::unlink(place.c_str());
        ::rmdir(place.parent_path().c_str()); // stays while another architecture is in it
    }
}

Gate Workplace::Exposed::results() const { return {copy_, workplace_.user_.first, workplace_.module_.text()}; }

} // namespace dkms
