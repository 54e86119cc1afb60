// SPDX-License-Identifier: LGPL-2.1-or-later
// How a dkms.conf is written: line ends, names, quotes.
#include "lib/config/conf_source.h"
#include "lib/config/directives.h"
#include "lib/config/line_pattern.h"
#include "lib/config/lint_parts.h"
#include "lib/model/name_distance.h"

#include <algorithm>
#include <array>
#include <optional>

namespace dkms {
namespace {

/// Directives that are gone, with what took their place.
struct Outdated {
    std::string_view name;
    std::string_view instead;
};
constexpr std::array<Outdated, 9> outdated{{
    {"MODULE_NAME", "BUILT_MODULE_NAME[0]"},
    {"LOCATION", "DEST_MODULE_LOCATION[0]"},
    {"NEEDED_FOR_BOOT", "the configuration of the initramfs"},
    {"UDEV_TRIGGER", "nothing: udev notices by itself"},
    {"MODULES_CONF_1", "a file in /etc/modprobe.d"},
    {"MODULES_CONF_2", "a file in /etc/modprobe.d"},
    {"MODULES_CONF_3", "a file in /etc/modprobe.d"},
    {"MODULES_CONF_4", "a file in /etc/modprobe.d"},
    {"MODULES_CONF_5", "a file in /etc/modprobe.d"},
}};

/// What to do about directives that are deprecated and have no successor.
constexpr std::array<Outdated, 6> farewells{{
    {"CLEAN", "Delete it: every build starts from a fresh copy of the source."},
    {"REMAKE_INITRD",
     "Delete it, dkms ignores it since 2.8.8; let the distribution's tools put the module into the initramfs."},
    {"MODULES_CONF", "Put those lines into a file in /etc/modprobe.d."},
    {"MODULES_CONF_ALIAS_TYPE", "Delete it: the module's own aliases are enough."},
    {"MODULES_CONF_OBSOLETES", "Put a blacklist line into a file in /etc/modprobe.d."},
    {"MODULES_CONF_OBSOLETE_ONLY", "Delete it."},
}};

/// Directives whose value is a command.
constexpr std::array<std::string_view, 7> command_directives{"MAKE",        "PRE_BUILD",    "POST_BUILD", "POST_ADD",
                                                             "PRE_INSTALL", "POST_INSTALL", "POST_REMOVE"};

template <class Table>
const Outdated* row_of(const Table& table, std::string_view name)
{
    const auto found = std::find_if(table.begin(), table.end(), [&](const Outdated& row) { return row.name == name; });
    return found == table.end() ? nullptr : &*found;
}

/// Whether the configuration does more with the variable, or array, than to set it.
bool is_used(const LintSubject& subject, const std::string& name)
{
    const LinePattern use("^[^#]*([^A-Za-z0-9_#]" + name + "([^A-Za-z0-9_=+[]|$)|[$]\\{?[#!]?" + name +
                          "([^A-Za-z0-9_]|$))");
    const auto lines = lines_of(subject.text);
    return std::any_of(lines.begin(), lines.end(), [&](std::string_view line) { return use.fits(line); });
}

class TextLint {
public:
    TextLint(const LintSubject& subject, Findings& findings) : subject_(subject), findings_(findings) {}

    void look()
    {
        look_at_bytes();
        for (const ConfCommand& command : subject_.outline.commands) look_at_command(command);
        for (const ConfStatement& statement : subject_.outline.statements) look_at_statement(statement);
    }

private:
    void add(std::string_view rule, unsigned line, const Parameters& parameters = {})
    {
        findings_.add(rule, subject_.conf, line, parameters);
    }

    void look_at_bytes()
    {
        if (subject_.text.compare(0, 3, "\xef\xbb\xbf") == 0) add("byte-order-mark", 1);
        if (subject_.dos_line_ends) add("line-ends", 0, {{"file", subject_.conf.filename().string()}});
    }

    /// NAME = value, NAME[0] =value
    void look_at_command(const ConfCommand& command)
    {
        const std::string name = command.word.substr(0, command.word.find('['));
        if (is_conf_directive(name) && !command.next.empty() && command.next.front() == '=')
            add("blank-before-equals", command.line, {{"name", command.word}});
    }

    void look_at_statement(const ConfStatement& statement)
    {
        if (is_conf_directive(statement.name))
            look_at_directive(statement);
        else if (statement.before_word.empty() && !statement.exported)
            look_at_other(statement);
        look_for_uname(statement);
    }

    void look_at_directive(const ConfStatement& statement)
    {
        const std::string& name = statement.name;
        if (!statement.before_word.empty())
            add("value-not-quoted", statement.line, {{"name", name}, {"word", statement.before_word}});
        look_at_deprecated(statement);
        const std::string once = once_expanded(statement.raw);
        look_at_inner_quotes(statement, once);
        look_at_late_variables(statement, once);
        look_at_blanks(statement, once);
        look_for_directory(statement, once);
    }

    void look_at_deprecated(const ConfStatement& statement)
    {
        const std::string value = once_expanded(statement.raw);
        const bool no_clean = value == "true" || value == "/bin/true" || value == "/usr/bin/true";
        if (value.empty() || (statement.name == "CLEAN" && no_clean)) return;
        for (const DeprecatedDirective& row : deprecated_directives()) {
            if (row.name != statement.name) continue;
            const Outdated* farewell = row_of(farewells, row.name);
            const std::string remedy =
                farewell != nullptr ? std::string(farewell->instead) : "Use " + std::string(row.instead) + ".";
            add("deprecated-directive", statement.line, {{"name", statement.name}, {"remedy", remedy}});
        }
    }

    /// A variable of the author's own, or a directive that is written wrongly.
    void look_at_other(const ConfStatement& statement)
    {
        const std::string& name = statement.name;
        if (const Outdated* row = row_of(outdated, name))
            return add("outdated-directive", statement.line, {{"name", name}, {"instead", std::string(row->instead)}});
        const auto nearest = nearest_name(name, conf_directives());
        if (nearest && !is_used(subject_, name))
            add("misspelt-directive", statement.line, {{"name", name}, {"nearest", std::string(*nearest)}});
    }

    void look_at_inner_quotes(const ConfStatement& statement, const std::string& once)
    {
        for (std::size_t open = once.find('"'); open != std::string::npos; open = once.find('"', open + 1)) {
            if (open > 0 && once[open - 1] == '\\') continue;
            const std::size_t close = std::min(once.find('"', open + 1), once.size());
            const auto inner = std::string_view(once).substr(open + 1, close - open - 1);
            if (inner.find_first_of(" \t\n;|&<>()*?[#") != std::string_view::npos)
                return add("inner-quotes", statement.line, {{"name", statement.name}});
            open = close;
            if (open >= once.size()) return;
        }
    }

    /// The second expansion sees the documented variables, directives, and the base environment.
    bool is_seen_late(const std::string& name) const
    {
        static const ConfScope scope = conf_scope({});
        constexpr std::array<std::string_view, 4> environment{"PATH", "HOME", "LANG", "PWD"};
        return scope.variables.count(name) != 0 || is_conf_directive(name) ||
               std::find(environment.begin(), environment.end(), name) != environment.end();
    }

    void look_at_late_variables(const ConfStatement& statement, const std::string& once)
    {
        static const LinePattern variable("^\\$\\{?([A-Za-z_][A-Za-z0-9_]*|[0-9@*])");
        for (std::size_t at = once.find('$'); at != std::string::npos; at = once.find('$', at + 1)) {
            if (at > 0 && once[at - 1] == '\\') continue;
            const auto name = variable.group(std::string_view(once).substr(at), 1);
            if (name && !is_seen_late(*name))
                add("late-variable", statement.line, {{"name", statement.name}, {"variable", *name}});
        }
    }

    void look_at_blanks(const ConfStatement& statement, const std::string& once)
    {
        const auto& commands = command_directives;
        if (std::find(commands.begin(), commands.end(), statement.name) == commands.end()) return;
        static const LinePattern run("'[^']*([ ][ ]|\t)[^']*'");
        if (run.fits(once)) add("blanks-run-together", statement.line, {{"name", statement.name}});
        for (std::size_t at = once.find('\n'); at != std::string::npos; at = once.find('\n', at + 1)) {
            const auto before = once.find_last_not_of(" \t\n", at);
            const auto after = once.find_first_not_of(" \t\n", at);
            if (before == std::string::npos || after == std::string::npos) continue;
            static const LinePattern argument("^([A-Za-z_][A-Za-z0-9_]*=|\x01)");
            if (argument.fits(std::string_view(once).substr(after))) continue;
            const bool joined = std::string_view(";&|({").find(once[before]) != std::string_view::npos ||
                                std::string_view(";&|)}-").find(once[after]) != std::string_view::npos;
            if (!joined) return add("lines-run-together", statement.line, {{"name", statement.name}});
        }
    }

    /// $PWD and pwd, where they mean the directory of whoever reads the file.
    void look_for_directory(const ConfStatement& statement, const std::string& once)
    {
        static const LinePattern directory("[$]\\{?PWD|([$]\\(|`)[[:blank:]]*pwd");
        static const LinePattern twice_escaped("\\\\[$]\\{?\\(?(PWD|pwd)");
        if (directory.fits(statement.raw) && !twice_escaped.fits(once)) add("working-directory", statement.line);
    }

    void look_for_uname(const ConfStatement& statement)
    {
        static const LinePattern uname("uname[[:blank:]]+(-[a-z]*r|--kernel-release)");
        if (!uname.fits(statement.raw)) return;
        if (statement.name != "MAKE") add("uname-in-conf", statement.line, {{"name", statement.name}});
    }

    const LintSubject& subject_;
    Findings& findings_;
};

} // namespace

void lint_text(const LintSubject& subject, Findings& findings) { TextLint(subject, findings).look(); }

} // namespace dkms
