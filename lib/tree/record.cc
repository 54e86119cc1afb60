// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/record.h"

#include "lib/process/descriptor.h"

#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;

constexpr const char* unsigned_reason = "unsigned_reason";
constexpr std::size_t longest_record = 8 * 1024 * 1024; // a GPU driver has thousands of aliases

std::optional<std::string> text_in(const std::filesystem::path& path)
{
    try {
        return read_file_if_present(path, longest_record);
    } catch (const Error& error) {
        if (!error.parameter("errno").empty()) throw;
        return std::nullopt; // a pipe or a directory
    }
}

/// What `read` makes of the JSON text in `path`; nothing when it is not there or not what it should be. Throws Error
/// ReadFailed.
template <typename Read>
auto read_record(const std::filesystem::path& path, Read read) -> std::optional<decltype(read(json()))>
{
    const auto text = text_in(path);
    if (!text) return std::nullopt;
    try {
        return read(json::parse(*text));
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

std::string text_of(const json& value) { return value.dump(1, '\t', false, json::error_handler_t::replace) + "\n"; }

BuildRecord build_record_from(const json& value)
{
    BuildRecord record;
    for (const json& module : value.at("modules"))
        record.modules.push_back(
            {module.at("file").get<std::string>(), module.value("sha256", ""), module.value("dest_location", ""),
             module.value("depends", std::vector<std::string>{}), module.value("aliases", std::vector<std::string>{})});
    record.inputs = value.value("inputs", json::object());
    record.build_seconds = value.value("build_seconds", 0.0);
    record.usage = {value.value("cpu_seconds", 0.0), value.value("peak_memory", std::uint64_t{0})};
    record.sandboxed = value.value("sandboxed", true);
    record.signer = value.value("signer", "");
    record.opened = value.value("opened", std::vector<std::string>{});
    record.unsigned_reason = value.value(unsigned_reason, "");
    return record;
}

json json_of(const BuildRecord& record)
{
    json modules = json::array();
    for (const BuildRecord::Module& module : record.modules)
        modules.push_back({{"file", module.file},
                           {"sha256", module.sha256},
                           {"dest_location", module.dest_location},
                           {"depends", module.depends},
                           {"aliases", module.aliases}});
    json value{{"modules", std::move(modules)},
               {"inputs", record.inputs},
               {"build_seconds", record.build_seconds},
               {"cpu_seconds", record.usage.cpu_seconds},
               {"peak_memory", record.usage.peak_memory},
               {"sandboxed", record.sandboxed},
               {"signer", record.signer}};
    if (!record.opened.empty()) value["opened"] = record.opened;
    if (!record.unsigned_reason.empty()) value[unsigned_reason] = record.unsigned_reason;
    return value;
}

InstallRecord install_record_from(const json& value)
{
    InstallRecord record;
    record.version = value.at("version").get<std::string>();
    for (const json& file : value.at("files"))
        record.files.push_back({file.at("module").get<std::string>(), file.at("path").get<std::string>(),
                                file.value("sha256", ""), file.value("replaced_by", "")});
    record.weak_links = value.value("weak_links", std::vector<std::string>{});
    record.modprobe_fragment = value.value("modprobe_fragment", "");
    record.failed_scripts = value.value("failed_scripts", std::vector<std::string>{});
    return record;
}

/// The members "file" in the text of a record of ours. Inside a text of JSON every quotation mark has a backslash
/// before it, so nothing else looks like one.
std::vector<std::string> files_in(const std::string& text)
{
    const std::string key = "\"file\": \"";
    std::vector<std::string> files;
    for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
        at += key.size();
        files.push_back(text.substr(at, text.find('"', at) - at));
    }
    return files;
}

TroubleRecord trouble_record_from(const json& value)
{
    TroubleRecord record;
    record.state = kernel_state_of(value.at("state").get<std::string>()).value_or(KernelState::failed);
    record.note = value.value("note", "");
    record.job = value.value("job", JobId{0});
    if (value.contains("error")) record.error = error_from_json(value.at("error"));
    return record;
}

} // namespace

std::optional<BuildRecord> read_build_record(const Layout& layout, const ModuleId& module, const KernelId& kernel)
{
    return read_record(layout.build_record(module, kernel), build_record_from);
}

std::optional<InstallRecord> read_install_record(const Layout& layout, const std::string& name, const KernelId& kernel)
{
    return read_record(layout.install_record(name, kernel), install_record_from);
}

std::optional<TroubleRecord> read_trouble_record(const Layout& layout, const ModuleId& module, const KernelId& kernel)
{
    return read_record(layout.trouble_record(module, kernel), trouble_record_from);
}

BuildNotes notes_of_build(const Layout& layout, const ModuleId& module, const KernelId& kernel)
{
    // Most builds have none, and parsing the aliases of a graphics driver takes its time.
    const std::string text = read_file_if_present(layout.build_record(module, kernel), longest_record).value_or("");
    if (text.empty()) return {};
    try {
        const auto has = [&](const char* part) { return text.find(part) != std::string::npos; };
        if (!has("\"opened\"") && !has("\"sandboxed\": false") && !has(unsigned_reason))
            return {{}, {}, files_in(text)};
        BuildRecord record = build_record_from(json::parse(text));
        if (!record.sandboxed && record.opened != std::vector<std::string>{"sandbox off"})
            record.opened = {"no sandbox"};
        return {std::move(record.opened), std::move(record.unsigned_reason), files_in(text)};
    } catch (const json::exception&) {
        return {};
    }
}

std::string text_of(const BuildRecord& record) { return text_of(json_of(record)); }

void forget_input_files(const std::filesystem::path& build)
{
    const auto file = build / build_record_name;
    auto record = read_record(file, build_record_from);
    if (!record || !record->inputs.is_object()) return;
    if (record->inputs.erase("files") + record->inputs.erase("source_stamp") == 0) return;
    write_file_durably(file, text_of(*record));
}

std::string text_of(const InstallRecord& record)
{
    json files = json::array();
    for (const InstallRecord::File& file : record.files) {
        json& one = files.emplace_back(json{{"module", file.module}, {"path", file.path}});
        if (!file.sha256.empty()) one["sha256"] = file.sha256;
        if (!file.replaced_by.empty()) one["replaced_by"] = file.replaced_by;
    }
    json value{{"version", record.version}, {"files", std::move(files)}};
    if (!record.weak_links.empty()) value["weak_links"] = record.weak_links;
    if (!record.modprobe_fragment.empty()) value["modprobe_fragment"] = record.modprobe_fragment;
    if (!record.failed_scripts.empty()) value["failed_scripts"] = record.failed_scripts;
    return text_of(value);
}

void write_install_record(const Layout& layout, const std::string& name, const KernelId& kernel,
                          const InstallRecord& record)
{
    write_file_durably(layout.install_record(name, kernel), text_of(record));
}

void write_trouble_record(const Layout& layout, const ModuleId& module, const KernelId& kernel,
                          const TroubleRecord& record)
{
    const json value{
        {"state", name_of(record.state)}, {"note", record.note}, {"job", record.job}, {"error", to_json(record.error)}};
    write_file_durably(layout.trouble_record(module, kernel), text_of(value));
}

void remove_trouble_record(const Layout& layout, const ModuleId& module, const KernelId& kernel) noexcept
{
    ::unlink(layout.trouble_record(module, kernel).c_str());
}

} // namespace dkms
