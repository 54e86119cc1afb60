// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/spec_file.h"

#include "lib/files/file_kind.h"
#include "lib/files/inside.h"
#include "lib/model/error.h"
#include "lib/package/pack_content.h"
#include "lib/process/memory_file.h"
#include "lib/process/refusal.h"
#include "lib/tree/layout.h"

#include <cerrno>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest = 1024 * 1024;

std::optional<std::string> text_in_source(const fs::path& source, const std::vector<std::string>& names)
{
    const auto is_none = [](int number) { // a link that leads out of the source, or what is no file
        return means_absent(number) || number == EXDEV || number == ELOOP || number == EINVAL;
    };
    for (const std::string& name : names) {
        const Descriptor file = open_inside(source, name);
        if (file) return content_of(file, longest);
        if (!is_none(errno)) refuse_read(source / name, errno);
    }
    return std::nullopt;
}

/// The administrator's files may be links to anywhere.
std::optional<std::string> text_in_configuration(const fs::path& directory, const std::vector<std::string>& names)
{
    for (const std::string& name : names)
        if (kind_behind(directory / name) == fs::file_type::regular) return read_file(directory / name, longest);
    return std::nullopt;
}

} // namespace

std::optional<std::string> foreign_spec(const SpecNames& names, const ModuleId& module, const Places& places,
                                        const std::string& product)
{
    const fs::path source = Layout(places).source(module);
    if (!names.wanted.empty()) {
        auto text = text_in_source(source, {names.wanted});
        if (text) return text;
        throw Error(ErrorCode::spec_missing,
                    {{"product", product}, {"path", (Layout(places).source_link(module) / names.wanted).string()}});
    }
    auto text = text_in_source(source, names.in_source);
    return text ? text : text_in_configuration(places.config_dir, names.in_configuration);
}

} // namespace dkms
