// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/event.h"

#include "lib/model/error.h"
#include "lib/model/protocol_line.h"

#include <array>
#include <cassert>
#include <chrono>
#include <sstream>

namespace dkms {
namespace {

using nlohmann::json;
using enum EventKind;

// In the order of EventKind. What the facts mean is in docs/architecture.md, "Events".
constexpr std::array<EventRow, 48> table{{
    {job_new, "job-new", "request parent? inside? uid"},
    {job_joined, "job-joined", "uid"},
    {job_started, "job-started", ""},
    {job_ended, "job-ended", "view"},
    {step_started, "step-started", "step kernel? version?"},
    {step_ended, "step-ended", "step kernel? result seconds cpu_seconds? peak_memory?"},
    {waiting, "waiting", "holder? reason?"},
    {stage, "stage", "stage percent objects?"},
    {command_started, "command-started", "what subject command verbose?"},
    {command_ended, "command-ended", "what subject exit_code seconds"},
    {source_linked, "source-linked", "link target"},
    {deprecated, "deprecated", "directive file instead?"},
    {warning, "warning", "name parameters message"},
    {already_built, "already-built", "kernel"},
    {already_installed, "already-installed", "kernel"},
    {not_installed, "not-installed", "kernel exclusive?"},
    {not_built, "not-built", "kernel"},
    {excluded, "excluded", "kernel reason modules"},
    {signing, "signing", "command key certificate"},
    {signing_off, "signing-off", "reason path? command? key? certificate?"},
    {key_generated, "key-generated", "program key certificate"},
    {patch_applied, "patch-applied", "patch"},
    {module_signed, "module-signed", "path"},
    {modules_built, "modules-built", "kernel count seconds"},
    {original_archived, "original-archived", "path"},
    {original_restored, "original-restored", "path"},
    {original_dropped, "original-dropped", "kernel"},
    {version_refused, "version-refused", "module reason installed? offered? path?"},
    {installed_file, "installed-file", "path module"},
    {deleted_file, "deleted-file", "path"},
    {file_not_found, "file-not-found", "module directory"},
    {uninstalling, "uninstalling", "kernel active"},
    {depmod_skipped, "depmod-skipped", "path"},
    {weak_modules, "weak-modules", "action kernels?"},
    {version_removed, "version-removed", ""},
    {command_output, "command-output", "what subject text"},
    {forcing, "forcing", "what"},
    {remove_cancelled, "remove-cancelled", ""},
    {surveyed, "surveyed", "kernel installed"},
    {stale, "stale", "module kernel what path"},
    {deferred, "deferred", "module dependencies"},
    {autoinstall_disabled, "autoinstall-disabled", "path"},
    {loading, "loading", "module of_dkms"},
    {source_loaded, "source-loaded", "path conf_only"},
    {build_loaded, "build-loaded", "path skipped"},
    {packing, "packing", "what kernel? path?"},
    {packed, "packed", "path size? sha256?"},
    {problem, "problem", "problem path module? kernel? certain repaired reason?"},
}};

/// Whether `facts` are those that the row lists.
[[maybe_unused]] bool conforms(const EventRow& row, const json& facts)
{
    std::istringstream names{std::string(row.facts)};
    std::size_t known = 0;
    for (std::string name; names >> name;) {
        const bool may_be_missing = name.back() == '?';
        if (may_be_missing) name.pop_back();
        if (facts.contains(name))
            ++known;
        else if (!may_be_missing)
            return false;
    }
    return known == facts.size();
}

const EventRow& row_of(EventKind kind) { return table.at(static_cast<std::size_t>(kind)); }

} // namespace

Event::Event(EventKind event_kind, json event_facts)
    : kind(event_kind), at(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count()),
      facts(std::move(event_facts))
{
    assert(conforms(row_of(kind), facts));
}

std::string Event::text(std::string_view fact) const
{
    const auto found = facts.find(fact);
    return found != facts.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::span<const EventRow> event_table() { return table; }

std::string_view name_of(EventKind kind) { return row_of(kind).name; }

json to_json(const Event& event)
{
    json value = event.facts;
    value["job"] = event.job;
    value["at"] = event.at;
    value["event"] = name_of(event.kind);
    return value;
}

Event event_from_json(const json& value)
{
    const std::string name = value.at("event").get<std::string>();
    for (const EventRow& row : table) {
        if (row.name != name) continue;
        json facts = value;
        for (const char* common : {"job", "at", "event"}) facts.erase(common);
        if (!conforms(row, facts)) throw Error(ErrorCode::internal, {{"reason", "event " + name + " has other facts"}});
        Event event(row.kind, std::move(facts));
        event.job = value.value("job", JobId{0});
        event.at = value.value("at", event.at);
        return event;
    }
    throw Error(ErrorCode::internal, {{"reason", "unknown event " + name}});
}

std::string to_line(const Event& event)
{
    json value = to_json(event);
    std::string line = protocol_line(value);
    return line.size() <= longest_line ? line : protocol_line(shortened(std::move(value)));
}

} // namespace dkms
