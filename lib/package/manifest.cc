// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/manifest.h"

#include "lib/files/file_kind.h"
#include "lib/files/walk.h"
#include "lib/process/open_path.h"
#include "lib/tree/digest.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int format = 1;

std::string digest_of_text(std::string_view text) { return sha256_of({NamedFile(text).path()}).front(); }

std::vector<fs::path> paths_of(int directory, const std::vector<std::string>& files)
{
    std::vector<fs::path> paths;
    for (const std::string& file : files) paths.push_back(path_of_directory(directory) / file);
    return paths;
}

/// What there is below an open directory, in byte order of the paths.
class Listing {
public:
    explicit Listing(int directory) : lines_(lines_of(directory)), digests_(sha256_of(paths_of(directory, files()))) {}

    /// As a manifest has it for a source.
    json as_source() const;
    /// As a manifest has it for the modules of a build; links are left out.
    json as_modules() const;

private:
    struct Line {
        std::string path;
        std::string target; ///< of a link; empty for a file
    };
    static std::vector<Line> lines_of(int directory);
    std::vector<std::string> files() const;

    std::vector<Line> lines_;
    std::vector<std::string> digests_; ///< of the files
};

std::vector<Listing::Line> Listing::lines_of(int directory)
{
    std::vector<Line> lines;
    walk(directory, [&](const Found& found) {
        if (S_ISREG(found.facts.st_mode)) lines.push_back({found.path, ""});
        if (S_ISLNK(found.facts.st_mode)) lines.push_back({found.path, found.link_text()});
    });
    std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.path < b.path; });
    return lines;
}

std::vector<std::string> Listing::files() const
{
    std::vector<std::string> files;
    for (const Line& line : lines_)
        if (line.target.empty()) files.push_back(line.path);
    return files;
}

json Listing::as_source() const
{
    std::string listing;
    auto digest = digests_.begin();
    for (const Line& line : lines_)
        listing += (line.target.empty() ? *digest++ : "-> " + line.target) + "  " + line.path + "\n";
    return {{"files", lines_.size()}, {"sha256", digest_of_text(listing)}};
}

json Listing::as_modules() const
{
    const auto names = files();
    json list = json::array();
    for (std::size_t i = 0; i < names.size(); ++i) list.push_back({{"file", names[i]}, {"sha256", digests_[i]}});
    return list;
}

json build_facts(const KernelId& kernel, const PackContent::Build& build, const Listing& modules)
{
    json facts{{"kernel", kernel.release}, {"arch", kernel.arch}, {"modules", modules.as_modules()}};
    if (!build.record) return facts;
    if (const auto compiler = build.record->inputs.find("compiler"); compiler != build.record->inputs.end())
        facts["compiler"] = *compiler;
    if (!build.record->signer.empty()) facts["signer"] = build.record->signer;
    return facts;
}

/// "K/A" of every build in an unpacked archive.
std::vector<std::string> kernels_in(const Descriptor& root)
{
    std::vector<std::string> kernels;
    const fs::path tree = path_of_directory(root.number()) / "dkms_main_tree";
    for (const std::string& release : directories_in(tree))
        for (const std::string& arch : directories_in(tree / release))
            if (kind_behind(tree / release / arch / "module") == fs::file_type::directory)
                kernels.push_back(release + "/" + arch);
    return kernels;
}

/// What of an unpacked archive differs from its manifest; empty if nothing.
std::string difference(const json& manifest, const Descriptor& root)
{
    if (manifest.value("format", 0) > format) return "it has a manifest of a later format";
    const Descriptor source = open_directory_below(root.number(), "dkms_source_tree");
    if (manifest.contains("source") && (!source || manifest.at("source") != Listing(source.number()).as_source()))
        return "its source is not as its manifest says";
    if (!manifest.contains("source") && source) return "it has a source that its manifest does not name";
    std::set<std::string> named;
    for (const json& build : manifest.value("builds", json::array())) {
        const std::string kernel = build.at("kernel").get<std::string>() + "/" + build.at("arch").get<std::string>();
        const Descriptor modules = open_directory_below(root.number(), "dkms_main_tree/" + kernel + "/module");
        if (!modules || build.at("modules") != Listing(modules.number()).as_modules())
            return "the modules for " + kernel + " are not as its manifest says";
        named.insert(kernel);
    }
    for (const std::string& kernel : kernels_in(root))
        if (!named.contains(kernel)) return "it has modules for " + kernel + " that its manifest does not name";
    return {};
}

} // namespace

class Manifest::Implementation {
public:
    Implementation(const PackContent& content, Scope scope) : content_(content), scope_(std::move(scope))
    {
        if (scope_.source && content.source()) source_.emplace(content.source().number());
        for (const auto& [kernel, build] : content.builds()) {
            if (!holds(kernel)) continue;
            opened_.push_back(open_directory_below(build.directory.number(), "module"));
            modules_.emplace_back(opened_.back().number());
        }
    }

    json value()
    {
        json manifest{{"format", format},
                      {"module", content_.module().name},
                      {"version", content_.module().version},
                      {"builds", json::array()}};
        if (source_) manifest["source"] = source_->as_source();
        auto modules = modules_.begin();
        for (const auto& [kernel, build] : content_.builds())
            if (holds(kernel)) manifest["builds"].push_back(build_facts(kernel, build, *modules++));
        return manifest;
    }

private:
    bool holds(const KernelId& kernel) const { return !scope_.kernel || *scope_.kernel == kernel; }

    const PackContent& content_;
    Scope scope_;
    std::optional<Listing> source_;
    std::vector<Descriptor> opened_;
    std::vector<Listing> modules_; ///< in the order of the builds
};

Manifest::Manifest(const PackContent& content, const Scope& scope)
    : self_(std::make_unique<Implementation>(content, scope))
{
}
Manifest::~Manifest() = default;
json Manifest::value() { return self_->value(); }

json manifest_of(const PackContent& content, Cancellation& cancellation, const Manifest::Scope& scope)
{
    cancellation.check();
    return Manifest(content, scope).value();
}

std::string text_of(const json& manifest)
{
    return manifest.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

void check_manifest(const fs::path& root, const std::string& name)
{
    const fs::path file = root / manifest_name;
    const fs::file_type kind = kind_of_file(file);
    if (kind == fs::file_type::not_found) return;
    const auto refuse = [&](const std::string& reason) {
        throw Error(ErrorCode::archive_refused, {{"file", name}, {"reason", reason}});
    };
    if (kind != fs::file_type::regular) refuse("its manifest is no file");
    const Descriptor opened(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    try {
        const std::string found = difference(json::parse(read_file(file)), opened);
        if (!found.empty()) refuse(found);
    } catch (const json::exception&) {
        refuse("its manifest cannot be read");
    }
}

} // namespace dkms
