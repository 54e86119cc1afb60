// SPDX-License-Identifier: LGPL-2.1-or-later
// What lint finds: every rule, by the cases of tests/data/lint/cases.
#include "tests/catch.h"

#include "lib/config/bad_command.h"
#include "lib/config/conf_native.h"
#include "lib/config/conf_outline.h"
#include "lib/config/lint_rules.h"
#include "lib/config/makefile_outline.h"
#include "lib/config/shell_commands.h"
#include "lib/model/name_distance.h"
#include "tests/unit/lint_cases.h"

#include <array>
#include <set>

using namespace dkms;

namespace fs = std::filesystem;

namespace {

bool is_native(const fs::path& conf)
{
    const ConfSource source = read_conf_source(conf);
    return evaluate_natively({&source, 1}, conf_scope(ConfData::context())).has_value();
}

} // namespace

TEST_CASE("every case has its findings and no others")
{
    for (const LintCase& one : lint_cases()) {
        if (one.needs_bash) continue;
        const Scratch scratch;
        const fs::path source = one.put(scratch.path());
        INFO(one.text());
        if (fs::exists(source / "dkms.conf")) CHECK(is_native(source / "dkms.conf"));
        const auto findings = lint_of(source);
        CHECK(text_of(findings, source) == one.expected);
    }
}

TEST_CASE("every rule has a case, and its texts have no holes")
{
    std::string expected;
    for (const LintCase& one : lint_cases()) {
        expected += ", " + one.expected;
        const Scratch scratch;
        for (const Finding& finding : one.needs_bash ? std::vector<Finding>() : lint_of(one.put(scratch.path()))) {
            if (finding.rule == "placeholder") continue; // shows one, which may be in braces
            INFO(finding.message + " / " + finding.remedy);
            CHECK((finding.message + finding.remedy).find('{') == std::string::npos);
        }
    }
    for (const LintRule& rule : lint_rules()) {
        INFO(rule.name);
        CHECK(expected.find(", " + std::string(rule.name) + " ") != std::string::npos);
    }
}

TEST_CASE("the sample modules give neither errors nor warnings")
{
    for (const char* module : {"hello-1.0", "greeting-2.1"})
        for (const Finding& finding : lint_of(lint_data_directory() / "modules" / module)) {
            INFO(finding.rule);
            CHECK(finding.severity == Severity::note);
        }
}

TEST_CASE("a configuration of another name is looked at by itself")
{
    const Scratch scratch;
    write(scratch.path() / "probe.dkms",
          "PACKAGE_NAME=probe\nPACKAGE_VERSION=1.0\nPATCH[0]=none.patch\n"
          "BUILT_MODULE_NAME[0]=probe\nPRE_BUILD=none.sh\nDEST_MODULE_LOCATION[0]=/updates\n");
    CHECK(lint_of(scratch.path() / "probe.dkms").empty());
    fs::rename(scratch.path() / "probe.dkms", scratch.path() / "dkms.conf");
    CHECK_FALSE(lint_of(scratch.path() / "dkms.conf").empty());
}

TEST_CASE("what is not there, or is no file, is an error and not a finding")
{
    const Scratch scratch;
    const auto code = [&](const fs::path& path) {
        try {
            lint_of(path);
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::internal;
    };
    CHECK(code(scratch.path() / "none") == ErrorCode::conf_missing);
    fs::create_directories(scratch.path() / "a" / "dkms.conf");
    CHECK(code(scratch.path() / "a") == ErrorCode::conf_unreadable);
}

TEST_CASE("a rule speaks once about the same in a file, and counts")
{
    Findings findings;
    findings.add("old-flags", "/x/Makefile", 7, {{"name", "EXTRA_CFLAGS"}, {"instead", "ccflags-y"}});
    findings.add("old-flags", "/x/Makefile", 9, {{"name", "EXTRA_CFLAGS"}, {"instead", "ccflags-y"}});
    findings.add("old-flags", "/x/Makefile", 3, {{"name", "EXTRA_LDFLAGS"}, {"instead", "ldflags-y"}});
    CHECK_FALSE(findings.has_errors());
    const auto taken = findings.take();
    REQUIRE(taken.size() == 2);
    CHECK(taken[0].line == 3);
    CHECK(taken[1].message == "EXTRA_CFLAGS is not known to kernels since 6.15. (and 1 more line)");
    CHECK(taken[1].remedy == "Use ccflags-y in its place.");
}

TEST_CASE("rules have names of their own")
{
    std::set<std::string_view> names;
    for (const LintRule& rule : lint_rules()) CHECK(names.insert(rule.name).second);
}

TEST_CASE("an outline knows where assignments stand")
{
    const ConfOutline outline =
        conf_outline("# A=comment\nA=1; B[2]='x;\ny' # C=3\nif [ \"$A\" = '1' ]; then\n  D=\"$(cat <x)\"\nfi\n"
                     "E+=5 f=6\nfor i in 1 2; do G[$i]=7; done\nH=8 run it\nI=(1 2\n3)\nJ=`a b`\n");
    std::string text;
    for (const ConfStatement& one : outline.statements)
        text += one.name + (one.index.empty() ? "" : "[" + one.index + "]") + ":" + std::to_string(one.line) +
                (one.before_word.empty() ? "" : "<" + one.before_word) + " ";
    CHECK(text == "A:2 B[2]:2 D:5 E:7 f:7 G[$i]:8 H:9<run I:10 J:12 ");
    CHECK(outline.line_of("B", 2) == 2);
    CHECK(outline.line_of("G", 1) == 8);
    CHECK(outline.line_of("Z") == 0);
}

TEST_CASE("an outline of anything comes to an end")
{
    for (const char* part : {"$(", "\"", "'", "`", "${", "\\", "((", "A=$(\"", "\x80", "=", "\n\\"}) {
        std::string text;
        for (int i = 0; i < 20000; ++i) text += part;
        conf_outline(text);
        conf_outline("A=" + text);
        once_expanded(text);
        makefile_outline("/x", text);
        expanded_words(text, {{"A", text}});
        bad_command(text);
        shell_commands(text);
    }
}

TEST_CASE("what the first expansion leaves to the second")
{
    const std::string mark(1, expanded_early);
    CHECK(once_expanded("\"a $b ${c} $(d e)\"") == "a " + mark + " " + mark + " " + mark);
    CHECK(once_expanded("'a $b'") == "a $b");
    CHECK(once_expanded("\"a \\\"b\\\" \\$c \\d\"") == "a \"b\" $c \\d");
    CHECK(once_expanded("a\\ b") == "a b");
    CHECK(once_expanded("\"it's\"") == "it's");
    CHECK(once_expanded("'open") == "ope");
}

TEST_CASE("a Makefile is read as make reads it, by and large")
{
    const auto makefile =
        makefile_outline("/x/Makefile", "A := b # c\n  export D ?= e\\\n f\nobj-$(CONFIG_X) += g.o\n"
                                        "h.o: A = 1\nall: h.o\n\t@I=1 run\nifeq ($(A),b)\n%.c: %.y\nendif\n"
                                        "include more.mk\n");
    std::string text;
    for (const MakefileAssignment& one : makefile.assignments)
        text += one.variable + (one.adds ? "+" : "") + "=" + one.value + ":" + std::to_string(one.line) + " ";
    CHECK(text == "A=b:1 D=e  f:2 obj-$(CONFIG_X)+=g.o:4 ");
    CHECK(makefile.makes("all"));
    CHECK(makefile.makes("parser.c"));
    CHECK_FALSE(makefile.makes("parser.o"));
    CHECK(makefile.includes);

    const MakefileVariables variables{{"A", "x y"}, {"B", "$(A).o"}, {"C", "$(C)"}};
    const auto words = expanded_words("z $(B) $(C) $(wildcard *.c)", variables);
    REQUIRE(words.size() == 5);
    CHECK(words[1] == "x");
    CHECK(words[2] == "y.o");
    CHECK_FALSE(words[3].has_value());
    CHECK_FALSE(words[4].has_value());
}

TEST_CASE("conditions of a Makefile are settled where they can be known")
{
    auto makefile =
        makefile_outline("/x/Makefile", "A = n\nB = 1\nifeq ($(A),y)\nC = 1\nelse ifneq ($(A), n)\nD = 1\nelse\n"
                                        "E = 1\nifdef B\nF = 1\nendif\nifdef SOMETHING\nG = 1\nendif\nendif\n"
                                        "ifeq \"$(A)\" 'n'\nH = 1\nendif\nifndef B\nI = 1\nendif\n");
    settle_conditions(makefile, {});
    std::string left;
    for (const MakefileAssignment& one : makefile.assignments) left += one.variable + (one.sure ? " " : "? ");
    CHECK(left == "A B E F G? H ");
    std::string deep = "A = n\n";
    for (int i = 0; i < 5000; ++i) deep += "ifeq ($(A),n)\nX = 1\n";
    auto deepest = makefile_outline("/x/Makefile", deep);
    settle_conditions(deepest, {});
    CHECK_FALSE(deepest.assignments.back().sure); // beyond a depth nothing is known
}

TEST_CASE("a build that can be followed for ever is not")
{
    const Scratch scratch;
    const fs::path source = scratch.path() / "probe-1.0";
    write(source / "dkms.conf", "PACKAGE_NAME=probe\nPACKAGE_VERSION=1.0\nBUILT_MODULE_NAME[0]=probe\n"
                                "DEST_MODULE_LOCATION[0]=/updates\nMAKE[0]='make all'\n");
    std::string makefile = "A := " + std::string(60000, 'a') +
                           "\ninclude Makefile loop.mk\nall: b\n\t$(MAKE) all X=1\n\t$(MAKE) -C .. b\n"
                           "\t$(MAKE) -C sub/../ b c\nb: all\n\t$(MAKE) -f Makefile c b\n";
    for (int i = 0; i < 2000; ++i) makefile += "c: $(A)$(A) $(A)\n\t+make b c d\n";
    write(source / "Makefile", makefile);
    write(source / "loop.mk", "include loop.mk Makefile\n");
    fs::create_directory(source / "sub");
    for (const Finding& finding : lint_of(source)) CHECK(finding.severity != Severity::error);
}

TEST_CASE("a shell line falls into its commands")
{
    std::string text;
    for (const ShellCommand& command :
         shell_commands("(cd 'a b' && A=$(pwd;x) make -C \"$D\" `x y`) >out; echo x >/dev/null 2>&1|tee")) {
        for (const std::string& word : command.words) text += "[" + word + "]";
        text += command.writes ? "> " : " ";
    }
    CHECK(text == "[cd][a b] [A=$(pwd;x)][make][-C][$D][`x y`] > [echo][x] [tee] ");
}

TEST_CASE("commands are seen where commands stand")
{
    for (const char* line :
         {"curl -O x", "  a && wget x", "x=$(git clone y)", "if git pull; then", "sudo make", "(modprobe x)"})
        CHECK(bad_command(line).has_value());
    for (const char* line :
         {"# curl x", "echo curl x", "mycurl x", "git status", "rm depmod.txt", "dkms status", "curl=1", ""})
        CHECK_FALSE(bad_command(line).has_value());
}

TEST_CASE("the nearest name is the one that was meant")
{
    constexpr std::array<std::string_view, 3> names{"MAKE", "PATCH", "AUTOINSTALL"};
    CHECK(nearest_name("AUTO_INSTALL", names) == "AUTOINSTALL");
    CHECK(nearest_name("autoinstall", names) == "AUTOINSTALL");
    CHECK(nearest_name("PACTH", names) == "PATCH");
    CHECK_FALSE(nearest_name("FAKER", names).has_value());
    CHECK_FALSE(nearest_name("", names).has_value());
    CHECK(name_distance("abc", "acb") == 1);
}
