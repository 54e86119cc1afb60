// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/transaction.h"

#include "lib/install/file_copy.h"
#include "lib/process/descriptor.h"
#include "lib/tree/directory.h"
#include "lib/tree/lock.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <set>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

/// Whether there are only file systems, not errors, that have no second names for a file.
bool means_no_links(int number)
{
    return number == EPERM || number == EOPNOTSUPP || number == ENOSYS || number == EMLINK || number == EINVAL;
}

} // namespace

Transaction::Transaction(const Places& places, ModuleId module, KernelId kernel, ErrorCode failure, StopPoint stop)
    : failure_(failure), stop_(std::move(stop)), layout_(places), id_(Intent::name_prefix(::getpid()) + unique_name(""))
{
    intent_.module = std::move(module);
    intent_.kernel = std::move(kernel);
}

Transaction::~Transaction() { roll_back(); }

void Transaction::put_copy(const std::filesystem::path& source, const std::filesystem::path& target)
{
    put(target, Copy{source});
}

void Transaction::put_link(const std::string& text, const std::filesystem::path& target) { put(target, Link{text}); }

void Transaction::put_text(const std::string& text, const std::filesystem::path& target) { put(target, Text{text}); }

void Transaction::remove(const std::filesystem::path& target)
{
    if (is_present(target)) put(target, std::monostate());
}

void Transaction::put(const std::filesystem::path& target, Content content)
{
    const bool deletes = std::holds_alternative<std::monostate>(content);
    const auto known = std::find_if(intent_.changes.begin(), intent_.changes.end(),
                                    [&](const Change& change) { return change.target == target; });
    const auto number = static_cast<std::size_t>(known - intent_.changes.begin());
    if (known == intent_.changes.end()) {
        intent_.changes.emplace_back();
        contents_.emplace_back();
    } else if (deletes) {
        return;
    }
    const auto beside = target.parent_path() / (".dkmsd-" + id_ + "-" + std::to_string(number));
    intent_.changes[number] = {target, deletes ? "" : beside.string() + ".new", beside.string() + ".old",
                               is_present(target)};
    contents_[number] = std::move(content);
}

bool Transaction::will_exist(const std::filesystem::path& target) const
{
    for (const Change& change : intent_.changes)
        if (change.target == target) return !change.fresh.empty();
    return is_present(target);
}

std::filesystem::path Transaction::staged(const std::filesystem::path& target) const
{
    for (const Change& change : intent_.changes)
        if (change.target == target) return change.fresh;
    return {};
}

void Transaction::stop(std::string_view moment) const
{
    if (stop_) stop_(moment);
}

void Transaction::fail(const std::filesystem::path& path, int number) const
{
    if (number == ENOSPC || number == EDQUOT) refuse_change(path, number);
    throw Error(failure_, {{"module", intent_.module.text()},
                           {"kernel", intent_.kernel.release},
                           {"path", path.string()},
                           {"reason", errno_text(number)},
                           {"errno", std::to_string(number)}});
}

void Transaction::write_intent()
{
    if (file_.empty()) {
        make_own_directory(layout_, layout_.intents());
        file_ = layout_.intents() / (id_ + ".json");
    }
    write_file_durably(file_, to_json(intent_).dump(), 0600);
}

void Transaction::stage()
{
    put_new_ones_first();
    make_missing_directories();
    for (std::size_t i = 0; i < contents_.size(); ++i) {
        write_fresh(intent_.changes[i], contents_[i]);
        stop("temporary-written");
    }
}

/// What is new comes into place before anything is deleted: a module that moves within the kernel's directory, or gives
/// way to the original of another place, is always found in one of the two. Taking back goes the other way round.
void Transaction::put_new_ones_first()
{
    std::vector<Change> changes;
    std::vector<Content> contents;
    for (const bool deleted : {false, true})
        for (std::size_t i = 0; i < contents_.size(); ++i)
            if (std::holds_alternative<std::monostate>(contents_[i]) == deleted) {
                changes.push_back(intent_.changes[i]);
                contents.push_back(contents_[i]);
            }
    intent_.changes = std::move(changes);
    contents_ = std::move(contents);
}

/// They are written down before they are made: only those may be taken away again.
void Transaction::make_missing_directories()
{
    for (const Change& change : intent_.changes) {
        std::vector<std::filesystem::path> missing;
        for (auto path = change.target.parent_path(); !is_present(path); path = path.parent_path())
            missing.push_back(path);
        for (auto path = missing.rbegin(); path != missing.rend(); ++path)
            if (std::find(intent_.directories.begin(), intent_.directories.end(), *path) == intent_.directories.end())
                intent_.directories.push_back(*path);
    }
    write_intent();
    stop("intent-written");
    for (const auto& path : intent_.directories) {
        if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) fail(path, errno);
        stop("directory-made");
    }
}

void Transaction::write_fresh(const Change& change, const Content& content) const
{
    int number = 0;
    if (const auto* copy = std::get_if<Copy>(&content))
        number = copy_file_durably(copy->source, change.fresh);
    else if (const auto* link = std::get_if<Link>(&content))
        number = ::symlink(link->text.c_str(), change.fresh.c_str()) == 0 ? 0 : errno;
    else if (const auto* text = std::get_if<Text>(&content))
        number = write_new_file_durably(text->text, change.fresh);
    if (number != 0) fail(change.target, number);
}

void Transaction::apply()
{
    intent_.phase = Intent::Phase::applying;
    write_intent();
    stop("applying");
    for (const Change& change : intent_.changes) {
        if (change.existed) {
            back_up(change);
            stop("backed-up");
        }
        if (change.fresh.empty()) continue;
        if (::rename(change.fresh.c_str(), change.target.c_str()) != 0) fail(change.target, errno);
        stop("renamed");
    }
    sync_directories();
    stop("applied");
}

void Transaction::back_up(const Change& change) const
{
    const char* target = change.target.c_str();
    const char* backup = change.backup.c_str();
    // A second name first, so that there is no moment without the file. Not every file system has second names.
    if (!change.fresh.empty()) {
        if (::linkat(AT_FDCWD, target, AT_FDCWD, backup, 0) == 0) return;
        if (!means_no_links(errno)) fail(change.target, errno);
    }
    if (::rename(target, backup) != 0) fail(change.target, errno);
}

void Transaction::sync_directories() const
{
    std::set<std::filesystem::path> directories;
    for (const Change& change : intent_.changes) directories.insert(change.target.parent_path());
    for (const auto& directory : intent_.directories) directories.insert(directory.parent_path());
    for (const auto& directory : directories) sync_directory(directory);
}

void Transaction::commit()
{
    intent_.phase = Intent::Phase::committed;
    write_intent();
    stop("committed");
    const auto note = std::exchange(file_, {});
    if (finish(intent_, stop_)) ::unlink(note.c_str()); // else who takes the lock next deletes what is left
    stop("finished");
}

void Transaction::roll_back() noexcept
{
    if (file_.empty()) return;
    // An error while the last phase was being written leaves the one before on disk, which can still be taken back.
    if (intent_.phase == Intent::Phase::committed) intent_.phase = Intent::Phase::applying;
    const auto note = std::exchange(file_, {});
    if (dkms::roll_back(intent_) == 0) ::unlink(note.c_str()); // else who takes the lock next tries again
}

} // namespace dkms
