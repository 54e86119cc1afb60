// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/manifest.h"

#include "lib/package/walk.h"
#include "lib/tree/fingerprint.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int format = 1;
constexpr std::size_t files_at_once = 1000; // what a command line takes

std::string digest_of_text(std::string_view text)
{
    const Descriptor memory(::memfd_create("listing", MFD_CLOEXEC));
    write_all(memory.number(), text);
    return sha256_of({path_for_children(memory.number())}).front();
}

/// Digests of the files below an open directory, as many at once as can be.
std::vector<std::string> digests_of(int directory, const std::vector<std::string>& files, Cancellation& cancellation)
{
    std::vector<std::string> digests;
    for (std::size_t from = 0; from < files.size(); from += files_at_once) {
        cancellation.check();
        std::vector<fs::path> paths;
        for (std::size_t i = from; i < std::min(files.size(), from + files_at_once); ++i)
            paths.push_back(path_for_children(directory) / files[i]);
        for (std::string& digest : sha256_of(paths)) digests.push_back(std::move(digest));
    }
    return digests;
}

json source_facts(int directory, Cancellation& cancellation)
{
    struct Line {
        std::string path;
        std::string target; ///< of a link
    };
    std::vector<Line> lines;
    std::vector<std::string> files;
    walk(directory, [&](const Found& found) {
        if (S_ISREG(found.facts.st_mode)) files.push_back(found.path);
        if (S_ISREG(found.facts.st_mode) || S_ISLNK(found.facts.st_mode))
            lines.push_back({found.path, S_ISLNK(found.facts.st_mode) ? found.link_text() : ""});
    });
    std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.path < b.path; });
    std::sort(files.begin(), files.end());
    const auto digests = digests_of(directory, files, cancellation);
    std::string listing;
    auto digest = digests.begin();
    for (const Line& line : lines)
        listing += (line.target.empty() ? *digest++ : "-> " + line.target) + "  " + line.path + "\n";
    return {{"files", lines.size()}, {"sha256", digest_of_text(listing)}};
}

json module_list(int directory, Cancellation& cancellation)
{
    std::vector<std::string> files;
    walk(directory, [&](const Found& found) {
        if (S_ISREG(found.facts.st_mode)) files.push_back(found.path);
    });
    std::sort(files.begin(), files.end());
    const auto digests = digests_of(directory, files, cancellation);
    json list = json::array();
    for (std::size_t i = 0; i < files.size(); ++i) list.push_back({{"file", files[i]}, {"sha256", digests[i]}});
    return list;
}

json build_facts(const KernelId& kernel, const PackContent::Build& build, Cancellation& cancellation)
{
    json facts{{"kernel", kernel.release}, {"arch", kernel.arch}};
    const Descriptor modules = open_directory_below(build.directory.number(), "module");
    facts["modules"] = module_list(modules.number(), cancellation);
    if (!build.record) return facts;
    if (const auto compiler = build.record->inputs.find("compiler"); compiler != build.record->inputs.end())
        facts["compiler"] = *compiler;
    if (!build.record->signer.empty()) facts["signer"] = build.record->signer;
    return facts;
}

/// What of an unpacked archive differs from its manifest; empty if nothing.
std::string difference(const json& manifest, const Descriptor& root, Cancellation& cancellation)
{
    if (manifest.value("format", 0) > format) return "it has a manifest of a later format";
    const Descriptor source = open_directory_below(root.number(), "dkms_source_tree");
    if (manifest.contains("source") &&
        (!source || manifest.at("source") != source_facts(source.number(), cancellation)))
        return "its source is not as its manifest says";
    for (const json& build : manifest.value("builds", json::array())) {
        const std::string kernel = build.at("kernel").get<std::string>() + "/" + build.at("arch").get<std::string>();
        const Descriptor modules = open_directory_below(root.number(), "dkms_main_tree/" + kernel + "/module");
        if (!modules || build.at("modules") != module_list(modules.number(), cancellation))
            return "the modules for " + kernel + " are not as its manifest says";
    }
    return {};
}

} // namespace

json manifest_of(const PackContent& content, Cancellation& cancellation)
{
    json manifest{{"format", format},
                  {"module", content.module().name},
                  {"version", content.module().version},
                  {"builds", json::array()}};
    if (content.source()) manifest["source"] = source_facts(content.source().number(), cancellation);
    for (const auto& [kernel, build] : content.builds())
        manifest["builds"].push_back(build_facts(kernel, build, cancellation));
    return manifest;
}

std::string text_of(const json& manifest)
{
    return manifest.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

void check_manifest(const fs::path& root, const std::string& name, Cancellation& cancellation)
{
    const fs::path file = root / manifest_name;
    std::error_code none;
    if (!fs::exists(fs::symlink_status(file, none))) return;
    const auto refuse = [&](const std::string& reason) {
        throw Error(ErrorCode::archive_refused, {{"file", name}, {"reason", reason}});
    };
    if (!fs::is_regular_file(fs::symlink_status(file, none))) refuse("its manifest is no file");
    const Descriptor opened(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    try {
        const std::string found = difference(json::parse(read_file(file)), opened, cancellation);
        if (!found.empty()) refuse(found);
    } catch (const json::exception&) {
        refuse("its manifest cannot be read");
    }
}

} // namespace dkms
