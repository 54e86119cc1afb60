// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/whole_makefile.h"

#include "lib/config/line_pattern.h"
#include "lib/config/source_text.h"
#include "lib/files/file_kind.h"

#include <set>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_files = 20;

class IncludeReader {
public:
    IncludeReader(const fs::path& file, const fs::path& source, const MakefileVariables& given)
        : directory_(file.parent_path()), source_(source), given_(given)
    {
    }

    std::optional<MakefileOutline> read(const fs::path& file)
    {
        const auto text = source_text(file);
        if (!text) return std::nullopt;
        whole_ = makefile_outline(file, *text);
        read_.insert(file);
        settle_conditions(whole_, given_);
        // Each round may have brought variables that name further files.
        while (const auto next = next_included()) add(*next);
        whole_.includes = has_unread();
        settle_conditions(whole_, given_);
        return std::move(whole_);
    }

private:
    std::vector<std::pair<std::string, std::optional<fs::path>>> included() const
    {
        static const LinePattern include("^(-?include|sinclude)[[:blank:]]+(.*)$");
        const MakefileVariables variables = makefile_variables(whole_, given_);
        std::vector<std::pair<std::string, std::optional<fs::path>>> files;
        for (const MakefileLine& line : whole_.others)
            if (const auto words = include.group(line.text, 2); words && line.target.empty())
                for (const auto& word : expanded_words(*words, variables))
                    files.emplace_back(*words, word ? found(*word) : std::nullopt);
        return files;
    }

    std::optional<fs::path> found(const std::string& name) const
    {
        const fs::path path = (fs::path(name).is_absolute() ? fs::path(name) : directory_ / name).lexically_normal();
        const fs::path inside = path.lexically_relative(source_);
        if (inside.empty() || *inside.begin() == ".." || !leads_to_file(path)) return std::nullopt;
        return path;
    }

    std::optional<fs::path> next_included() const
    {
        if (read_.size() >= most_files) return std::nullopt;
        for (const auto& [text, file] : included())
            if (file && !read_.contains(*file)) return file;
        return std::nullopt;
    }

    bool has_unread() const
    {
        static const LinePattern search("^vpath[[:blank:]]");
        for (const auto& [text, file] : included())
            if (!file || !read_.contains(*file)) return true;
        static const LinePattern computed("^[$][({](call|foreach|eval)|[$][({]eval|^define[[:blank:]]");
        for (const MakefileLine& line : whole_.others)
            if (line.target.empty() && (search.fits(line.text) || computed.fits(line.text))) return true;
        for (const MakefileAssignment& one : whole_.assignments)
            if (one.variable == "VPATH" || computed.fits(one.value)) return true;
        return false;
    }

    void add(const fs::path& file)
    {
        read_.insert(file);
        const auto text = source_text(file);
        if (!text) return;
        MakefileOutline more = makefile_outline(file, *text);
        whole_.assignments.insert(whole_.assignments.end(), more.assignments.begin(), more.assignments.end());
        whole_.others.insert(whole_.others.end(), more.others.begin(), more.others.end());
        whole_.targets.merge(more.targets);
        settle_conditions(whole_, given_);
    }

    const fs::path directory_;
    const fs::path source_;
    const MakefileVariables& given_;
    std::set<fs::path> read_;
    MakefileOutline whole_;
};

} // namespace

std::optional<MakefileOutline> whole_makefile(const fs::path& file, const fs::path& source,
                                              const MakefileVariables& given)
{
    return IncludeReader(file, source, given).read(file);
}

} // namespace dkms
