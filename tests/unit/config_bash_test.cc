// SPDX-License-Identifier: LGPL-2.1-or-later
// Configurations that bash evaluates, among them hostile ones; and that both readers read the same. Needs bash;
// bubblewrap where a test says so.
#include "lib/process/descendants.h"
#include "lib/process/unprivileged.h"
#include "tests/catch.h"

#include "lib/config/conf_bash.h"
#include "lib/config/conf_native.h"
#include "lib/model/error.h"
#include "tests/unit/conf_data.h"
#include "tests/unit/lint_cases.h"
#include "tests/unit/scratch.h"

#include <array>
#include <chrono>
#include <random>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace dkms;

namespace {

constexpr const char* good = "PACKAGE_NAME=good\nPACKAGE_VERSION=1\nDEST_MODULE_LOCATION=/extra\n";

ConfVariables evaluate(const std::string& text, const BashLimits& limits = {})
{
    const ConfSource source{"/nonexistent/dkms.conf", text};
    return evaluate_with_bash({&source, 1}, conf_scope(ConfData::context()), limits);
}

std::string make_of(const std::string& text, const BashLimits& limits = {})
{
    return evaluate(good + text, limits)["MAKE"][0];
}

BashLimits one_second()
{
    BashLimits limits;
    limits.time = std::chrono::seconds(1);
    return limits;
}

ErrorCode code_of(const std::string& text, const BashLimits& limits = one_second())
{
    try {
        evaluate(text, limits);
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;
}

bool is_sandboxed()
{
    if (available_sandbox() != SandboxKind::none) return true;
    WARN("no sandbox here, so nothing is shown");
    return false;
}

/// Some assignments of what is peculiar to shells.
std::string random_conf(std::mt19937& random)
{
    static constexpr std::array<const char*, 8> names{"MAKE", "PACKAGE_NAME", "CLEAN",     "PATCH[2]",
                                                      "X",    "X[1]",         "kernelver", "arch[1]"};
    static constexpr std::array<const char*, 56> pieces{
        "a",          "b",     " ",    "  ",    "\t",  "\n",     "\"",       "'",    "\\",      "$",
        "${",         "}",     "[",    "]",     "0",   "MAKE",   "$X",       "${X}", "${X[1]}", "$PACKAGE_NAME",
        "$kernelver", "\\$X",  "\\\\", "\\\"",  "~",   ":",      "=",        "#",    ";",       "*",
        "?",          "{a,b}", "!",    "%",     "@",   "-",      "\xc3\xa4", "\xe4", "/",       "^",
        "\\\n",       "\r",    "$|",   "\"$\"", "' '", "\" x\"", "\"$X\"",   "'$X'", "~/",      ":~",
        "0x",         "&",     "(",    "`",     "\\n", "\\ "};
    const auto pick = [&](const auto& list) { return std::string(list[random() % list.size()]); };
    std::string text;
    for (auto lines = 1 + random() % 5; lines > 0; --lines) {
        const std::string quote = std::array<const char*, 3>{"", "\"", "'"}[random() % 3];
        text += pick(names) + "=" + quote;
        for (auto count = random() % 7; count > 0; --count) text += pick(pieces);
        text += quote + "\n";
    }
    return text;
}

/// The module a configuration is of, as far as it says so.
ModuleId own_name(const ConfVariables& variables)
{
    if (variables.count("PACKAGE_NAME") == 0 || variables.count("PACKAGE_VERSION") == 0) return {};
    return {variables.at("PACKAGE_NAME").at(0), variables.at("PACKAGE_VERSION").at(0)};
}

/// Both readers over a directory of configurations. `cwd` is written in the expected values where the working directory
/// stands.
void compare(const std::filesystem::path& directory, const ConfData& expected, const BashLimits& limits,
             const std::string& cwd)
{
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() != ".conf") continue;
        const std::string name = entry.path().filename();
        INFO(name);
        ConfContext context = ConfData::context();
        context.module = own_name(expected.of(name));
        const auto sources = read_conf_sources(entry.path(), context);
        const ConfScope scope = conf_scope(context);
        std::string text = text_of(expected.of(name));
        if (const auto place = text.find(cwd); place != std::string::npos) text.replace(place, cwd.size(), "/");
        CHECK(text_of(evaluate_with_bash(sources, scope, limits)) == text);
        if (const auto natively = evaluate_natively(sources, scope)) CHECK(text_of(*natively) == text);
    }
}

} // namespace

TEST_CASE("both readers give the expected values") { compare(ConfData::directory(), ConfData::own(), {}, "@CWD@"); }

TEST_CASE("both readers give the expected values of real configurations")
{
    const char* corpus = std::getenv("DKMS_TEST_CORPUS");
    if (!corpus) return;
    BashLimits limits;
    limits.environment.emplace_back("BASH_FUNC_nproc%%=() { echo 2; }");
    limits.environment.emplace_back("BASH_FUNC_lsb_release%%=() { echo 'Distributor ID: Debian'; }");
    const std::filesystem::path directory = corpus;
    compare(directory / "dkms-conf", ConfData(directory / "expected.tsv"), limits, "@CWD@");
}

TEST_CASE("what the native reader takes of random texts, bash reads the same")
{
    std::mt19937 random(20); // NOLINT(cert-msc51-cpp): the same texts every time
    const ConfScope scope = conf_scope(ConfData::context());
    BashLimits limits;
    limits.sandbox = SandboxKind::none; // these texts do nothing but assign
    unsigned taken = 0;
    for (int round = 0; round < 2000; ++round) {
        const ConfSource source{"/nonexistent/dkms.conf", random_conf(random)};
        const auto natively = evaluate_natively({&source, 1}, scope);
        if (!natively) continue;
        ++taken;
        INFO(source.text);
        REQUIRE(text_of(*natively) == text_of(evaluate_with_bash({&source, 1}, scope, limits)));
    }
    CHECK(taken > 100);
}

TEST_CASE("both readers take overrides, directives and several files alike")
{
    const Scratch scratch;
    ConfContext context = ConfData::context();
    context.module = {"m", "1-2"};
    context.places.config_dir = scratch.path();
    context.directives = {"CLEAN=$PACKAGE_NAME 'x' $kernelver", "PATCH[3]=p"};
    write(scratch.path() / "m.conf", "MAKE=\"$MAKE $HELPER \\$PACKAGE_NAME ${CLEAN}\"\nPATCH[1]=one");
    write(scratch.path() / "m-1-2.conf", "PATCH[1]=two\nCLEAN=mine");
    write(scratch.path() / "source/dkms.conf", std::string(good) + "MAKE=make\nHELPER='$kernelver'\n");
    const auto sources = read_conf_sources(scratch.path() / "source/dkms.conf", context);
    REQUIRE(sources.size() == 3);
    const auto natively = evaluate_natively(sources, conf_scope(context));
    REQUIRE(natively.has_value());
    CHECK(text_of(*natively) == text_of(evaluate_with_bash(sources, conf_scope(context))));
    CHECK(natively->at("MAKE").at(0) == "make 6.8.0-31-generic good good 'x' 6.8.0-31-generic");
}

TEST_CASE("read_conf starts bash where it must")
{
    const Scratch scratch;
    const auto file = scratch.path() / "dkms.conf";
    write(file, std::string(good) + "MAKE=\"make $(echo now)\"\n");
    CHECK(read_conf(file, ConfData::context(), Strictness::strict).make == "make now");
    CHECK_FALSE(read_conf_natively(file, ConfData::context(), Strictness::strict).has_value());
}

TEST_CASE("a configuration sees the documented variables and nothing of its caller")
{
    ::setenv("DKMS_TEST_SECRET", "secret", 1);
    CHECK(make_of("MAKE=\"$(echo ${DKMS_TEST_SECRET-unset} $kernelver $arch $source_tree)\"") ==
          "unset 6.8.0-31-generic x86_64 /usr/src");
    ::unsetenv("DKMS_TEST_SECRET");
}

TEST_CASE("a configuration can read the kernel's configuration and files beside it")
{
    const Scratch scratch;
    std::filesystem::permissions(scratch.path(), std::filesystem::perms(0755));
    ConfContext context = ConfData::context();
    context.kernel_source_dir = scratch.path() / "kernel";
    write(scratch.path() / "kernel/.config", "CONFIG_X=y\n");
    write(scratch.path() / "source/version", "7.5");
    write(scratch.path() / "source/dkms.conf",
          std::string(good) +
              ". $kernel_source_dir/.config\nMAKE=\"make $CONFIG_X $(cat `dirname $BASH_SOURCE`/version)\"\n");
    const auto file = scratch.path() / "source/dkms.conf";
    CHECK(read_conf(file, context, Strictness::strict).make == "make y 7.5");
}

TEST_CASE("a configuration's output does not mix with its values")
{
    CHECK(make_of("echo PACKAGE_NAME; echo >&2 x; printf 'MAKE\\0000\\0evil\\0'\nMAKE=mine") == "mine");
    CHECK(make_of("exec >/dev/null 2>&1\nMAKE=mine") == "mine");
    CHECK(evaluate(std::string(good) + "FOO=x; export FOO; true").count("FOO") == 0);
}

TEST_CASE("a command that fails is no fault, also under set -e")
{
    CHECK(make_of("set -e; false; MAKE=mine") == "mine");
}

TEST_CASE("what bash says about a line is heard, what a command says is not")
{
    const auto heard = [](const std::string& text) {
        const ConfSource source{"/x/dkms.conf", good + text};
        std::vector<BashComplaint> complaints;
        evaluate_with_bash({&source, 1}, conf_scope(ConfData::context()), {}, &complaints);
        std::string lines;
        for (const BashComplaint& one : complaints) lines += (one.is_syntax() ? "! " : "- ") + one.sentence() + "\n";
        return lines;
    };
    CHECK(heard("AUTOINSTALL=yes\n").empty());
    CHECK(heard("if true; then\n") == "! /x/dkms.conf: line 5: syntax error: unexpected end of file\n");
    CHECK(heard("POST_ADD=\"x\n") == "! /x/dkms.conf: line 4: unexpected EOF while looking for matching `\"'\n");
    CHECK(heard("POST_ADD = x\n") == "- /x/dkms.conf: line 4: POST_ADD: command not found\n");
    CHECK(heard("echo dkms.conf: line 1: x >&2; head -c 1000000 /dev/zero | tr '\\0' x >&2\n").empty());
}

TEST_CASE("a configuration that ends the reader early is invalid")
{
    CHECK(code_of(std::string(good) + "exit 0") == ErrorCode::conf_invalid);
    CHECK(code_of(std::string(good) + "kill -9 $BASHPID") == ErrorCode::conf_invalid);
    CHECK(code_of(std::string(good) + "exec true") == ErrorCode::conf_invalid);
}

TEST_CASE("a configuration that does not end is stopped")
{
    CHECK(code_of("while :; do :; done") == ErrorCode::conf_timeout);
    CHECK(code_of("sleep 1000") == ErrorCode::conf_timeout);
    CHECK(code_of("trap '' TERM INT HUP; while :; do sleep 100; done") == ErrorCode::conf_timeout);
    CHECK(code_of("read < <(sleep 1000)") == ErrorCode::conf_timeout);
}

TEST_CASE("a program left in the background does not hold the reader up")
{
    const auto start = std::chrono::steady_clock::now();
    CHECK(make_of("sleep 60 &\nMAKE=done") == "done");
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(30));
}

TEST_CASE("a configuration that prints a gigabyte does no harm")
{
    BashLimits limits;
    limits.time = std::chrono::seconds(60);
    CHECK(make_of("head -c 1000000000 /dev/zero\nMAKE=done", limits) == "done");
    CHECK(make_of("head -c 1000000000 /dev/zero >&2\nMAKE=done", limits) == "done");
}

TEST_CASE("a configuration with endless values is refused")
{
    CHECK(code_of(std::string(good) + "MAKE=$(head -c 3000000 /dev/zero | tr '\\0' x)", {}) == ErrorCode::conf_invalid);
    std::string many = std::string(good) + "A=$(head -c 100000 /dev/zero | tr '\\0' x)\n";
    CHECK(code_of(many + "for i in {1..20}; do MAKE[i]=$A; done", {}) == ErrorCode::conf_invalid);
    // How soon memory is used up depends on the machine.
    const ErrorCode code = code_of(std::string(good) + "MAKE=x; while :; do MAKE=$MAKE$MAKE; done", {});
    CHECK((code == ErrorCode::conf_invalid || code == ErrorCode::conf_timeout));
}

TEST_CASE("a configuration that forks without end is stopped")
{
    if (!is_sandboxed()) return;
    CHECK(code_of("f() { f & f & sleep 100; }; ulimit -u 100; f; wait") == ErrorCode::conf_timeout);
}

TEST_CASE("a configuration that takes more than it may is stopped, and leaves nothing")
{
    const auto reason_of = [](const std::string& text, SandboxKind kind) {
        BashLimits limits;
        limits.sandbox = kind;
        limits.memory = std::uint64_t{100} << 20;
        limits.processes = 50;
        try {
            evaluate(good + text, limits);
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::conf_invalid);
            CHECK(descendants_of(::getpid(), 100).processes.empty());
            return error.parameter("reason");
        }
        return std::string();
    };
    for (const SandboxKind kind : {available_sandbox(), SandboxKind::none}) {
        CHECK(reason_of("bomb() { bomb | bomb & }; bomb; sleep 1000", kind).find("more than 50 processes") !=
              std::string::npos);
        CHECK(reason_of("for i in {1..60}; do setsid sleep 1000 & done; sleep 1000", kind)
                  .find("more than 50 processes") != std::string::npos);
        CHECK(
            reason_of(
                "for i in {1..6}; do { x=$(head -c 25000000 /dev/zero | tr '\\0' x); sleep 1000; } & done; sleep 1000",
                kind)
                .find("more than 100 MiB of memory") != std::string::npos);
    }
    if (is_sandboxed())
        CHECK(
            reason_of("for i in {1..200}; do head -c 1000000 /dev/zero >/tmp/$i; done; sleep 1000", available_sandbox())
                .find("more than 100 MiB of memory") != std::string::npos);
}

TEST_CASE("where there is no sandbox, a configuration does not run as root")
{
    BashLimits limits;
    limits.sandbox = SandboxKind::none;
    const std::string who = "MAKE=$(id -u) CLEAN=$(grep NoNewPrivs /proc/self/status)";
    const bool root = ::geteuid() == 0 && words_without_privileges() && !words_without_privileges()->empty();
    const auto values = evaluate(good + who, limits);
    CHECK(values.at("MAKE").at(0) == std::to_string(root ? sandbox_owner(SandboxKind::root).first : ::geteuid()));
    if (root) CHECK(values.at("CLEAN").at(0) == "NoNewPrivs: 1");
    limits.is_roots = true;
    CHECK(make_of(who, limits) == std::to_string(::geteuid()));
}

TEST_CASE("a configuration cannot write outside its own directory for temporary files")
{
    if (!is_sandboxed()) return;
    const Scratch scratch;
    std::filesystem::permissions(scratch.path(), std::filesystem::perms(0777));
    write(scratch.path() / "file", "before");
    std::filesystem::permissions(scratch.path() / "file", std::filesystem::perms(0666));
    const std::string directory = scratch.path();
    const std::string text = std::string(good) + "for f in " + directory +
                             "/{file,new} /new /etc/new /var/tmp/dkms-test-new /dev/shm/../../new; do\n" +
                             "  if (echo after > $f) 2>/dev/null; then MAKE+=\"$f \"; fi\ndone\nrm -rf " + directory +
                             "/*\n" + "mkdir /tmp/own && echo x > /tmp/own/file && CLEAN=tmp\n";
    write(scratch.path() / "dkms.conf", text);
    const auto variables = evaluate_with_bash(read_conf_sources(scratch.path() / "dkms.conf", ConfData::context()),
                                              conf_scope(ConfData::context()));
    CHECK(variables.count("MAKE") == 0);
    CHECK(variables.at("CLEAN").at(0) == "tmp");
    CHECK(read_conf_source(scratch.path() / "file").text == "before");
    CHECK_FALSE(std::filesystem::exists(scratch.path() / "new"));
    CHECK_FALSE(std::filesystem::exists("/tmp/own"));
}

TEST_CASE("a configuration reaches no network")
{
    if (!is_sandboxed()) return;
    const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t length = sizeof address;
    REQUIRE(::bind(listener.number(), generic, length) == 0);
    REQUIRE(::listen(listener.number(), 1) == 0);
    REQUIRE(::getsockname(listener.number(), generic, &length) == 0);
    const std::string port = std::to_string(ntohs(address.sin_port));
    CHECK(make_of("if (exec 5<>/dev/tcp/127.0.0.1/" + port +
                  ") 2>/dev/null; then MAKE=reached; else MAKE=refused; fi") == "refused");
}

TEST_CASE("a configuration has no privileges")
{
    if (!is_sandboxed()) return;
    CHECK(make_of("MAKE=$(grep CapEff /proc/self/status)") == "CapEff: 0000000000000000");
    CHECK(make_of("if (echo x > /proc/sys/kernel/hostname) 2>/dev/null; then MAKE=may; else MAKE=may-not; fi") ==
          "may-not");
}

TEST_CASE("values are the same without a sandbox")
{
    BashLimits limits;
    limits.sandbox = SandboxKind::none;
    CHECK(make_of("MAKE=\"make $(echo now)\"", limits) == "make now");
    limits.time = std::chrono::seconds(1);
    CHECK(code_of("sleep 1000", limits) == ErrorCode::conf_timeout);
}

TEST_CASE("what lint finds where bash is needed")
{
    unsigned seen = 0;
    for (const LintCase& one : lint_cases()) {
        if (!one.needs_bash) continue;
        const Scratch scratch;
        const std::filesystem::path source = one.put(scratch.path());
        const auto findings = lint_of(source);
        INFO(one.text());
        CHECK(text_of(findings, source) == one.expected);
        ++seen;
    }
    CHECK(seen > 5);
}
