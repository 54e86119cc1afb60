// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/compression.h"

#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/process/child.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <sstream>

#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// How the module of this file name is compressed; nothing if it is no module.
std::optional<Compression> compression_by_name(const std::string& name)
{
    for (const Compression kind : {Compression::none, Compression::gzip, Compression::xz, Compression::zstd})
        if (name.ends_with(".ko" + std::string(suffix_of(kind)))) return kind;
    return std::nullopt;
}

/// The kind that wins among the modules below `directory`; nothing if there are none.
std::optional<Compression> winner_below(const fs::path& directory)
{
    std::optional<Compression> winner;
    walk(directory, [&](const Found& found) {
        winner = std::max(winner, compression_by_name(found.name)); // nothing is less than any
        if (winner == Compression::zstd) throw EnoughSeen();
    });
    return winner;
}

bool is_made_by_dkms(const std::string& directory)
{
    return directory == "updates" || directory == "extra" || directory == "weak-updates";
}

struct KernelWords {
    const char* option;       ///< of the kernel's configuration: it compresses its own modules like this
    std::string_view feature; ///< what kmod calls it
};
KernelWords words_of(Compression compression)
{
    if (compression == Compression::gzip) return {"CONFIG_MODULE_COMPRESS_GZIP", "ZLIB"};
    if (compression == Compression::xz) return {"CONFIG_MODULE_COMPRESS_XZ", "XZ"};
    return {"CONFIG_MODULE_COMPRESS_ZSTD", "ZSTD"};
}

/// Whether kmod says that it was built without this: "+ZSTD +XZ -ZLIB". Not if it is not there, or says nothing.
bool kmod_lacks(std::string_view feature)
{
    if (!find_program("kmod")) return false;
    Command command;
    command.argv = {"kmod", "--version"};
    command.environment = base_environment();
    return capture(std::move(command)).output.find("-" + std::string(feature)) != std::string::npos;
}

std::string tool_of(Compression compression)
{
    switch (compression) {
    case Compression::gzip:
        return "gzip";
    case Compression::xz:
        return "xz";
    case Compression::zstd:
        return "zstd";
    case Compression::none:
        break;
    }
    return {};
}

} // namespace

std::string_view suffix_of(Compression compression)
{
    switch (compression) {
    case Compression::gzip:
        return ".gz";
    case Compression::xz:
        return ".xz";
    case Compression::zstd:
        return ".zst";
    case Compression::none:
        break;
    }
    return {};
}

Compression compression_of(const KernelId& kernel, const Places& places)
{
    std::optional<Compression> of_kernel;
    std::optional<Compression> of_dkms;
    const fs::path modules = places.install_tree / kernel.release;
    const auto look = [&](const Found& found) {
        if (!S_ISDIR(found.facts.st_mode)) return; // build, source
        auto& winner = is_made_by_dkms(found.name) ? of_dkms : of_kernel;
        winner = std::max(winner, winner_below(modules / found.path));
    };
    walk(modules, look, [](const Found&) { return false; });
    return of_kernel.value_or(of_dkms.value_or(Compression::none));
}

bool can_be_loaded(Compression compression, const KernelId& kernel, const KernelConfig& config, const Places& places)
{
    if (compression == Compression::none) return true;
    const auto row = words_of(compression);
    const auto is_set = [&](const char* option) {
        const auto found = config.find(option);
        return found != config.end() && found->second == "y";
    };
    if (is_set("CONFIG_MODULE_DECOMPRESS") && is_set(row.option)) return true;
    if (places.root != "/" || !kmod_lacks(row.feature)) return true;
    return compression_of(kernel, places) == compression;
}

fs::path compress_file(const fs::path& file, Compression compression, const std::string& options,
                       Cancellation* cancellation)
{
    if (compression == Compression::none) return file;
    Command command;
    command.argv = {tool_of(compression)};
    std::istringstream words(options);
    for (std::string word; words >> word;) command.argv.push_back(word);
    command.argv.insert(command.argv.end(), {"-f", "--", file.string()});
    command.environment = base_environment();
    const Captured said = capture(command, {}, cancellation);
    fs::path compressed = file.string() + std::string(suffix_of(compression));
    if (said.output.find("No space left on device") != std::string::npos)
        throw Error(ErrorCode::disk_full, {{"path", compressed.string()}});
    if (!said.status.ok()) refuse_command(command.argv, said.output);
    // zstd keeps it unless told otherwise
    if (::unlink(file.c_str()) < 0 && errno != ENOENT) refuse_change(file, errno);
    return compressed;
}

} // namespace dkms
