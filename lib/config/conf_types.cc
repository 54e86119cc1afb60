// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf.h"

#include "lib/config/conf_records.h"
#include "lib/config/conf_values.h"
#include "lib/config/directives.h"
#include "lib/config/expression.h"

#include <algorithm>
#include <cctype>

namespace dkms {
namespace {

class ConfReader {
public:
    ConfReader(const std::filesystem::path& file, const ConfVariables& variables, const ConfContext& context,
               Strictness strictness, const std::vector<BashComplaint>& complaints)
        : file_(file), variables_(variables), values_(variables), context_(context), strictness_(strictness)
    {
        conf_.complaints = complaints;
    }

    Conf read()
    {
        check_utf8();
        read_identity();
        read_records();
        if (conf_.modules.empty() && strict()) warn("Zero modules specified.");
        read_make();
        read_patches();
        read_dependencies();
        read_exclusive();
        conf_.autoinstall = flag("AUTOINSTALL");
        conf_.no_weak_modules = flag("NO_WEAK_MODULES");
        read_scripts();
        read_old_directives();
        refuse_faults();
        return std::move(conf_);
    }

private:
    bool strict() const { return strictness_ == Strictness::strict; }
    void warn(std::string sentence) { conf_.warnings.push_back(std::move(sentence)); }

    void check_utf8() const
    {
        for (const auto& [name, elements] : variables_)
            for (const auto& element : elements)
                if (!is_utf8(element.second))
                    throw Error(ErrorCode::conf_not_utf8, {{"file", file_.string()}, {"directive", name}});
    }

    /// Goes on, so that an author is told everything at once.
    void fail(const std::string& sentence) { faults_ += (faults_.empty() ? "" : "\n") + sentence; }

    void refuse_faults() const
    {
        if (faults_.empty()) return;
        Parameters parameters{{"file", file_.string()}, {"reason", faults_}};
        for (const BashComplaint& one : conf_.complaints) parameters["complaints"] += one.sentence() + "\n";
        throw Error(ErrorCode::conf_invalid, std::move(parameters));
    }

    std::string required(const std::string& name)
    {
        std::string value = values_.value(name);
        value.erase(0, value.find_first_not_of(' '));
        value.erase(value.find_last_not_of(' ') + 1);
        if (value.empty()) fail("No '" + name + "' directive specified.");
        return value;
    }

    /// Both become names of directories.
    void read_identity()
    {
        conf_.module.name = required("PACKAGE_NAME");
        conf_.module.version = required("PACKAGE_VERSION");
        if (!faults_.empty()) return;
        try {
            check(conf_.module);
        } catch (const Error& error) {
            fail("'PACKAGE_NAME' and 'PACKAGE_VERSION' directives do not name a module: " + error.message());
        }
    }

    void read_records()
    {
        ConfRecords read = conf_records(values_, conf_.module.name, strictness_);
        for (const RecordFault& fault : read.faults) fail(fault.reason);
        conf_.modules = std::move(read.records);
    }

    /// yes or no, in any case. What was accepted before that became strict is read with a warning where the meaning is
    /// plain.
    bool flag(const std::string& name)
    {
        const std::string written = values_.value(name);
        const auto words = words_of(written);
        std::string value = words.size() == 1 ? words.front() : words.empty() ? std::string() : written;
        std::transform(value.begin(), value.end(), value.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        const bool yes = value == "yes" || value == "y";
        if (!yes && !value.empty() && value != "no" && value != "n") {
            if (strict()) fail("Unsupported " + name + " value '" + written + "'");
            return false;
        }
        if (strict() && !value.empty() && value != "yes" && value != "no")
            warn("The " + name + " value '" + written + "' is read as '" + (yes ? "yes" : "no") + "'.");
        return yes;
    }

    /// Whether an expression that chooses something for this kernel fits; one that is invalid never does.
    bool fits_kernel(const std::string& directive, unsigned index, const std::string& expression)
    {
        const auto fits = expression_fits(expression, context_.kernel.release);
        if (!fits)
            warn("The expression '" + expression + "' of " + directive + "[" + std::to_string(index) +
                 "] is not valid and is ignored.");
        return fits.value_or(false);
    }

    /// The last MAKE[#] that fits wins; MAKE[0] needs no match.
    void read_make()
    {
        if (values_.value("MAKE_MATCH").empty()) conf_.make = values_.value("MAKE");
        for (const auto& [index, command] : values_.counted("MAKE")) {
            const std::string expression = values_.value("MAKE_MATCH", index);
            if (!expression.empty() && fits_kernel("MAKE_MATCH", index, expression)) conf_.make = command;
        }
    }

    void read_patches()
    {
        for (const auto& [index, file] : values_.counted("PATCH"))
            conf_.patches.push_back({index, file, values_.value("PATCH_MATCH", index)});
    }

    void read_dependencies()
    {
        for (const auto& element : values_.elements("BUILD_DEPENDS"))
            for (std::string& word : words_of(element.second)) conf_.build_depends.push_back(std::move(word));
        conf_.build_depends_rebuild = flag("BUILD_DEPENDS_REBUILD");
    }

    Exclusive exclusive(unsigned index) const
    {
        return {values_.value("BUILD_EXCLUSIVE_KERNEL", index), values_.value("BUILD_EXCLUSIVE_KERNEL_MIN", index),
                values_.value("BUILD_EXCLUSIVE_KERNEL_MAX", index), values_.value("BUILD_EXCLUSIVE_ARCH", index),
                values_.value("BUILD_EXCLUSIVE_CONFIG", index)};
    }

    /// One that is none excludes the module, as it always did; only here it is said why.
    void check_expressions()
    {
        if (!strict()) return;
        for (const char* directive : {"BUILD_EXCLUSIVE_KERNEL", "BUILD_EXCLUSIVE_ARCH"})
            for (const auto& [index, expression] : values_.elements(directive))
                if (!expression.empty() && !expression_fits(expression, ""))
                    warn("The expression '" + expression + "' of " + directive + "[" + std::to_string(index) + "] in " +
                         file_.string() + " is not valid and fits nothing.");
    }

    /// Element 0, which is what a scalar is, holds for the whole package; the others for their record.
    void read_exclusive()
    {
        check_expressions();
        conf_.exclusive = exclusive(0);
        for (const ConfModule& module : conf_.modules)
            if (Exclusive own = exclusive(module.index); module.index != 0 && !own.empty())
                conf_.module_exclusive.emplace(module.index, std::move(own));
        conf_.obsolete_by = values_.value("OBSOLETE_BY");
        if (conf_.exclusive.kernel_max.empty()) conf_.exclusive.kernel_max = conf_.obsolete_by;
    }

    void read_scripts()
    {
        conf_.pre_build = values_.value("PRE_BUILD");
        conf_.post_build = values_.value("POST_BUILD");
        conf_.post_add = values_.value("POST_ADD");
        conf_.pre_install = values_.value("PRE_INSTALL");
        conf_.post_install = values_.value("POST_INSTALL");
        conf_.post_remove = values_.value("POST_REMOVE");
    }

    void read_old_directives()
    {
        conf_.clean = values_.value("CLEAN");
        const std::string initrd = values_.value("REMAKE_INITRD");
        conf_.remake_initrd = !initrd.empty() && (initrd.front() == 'y' || initrd.front() == 'Y');
        conf_.modules_conf = values_.elements("MODULES_CONF");
        conf_.modules_conf_alias_type = values_.elements("MODULES_CONF_ALIAS_TYPE");
        conf_.modules_conf_obsoletes = values_.elements("MODULES_CONF_OBSOLETES");
        if (strict())
            for (const DeprecatedDirective& directive : deprecated_directives()) report(directive);
    }

    void report(const DeprecatedDirective& directive)
    {
        const std::string name(directive.name);
        if (values_.elements(name).empty()) return;
        // Many packages say so to get no cleaning at all.
        const bool no_clean = conf_.clean == "true" || conf_.clean == "/bin/true" || conf_.clean == "/usr/bin/true";
        if (name == "CLEAN" && no_clean) return;
        conf_.deprecated.push_back({name, file_.string(), std::string(directive.instead)});
    }

    const std::filesystem::path& file_;
    const ConfVariables& variables_;
    const ConfValues values_;
    const ConfContext& context_;
    const Strictness strictness_;
    Conf conf_;
    std::string faults_; ///< a line each
};

} // namespace

bool Exclusive::empty() const
{
    return kernel.empty() && kernel_min.empty() && kernel_max.empty() && arch.empty() && config.empty();
}

Conf typed_conf(const std::filesystem::path& file, ConfVariables variables, const ConfContext& context,
                Strictness strictness, const std::vector<BashComplaint>& complaints)
{
    Conf conf = ConfReader(file, variables, context, strictness, complaints).read();
    conf.variables = std::move(variables);
    return conf;
}

} // namespace dkms
