// SPDX-License-Identifier: LGPL-2.1-or-later
// What the build will make, and from what: the Makefiles of a source beside the records of its configuration.
#include "lib/config/kbuild_lists.h"
#include "lib/config/line_pattern.h"
#include "lib/config/lint_parts.h"
#include "lib/config/lint_recipes.h"
#include "lib/config/lint_sources.h"
#include "lib/config/lint_uname.h"
#include "lib/config/make_reach.h"
#include "lib/config/makefile_outline.h"
#include "lib/config/source_text.h"
#include "lib/model/name_distance.h"

#include <algorithm>
#include <array>
#include <set>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// "NAME=value" among the words of MAKE[#], and KERNELRELEASE where every one of them gets it: what make is given.
MakefileVariables given_variables(const LintSubject& subject)
{
    static const LinePattern assignment("^['\"]?([A-Za-z_][A-Za-z0-9_]*)=(.*)$");
    static const LinePattern plain("^[[:blank:]]*make([[:blank:]]|$)");
    MakefileVariables given;
    const auto makes = subject.elements("MAKE");
    for (const auto& element : makes)
        for (const std::string& word : words_of(element.second))
            if (const auto name = assignment.group(word, 1)) given[*name] = assignment.group(word, 2).value_or("");
    if (std::all_of(makes.begin(), makes.end(), [](const auto& make) { return plain.fits(make.second); }))
        given.emplace("KERNELRELEASE", subject.context.kernel.release);
    return given;
}

/// What no kernel of today understands.
struct OldWord {
    const char* rule;
    LinePattern pattern;
    const char* unless;
    const char* name;
    const char* instead;
};

const std::array<OldWord, 3>& old_words()
{
    static const std::array<OldWord, 3> words{{
        {"old-subdirs", LinePattern("[[:blank:]]SUBDIRS="), "M=", "SUBDIRS", "M="},
        {"old-flags", LinePattern("EXTRA_CFLAGS"), "ccflags", "EXTRA_CFLAGS", "ccflags-y"},
        {"old-flags", LinePattern("EXTRA_LDFLAGS"), "ldflags", "EXTRA_LDFLAGS", "ldflags-y"},
    }};
    return words;
}

class MakefileLint {
public:
    MakefileLint(const LintSubject& subject, Findings& findings)
        : subject_(subject), findings_(findings), given_(given_variables(subject)), records_(subject.records()),
          reach_(make_reach(subject))
    {
    }

    void look()
    {
        lint_recipes(subject_, reach_, findings_);
        reached_ = reach_.makefiles.size();
        makefiles_ = reach_.makefiles;
        files_ = source_files(subject_.directory);
        if (!reach_.complete) read_others();
        if (makefiles_.empty()) return look_at_nothing();
        lists_ = kbuild_lists(makefiles_, given_);
        for (const ConfModule& record : records_) look_at_record(record);
        report_by_config();
        for (std::size_t i = 0; i < makefiles_.size(); ++i)
            if (i < reached_ || is_of_build(makefiles_[i])) look_at_lines(makefiles_[i]);
    }

private:
    Ground ground() const { return reach_.complete && lists_.known ? Ground::certain : Ground::likely; }

    /// Where the build cannot be followed, any Makefile may be read.
    void read_others()
    {
        std::set<fs::path> known;
        for (const MakefileOutline& makefile : makefiles_) known.insert(makefile.file);
        for (const fs::path& file : files_) {
            if (!is_makefile_name(file.filename()) || known.contains(file)) continue;
            if (const auto text = source_text(file)) makefiles_.push_back(makefile_outline(file, *text));
        }
    }

    void look_at_nothing()
    {
        if (reach_.makes_files || !reach_.no_makefile || records_.empty()) return;
        findings_.add("makefile-missing", subject_.directory, 0, {{"module", records_.front().built_name}});
    }

    /// Where a build is likely to look: the source itself, the records' directories, and those of Makefiles that list
    /// their modules.
    bool is_of_build(const MakefileOutline& makefile) const
    {
        const fs::path directory = makefile.file.parent_path();
        if (directory == subject_.directory) return true;
        const auto is_here = [&](const ConfModule& record) {
            return (subject_.directory / record.built_location / "").lexically_normal() ==
                   (directory / "").lexically_normal();
        };
        const auto lists = [&](const ListedObject& object) {
            return object.makefile == &makefile && is_wanted(object.stem);
        };
        return std::any_of(records_.begin(), records_.end(), is_here) ||
               std::any_of(lists_.objects.begin(), lists_.objects.end(), lists);
    }

    bool is_wanted(const std::string& stem) const
    {
        return std::any_of(records_.begin(), records_.end(),
                           [&](const ConfModule& record) { return record.built_name == stem; });
    }

    // a record

    void look_at_record(const ConfModule& record)
    {
        const ListedObject* best = nullptr;
        for (const ListedObject& object : lists_.objects)
            if (object.stem == record.built_name && (best == nullptr || object.how < best->how)) best = &object;
        if (best == nullptr) return look_at_unlisted(record);
        if (best->how == Listed::by_config) by_config_[best->file].push_back(*best);
        if (best->how == Listed::built_in && !lists_other_kinds(*best->makefile))
            findings_.add("obj-y", best->file, best->line, {{"module", record.built_name}}, ground());
        if (!reach_.makes_files) lint_sources(subject_, *best, given_, ground(), findings_);
    }

    /// One finding a Makefile: a driver of many modules has them all in such lists.
    void report_by_config()
    {
        for (const auto& [file, objects] : by_config_) {
            const std::size_t more = objects.size() - 1;
            const std::string modules =
                objects.front().stem + (more == 0 ? " is" : " (and " + std::to_string(more) + " more) is");
            findings_.add("obj-config", file, objects.front().line,
                          {{"modules", modules}, {"variable", objects.front().variable}});
        }
    }

    /// A list whose kind is not known could be for this one too.
    static bool lists_other_kinds(const MakefileOutline& makefile)
    {
        return std::any_of(makefile.assignments.begin(), makefile.assignments.end(),
                           [](const MakefileAssignment& one) { return one.variable.starts_with("obj-$"); });
    }

    void look_at_unlisted(const ConfModule& record)
    {
        const bool by_rule = std::any_of(makefiles_.begin(), makefiles_.end(), [&](const MakefileOutline& makefile) {
            return makefile.makes(record.built_name + ".ko") || makefile.makes(record.built_name + ".o");
        });
        const bool shipped = std::any_of(files_.begin(), files_.end(), [&](const fs::path& file) {
            return file.filename() == record.built_name + ".ko";
        });
        if (!lists_.known || by_rule || shipped || reach_.makes_files) return;
        std::vector<std::string> made;
        for (const ListedObject& object : lists_.objects) made.push_back(object.stem);
        const Parameters parameters{{"module", record.built_name},
                                    {"index", std::to_string(record.index)},
                                    {"made", listing(record.built_name, made)}};
        if (made.empty())
            findings_.add("no-obj-m", main_makefile().file, 0, parameters, ground());
        else
            findings_.add("module-not-made", subject_.conf, subject_.outline.line_of("BUILT_MODULE_NAME", record.index),
                          parameters, ground());
    }

    /// The names, the one that is most like `wanted` first; no more than three.
    static std::string listing(const std::string& wanted, std::vector<std::string> names)
    {
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
            return name_distance(wanted, a) < name_distance(wanted, b);
        });
        std::string text;
        for (std::size_t i = 0; i < names.size() && i < 3; ++i) text += (i > 0 ? ", " : "") + names[i] + ".ko";
        return text + (names.size() > 3 ? " …" : "");
    }

    /// The one in the source directory itself, else the first.
    const MakefileOutline& main_makefile() const
    {
        const auto here = std::find_if(makefiles_.begin(), makefiles_.end(), [&](const MakefileOutline& makefile) {
            return makefile.file.parent_path() == subject_.directory;
        });
        return here != makefiles_.end() ? *here : makefiles_.front();
    }

    // lines

    void look_at_lines(const MakefileOutline& makefile)
    {
        const auto each = [&](const std::string& text, const MakefilePlace& place) {
            for (const OldWord& old : old_words())
                if (old.pattern.fits(text) && text.find(old.unless) == text.npos && !is_handed_on(makefile, old))
                    findings_.add(old.rule, place.file, place.line, {{"name", old.name}, {"instead", old.instead}});
        };
        for (const MakefileAssignment& one : makefile.assignments) each(one.variable + " = " + one.value, one);
        for (const MakefileLine& line : makefile.others) each(line.text, line);
        lint_uname(subject_, makefile, given_, ground(), findings_);
    }

    /// "ccflags-y += $(EXTRA_CFLAGS)": for old kernels and new ones.
    static bool is_handed_on(const MakefileOutline& makefile, const OldWord& old)
    {
        return std::any_of(makefile.assignments.begin(), makefile.assignments.end(), [&](const auto& one) {
            return one.variable.find(old.name) == std::string::npos && old.pattern.fits(one.value);
        });
    }

    const LintSubject& subject_;
    Findings& findings_;
    const MakefileVariables given_;
    const std::vector<ConfModule> records_;
    const MakeReach reach_;
    std::vector<fs::path> files_;
    std::vector<MakefileOutline> makefiles_; ///< those that are reached first
    std::size_t reached_ = 0;                ///< how many
    KbuildLists lists_;
    std::map<fs::path, std::vector<ListedObject>> by_config_;
};

} // namespace

void lint_makefiles(const LintSubject& subject, Findings& findings) { MakefileLint(subject, findings).look(); }

} // namespace dkms
