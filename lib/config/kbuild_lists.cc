// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/kbuild_lists.h"

#include "lib/config/line_pattern.h"

#include <algorithm>
#include <filesystem>

namespace dkms {
namespace {

namespace fs = std::filesystem;

class ListReader {
public:
    ListReader(const std::vector<MakefileOutline>& makefiles, const MakefileVariables& given)
        : makefiles_(makefiles), given_(given)
    {
    }

    KbuildLists read()
    {
        for (const MakefileOutline& makefile : makefiles_) collect(makefile);
        return std::move(lists_);
    }

private:
    void collect(const MakefileOutline& makefile)
    {
        static const LinePattern list("^obj-(m|y|\\$[({]([A-Za-z0-9_]+)[)}])$");
        static const LinePattern any_list("^obj-");
        const MakefileVariables variables = makefile_variables(makefile, given_);
        for (const MakefileAssignment& one : makefile.assignments) {
            if (!any_list.fits(one.variable)) continue;
            const auto kind = list.group(one.variable, 1);
            ListedObject object;
            object.makefile = &makefile;
            object.file = one.file;
            object.line = one.line;
            object.sure = one.sure;
            object.variable = kind ? list.group(one.variable, 2).value_or("") : "";
            object.how = how_listed(kind.value_or("m"), object.variable);
            for (const auto& word : expanded_words(one.value, variables)) add_object(object, word);
        }
    }

    Listed how_listed(const std::string& kind, const std::string& variable) const
    {
        if (kind == "y") return Listed::built_in;
        const bool of_kernel = variable.starts_with("CONFIG_");
        return !of_kernel || is_set_somewhere(variable) ? Listed::module : Listed::by_config;
    }

    void add_object(ListedObject object, const std::optional<std::string>& word)
    {
        if (!word) {
            lists_.known = false;
            return;
        }
        if (!word->ends_with(".o")) return; // a directory, whose Makefile has been read
        object.object = *word;
        object.stem = fs::path(*word).stem();
        lists_.objects.push_back(std::move(object));
    }

    /// Whether any Makefile or MAKE gives the variable a value: then the author has thought of it.
    bool is_set_somewhere(const std::string& variable) const
    {
        if (given_.count(variable) != 0) return true;
        const auto sets = [&](const MakefileAssignment& one) { return one.variable == variable && one.value != "n"; };
        const LinePattern hands_over("(^|[^A-Za-z0-9_])" + variable + "=[^=]");
        const auto says = [&](const MakefileLine& line) { return hands_over.fits(line.text); };
        return std::any_of(makefiles_.begin(), makefiles_.end(), [&](const MakefileOutline& makefile) {
            const auto in_value = [&](const MakefileAssignment& one) { return hands_over.fits(one.value); };
            return std::any_of(makefile.assignments.begin(), makefile.assignments.end(), sets) ||
                   std::any_of(makefile.assignments.begin(), makefile.assignments.end(), in_value) ||
                   std::any_of(makefile.others.begin(), makefile.others.end(), says);
        });
    }

    const std::vector<MakefileOutline>& makefiles_;
    const MakefileVariables& given_;
    KbuildLists lists_;
};

} // namespace

KbuildLists kbuild_lists(const std::vector<MakefileOutline>& makefiles, const MakefileVariables& given)
{
    return ListReader(makefiles, given).read();
}

} // namespace dkms
