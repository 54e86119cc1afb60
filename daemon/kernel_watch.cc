// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/kernel_watch.h"

#include "daemon/arriving_kernel.h"
#include "lib/kernel/headers.h"
#include "lib/model/error.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <iostream>
#include <utility>
#include <vector>

#include <sys/inotify.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr auto quiet = std::chrono::seconds(2); // twice without a change before a kernel counts as complete
constexpr std::uint32_t changes =
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;

} // namespace

KernelWatch::KernelWatch(Loop& loop, Places places, Listener listener)
    : loop_(loop), places_(std::move(places)), listener_(std::move(listener))
{
    look();
}

/// None where the install tree cannot be read.
std::vector<KernelId> KernelWatch::installed()
{
    try {
        return installed_kernels(places_, false);
    } catch (const Error& error) {
        complain(error);
        return {};
    }
}

void KernelWatch::complain(const Error& error)
{
    if (!std::exchange(complained_, true))
        std::cerr << "dkmsd: headers that come later are not noticed: " << error.message() << '\n';
}

/// All watches are made anew before anything is looked at, so that no change falls in between.
void KernelWatch::look()
{
    watch_anew();
    std::map<KernelId, Known> now;
    std::vector<KernelId> completed;
    bool again = false;
    for (const KernelId& kernel : installed()) {
        const auto before = kernels_.find(kernel);
        const Known* known = before == kernels_.end() ? nullptr : &before->second;
        const Known found = look_at_one(kernel, known, again);
        if (found.complete && !is_first_look_ && (known == nullptr || !known->complete)) completed.push_back(kernel);
        now.emplace(kernel, found);
    }
    const bool is_news = std::exchange(kernels_, now) != now && !is_first_look_;
    is_first_look_ = false;
    if (again) look_later();
    if (is_news) listener_.changed();
    for (const KernelId& kernel : completed) listener_.complete(kernel);
}

KernelWatch::Known KernelWatch::look_at_one(const KernelId& kernel, const Known* before, bool& again)
{
    ArrivingKernel found;
    try {
        found = look_at(kernel, places_);
    } catch (const Error& error) { // until it can be looked at, it is as it was
        complain(error);
        return before != nullptr ? *before : Known{};
    }
    const bool was_complete = is_first_look_ || (before != nullptr && before->complete);
    if (!found.complete) {
        for (const std::filesystem::path& directory : found.awaited) add(directory);
        return {};
    }
    const bool is_quiet = was_complete || (before != nullptr && before->stamp == found.stamp);
    if (is_quiet) return {true, {}};
    again = true;
    return {false, std::move(found.stamp)};
}

void KernelWatch::watch_anew()
{
    on_change_ = Source();
    only_.clear();
    inotify_ = Descriptor(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify_) return add({});
    on_change_ = loop_.on_readable(inotify_.number(), [this] { read_changes(); });
    try {
        add(nearest_directory(places_.install_tree));
    } catch (const Error& error) {
        complain(error);
    }
    for (const KernelId& kernel : installed()) add(places_.install_tree / kernel.release, "build");
}

/// A directory that has vanished meanwhile is told by the one above it.
void KernelWatch::add(const std::filesystem::path& directory, const char* only)
{
    const int watch = ::inotify_add_watch(inotify_.number(), directory.c_str(), changes);
    if (watch >= 0) {
        only_[watch] = only;
        return;
    }
    if (errno == ENOENT || errno == ENOTDIR || std::exchange(complained_, true)) return;
    std::cerr << "dkmsd: headers that come later are not noticed: " << directory.string() << ": " << errno_text(errno)
              << '\n';
}

void KernelWatch::read_changes()
{
    alignas(inotify_event) std::array<char, 16384> buffer;
    bool matters = false;
    for (ssize_t size = 0; (size = ::read(inotify_.number(), buffer.data(), buffer.size())) > 0;)
        for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
            inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof event);
            const char* name = buffer.data() + at + sizeof event;
            const auto watch = only_.find(event.wd);
            const char* only = watch == only_.end() ? nullptr : watch->second;
            matters = matters || only == nullptr || event.len == 0 || std::strcmp(only, name) == 0;
            at += sizeof event + event.len;
        }
    if (matters) look_later();
}

void KernelWatch::look_later()
{
    on_quiet_ = loop_.after(quiet, [this] { look(); });
}

} // namespace dkms
