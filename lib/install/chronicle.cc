// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/chronicle.h"

#include "lib/tree/build_origin.h"
#include "lib/tree/scan.h"

#include <chrono>

namespace dkms {
namespace {

std::string newest_version(const Work& work)
{
    StatusFilter filter;
    filter.module = work.step.module.name;
    const auto versions = scan(work.places, filter, ScanDepth::quick);
    return versions.empty() ? work.step.module.version : versions.back().module.version;
}

HistoryEntry entry_of(const Work& work, bool installed)
{
    HistoryEntry entry;
    entry.module = work.step.module;
    entry.kernel = work.step.kernel;
    entry.installed = installed;
    entry.request = work.step.part_of.value_or(installed ? Verb::install : Verb::uninstall);
    entry.at = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    entry.uid = work.uid;
    entry.job = work.job;
    return entry;
}

bool is_choice(const Step& step) { return step.part_of && is_choice(*step.part_of); }

InstallHistory history_with(const Work& work, HistoryEntry entry)
{
    const Layout layout(work.places);
    make_room_for_history(work.places, work.step.module.name, work.step.kernel);
    InstallHistory history = read_history(layout, work.step.module.name, work.step.kernel);
    history.add(std::move(entry), is_choice(work.step) ? newest_version(work) : "");
    return history;
}

} // namespace

InstallHistory history_after_install(const Work& work, const std::string& replaced)
{
    HistoryEntry entry = entry_of(work, true);
    entry.replaced = replaced;
    entry.origin = origin_of_build(Layout(work.places), work.step.module, work.step.kernel);
    return history_with(work, std::move(entry));
}

InstallHistory history_after_uninstall(const Work& work) { return history_with(work, entry_of(work, false)); }

void put_history(Transaction& transaction, const Work& work, const InstallHistory& history)
{
    transaction.put_text(text_of(history), Layout(work.places).history(work.step.module.name, work.step.kernel));
}

bool is_new_choice(const Work& work)
{
    if (!is_choice(work.step)) return false;
    const auto choice = read_history(Layout(work.places), work.step.module.name, work.step.kernel).choice;
    return choice != Choice{work.step.module.version, newest_version(work)};
}

} // namespace dkms
