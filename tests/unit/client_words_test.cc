// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/beside.h"
#include "client/options.h"
#include "client/suggestion.h"
#include "client/transport_choice.h"
#include "lib/model/error.h"
#include "tests/catch.h"
#include "tests/unit/scratch.h"

#include <filesystem>
#include <fstream>
#include <map>

using namespace dkms;

namespace {

std::variant<Invocation, Answer> parse(const std::vector<const char*>& words) { return parse_options(words); }

Invocation parsed(const std::vector<const char*>& words)
{
    const auto result = parse(words);
    REQUIRE(std::holds_alternative<Invocation>(result));
    return std::get<Invocation>(result);
}

Answer answered(const std::vector<const char*>& words)
{
    const auto result = parse(words);
    REQUIRE(std::holds_alternative<Answer>(result));
    return std::get<Answer>(result);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

ErrorCode refused(const std::vector<const char*>& words)
{
    try {
        parse(words);
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;
}

} // namespace

TEST_CASE("a change verb becomes its request")
{
    const Invocation got = parsed({"install", "hello/1.0", "-k", "6.1.0/x86_64", "--kernel=6.2.0", "--force", "-j", "3",
                                   "--no-depmod", "--directive", "A=b", "--directive=C=d", "--json"});
    CHECK(got.request.verb == Verb::install);
    CHECK(got.request.module == ModuleId{"hello", "1.0"});
    CHECK(got.request.kernels == std::vector<KernelId>{{"6.1.0", "x86_64"}, {"6.2.0", ""}});
    CHECK(got.request.options.force);
    CHECK(got.request.options.no_depmod);
    CHECK(got.request.options.parallel_jobs == 3);
    CHECK(got.request.options.directives == std::vector<std::string>{"A=b", "C=d"});
    CHECK(got.json);
    CHECK(got.needs_stdio());
}

TEST_CASE("a module may be written in three ways")
{
    const ModuleId wanted{"hello", "1.0"};
    CHECK(parsed({"build", "hello/1.0"}).request.module == wanted);
    CHECK(parsed({"build", "-m", "hello/1.0"}).request.module == wanted);
    CHECK(parsed({"build", "-m", "hello", "-v", "1.0"}).request.module == wanted);
    CHECK(parsed({"build", "hello"}).request.module == ModuleId{"hello", ""});
    CHECK(refused({"build", "hello/"}) == ErrorCode::invalid_args);
    CHECK(refused({"build", "hello/1.0", "-v", "1.0"}) == ErrorCode::invalid_args);
    CHECK(refused({"build", "hello/1.0", "-m", "hello"}) == ErrorCode::invalid_args);
}

TEST_CASE("an option takes one value, so the module may stand behind it")
{
    const Invocation got = parsed({"build", "-k", "6.1.0", "hello"});
    CHECK(got.request.kernels.size() == 1);
    CHECK(got.request.module.name == "hello");
}

TEST_CASE("options may stand before the command")
{
    CHECK(parsed({"--json", "status"}).json);
    CHECK(parsed({"--quiet", "build", "hello"}).quiet);
}

TEST_CASE("paths become absolute and need a dkmsd of our own")
{
    const Invocation got = parsed({"add", "hello/1.0", "--dkmstree", "some/../tree", "--root=/usr/"});
    CHECK(got.places.dkms_tree == std::filesystem::current_path() / "tree");
    CHECK(got.places.root == "/usr/");
    CHECK(got.needs_stdio());
    CHECK_FALSE(parsed({"status"}).needs_stdio());
    CHECK(parsed({"build", "hello", "-c", "x.conf"}).request.options.conf_file ==
          std::filesystem::current_path() / "x.conf");
}

TEST_CASE("status reads a filter")
{
    const Invocation got = parsed({"status", "hello/1.0", "-k", "6.1.*", "-a", "arm64"});
    CHECK(got.filter == StatusFilter{"hello", "1.0", "6.1.*", "arm64"});
    CHECK(refused({"status", "-k", "a", "-k", "b"}) == ErrorCode::invalid_args);
}

TEST_CASE("job commands take numbers")
{
    CHECK(parsed({"wait", "3", "5"}).jobs == std::vector<JobId>{3, 5});
    CHECK(parsed({"wait"}).jobs.empty());
    CHECK(parsed({"wait"}).kernels.empty());
    CHECK(parsed({"cancel", "7"}).jobs == std::vector<JobId>{7});
    CHECK(answered({"cancel"}).exit_code == 2);
    CHECK(answered({"cancel", "1", "2"}).exit_code == 2);
    CHECK(answered({"cancel", "seven"}).exit_code == 2);
    CHECK(parsed({"log", "7", "--follow"}).jobs == std::vector<JobId>{7});
    CHECK(parsed({"log", "7", "-f"}).follow);
    CHECK(refused({"log", "7", "-k", "6.1.0"}) == ErrorCode::invalid_args);
    CHECK(refused({"log", "7", "--root", "/"}) == ErrorCode::invalid_args);
}

TEST_CASE("log takes a module instead of a number")
{
    CHECK(parsed({"log", "hello/1.0", "-k", "6.1.*"}).filter == StatusFilter{"hello", "1.0", "6.1.*", ""});
    CHECK(parsed({"log", "8812/1.0"}).filter == StatusFilter{"8812", "1.0", "", ""});
    CHECK(parsed({"log"}).filter == StatusFilter{});
    CHECK(parsed({"log", "hello"}).jobs.empty());
}

TEST_CASE("what is wrong with a word is said in our own words")
{
    struct Row {
        std::vector<const char*> words;
        const char* reason;
    };
    const std::string digits(309, '9');
    const std::string too_many = "'" + digits + "' is not the number of a job";
    const std::vector<Row> rows{
        {{"cancel", "x"}, "'x' is not the number of a job"},
        {{"cancel", "0"}, "'0' is not the number of a job"},
        {{"cancel", "1.5"}, "'1.5' is not the number of a job"},
        {{"cancel", "18446744073709551616"}, "'18446744073709551616' is not the number of a job"},
        {{"wait", "1", digits.c_str()}, too_many.c_str()},
        {{"cancel"}, "no job was given"},
        {{"cancel", "1", "2"}, "'2' is one argument too many"},
        {{"install", "hello", "-j", "x"}, "--jobs takes a number from 0 to 4096, not 'x'"},
        {{"install", "hello", "-j4097"}, "--jobs takes a number from 0 to 4096, not '4097'"},
        {{"install", "hello", "-j=-1"}, "--jobs takes a number from 0 to 4096, not '-1'"},
        {{"install", "hello", "--jobs="}, "the value of --jobs is empty"},
        {{"export", "hello", "--size", "1k"}, "--size takes a number from 1 to 67108864, not '1k'"},
        {{"export", "hello", "--size", "0"}, "--size takes a number from 1 to 67108864, not '0'"},
        {{"install", "hello", "-k"}, "--kernel needs a value: KERNEL[/ARCH]"},
        {{"install", "hello", "-k", "--force"}, "--kernel needs a value: KERNEL[/ARCH]"},
        {{"install", "hello", "--root", ""}, "the value of --root is empty"},
        {{"install", "hello", "--root", "/", "--root=/"}, "--root is given twice"},
        {{"install", "hello", "--force=no"}, "--force takes no value"},
        {{"install", "hello", "-z"}, "'-z' is not an option of install"},
        {{"status", "--bad\x1b[31m"}, "'--bad?[31m' is not an option of status"},
        {{"install", "hello", "world"}, "'world' is one argument too many"},
        {{"jobs", "x"}, "jobs takes no argument, such as 'x'"},
        {{"lint", "/", "--root", "/"}, "'--root' is not an option of lint"},
        {{"lint"}, "no directory or dkms.conf was given"},
        {{"import"}, "no archive or directory was given"},
        {{"install"}, "no module was given"},
        {{"frobnicate"}, "there is no command 'frobnicate'"},
        {{"-k", "6.1.0"}, "no command was given"},
    };
    for (const Row& row : rows) {
        const Answer answer = answered(row.words);
        CHECK(answer.reason == row.reason);
        CHECK(answer.exit_code == 2);
        CHECK(contains(answer.text, "dkmsctl: " + answer.reason + ".\n"));
        CHECK(contains(answer.text, "\nUsage: dkmsctl "));
        CHECK(contains(answer.text, "\nSee 'dkmsctl help"));
    }
}

TEST_CASE("an option's value is written in four ways, and letters may stand together")
{
    for (const auto& words : std::vector<std::vector<const char*>>{{"build", "hello", "--kernel", "6.1"},
                                                                   {"build", "hello", "--kernel=6.1"},
                                                                   {"build", "hello", "-k", "6.1"},
                                                                   {"build", "hello", "-k6.1"},
                                                                   {"build", "hello", "-k=6.1"},
                                                                   {"build", "-qk6.1", "hello"},
                                                                   {"-k", "6.1", "build", "hello"},
                                                                   {"build", "-k", "6.1", "--", "hello"}}) {
        const Invocation got = parsed(words);
        CHECK(got.request.kernels == std::vector<KernelId>{{"6.1", ""}});
        CHECK(got.request.module.name == "hello");
    }
    CHECK(parsed({"export", "hello", "--label", "-x"}).request.options.label == "-x");
    CHECK(answered({"build", "hello", "-k", "6.1", "--", "--json"}).reason == "'--json' is one argument too many");
}

TEST_CASE("what was mistyped is compared with what there is")
{
    CHECK(contains(answered({"instal", "hello"}).text, "\n  Did you mean 'install'?\n"));
    CHECK(contains(answered({"stauts"}).text, "Did you mean 'status'?"));
    CHECK(contains(answered({"auto"}).text, "Did you mean 'autoinstall'?"));
    CHECK(contains(answered({"list"}).text, "Did you mean 'status'?"));
    CHECK(contains(answered({"ldtarball"}).text, "Did you mean 'import'?"));
    CHECK(contains(answered({"install", "hello", "--forze"}).text, "Did you mean '--force'?"));
    CHECK(contains(answered({"status", "--jsn"}).text, "Did you mean '--json'?"));
    for (const auto& words : std::vector<std::vector<const char*>>{{"frobnicate"}, {"x"}, {"status", "--frobnicate"}})
        CHECK_FALSE(contains(answered(words).text, "Did you mean"));

    const std::vector<std::string> names{"hello", "v4l2loopback", "zfs", "nvidia-current"};
    CHECK(nearest("helo", names) == "hello");
    CHECK(nearest("hlelo", names) == "hello");
    CHECK(nearest("v4l2lopback", names) == "v4l2loopback");
    CHECK(nearest("v4l", names) == "v4l2loopback");
    CHECK(nearest("zsf", names) == "zfs");
    CHECK(nearest("nvidia", names) == "nvidia-current");
    CHECK(nearest("", names).empty());
    CHECK(nearest("openrazer", names).empty());
    CHECK(nearest(std::string(100000, 'x'), names).empty());
}

TEST_CASE("a directory that does not exist is no empty tree")
{
    const Scratch scratch;
    const std::string missing = scratch.path() / "missing";
    for (const char* option : {"--root", "--dkmstree", "--sourcetree", "--installtree"}) {
        for (const char* command : {"status", "plan", "history", "check", "log"})
            CHECK(refused({command, option, missing.c_str()}) == ErrorCode::read_failed);
        CHECK((refused({"install", "hello", option, missing.c_str()}) == ErrorCode::read_failed) ==
              (option == std::string("--root")));
    }
    std::ofstream(missing) << "a file";
    CHECK(refused({"status", "--root", missing.c_str()}) == ErrorCode::read_failed);
}

TEST_CASE("wait takes kernels instead of numbers")
{
    CHECK(parsed({"wait", "-k", "6.1.0/arm64", "--kernel", "6.2.0"}).kernels ==
          std::vector<KernelId>{{"6.1.0", "arm64"}, {"6.2.0", ""}});
    CHECK(parsed({"wait", "-k", "6.1.0", "--root", "/usr"}).needs_stdio());
    CHECK(refused({"wait", "3", "-k", "6.1.0"}) == ErrorCode::invalid_args);
    CHECK(refused({"wait", "--root", "/usr"}) == ErrorCode::invalid_args);
    CHECK(refused({"wait", "-k", ".."}) == ErrorCode::invalid_name);
}

TEST_CASE("what is not understood is answered with a usage line and 2")
{
    const std::vector<std::vector<const char*>> lines{{"frobnicate"},
                                                      {"-q"},
                                                      {"--frobnicate"},
                                                      {"install"},
                                                      {"install", "hello", "--frobnicate"},
                                                      {"install", "hello", "world"},
                                                      {"install", "hello", "-j", "many"},
                                                      {"install", "hello", "-k"},
                                                      {"install", "hello", "--root", ""},
                                                      {"uninstall", "hello", "--all-kernels"},
                                                      {"add", "hello/1.0", "-k", "6.1.0"},
                                                      {"jobs", "--root", "/"}};
    for (const auto& words : lines) {
        const Answer answer = answered(words);
        CAPTURE(words.empty() ? "" : words.back());
        CHECK(answer.exit_code == 2);
        CHECK(contains(answer.text, "Usage: dkmsctl"));
    }
}

TEST_CASE("what is understood but makes no sense is refused before anything starts")
{
    CHECK(refused({"add", "hello"}) == ErrorCode::invalid_args);
    CHECK(refused({"install", "../hello"}) != ErrorCode::internal);
    CHECK(refused({"install", "hello", "-k", ".."}) == ErrorCode::invalid_name);
    CHECK(refused({"remove", "hello", "--all", "-k", "6.1.0"}) == ErrorCode::invalid_args);
    CHECK(refused({"remove", "hello", "--all", "-a", "arm64"}) == ErrorCode::invalid_args);
    CHECK(refused({"build", "hello", "--directive", "nothing"}) == ErrorCode::invalid_args);
}

TEST_CASE("help and version are results")
{
    CHECK(answered({"--version"}).text.rfind("dkmsctl ", 0) == 0);
    CHECK(answered({"--help"}).exit_code == 0);
    for (const CommandRow& row : command_table()) {
        CHECK(contains(answered({"--help"}).text, std::string(row.name)));
        const Answer help = answered({row.name.data(), "--help"});
        CHECK(help.exit_code == 0);
        CHECK(contains(help.text, "Usage: dkmsctl " + std::string(row.name)));
    }
    CHECK(contains(answered({"install", "--help"}).text, "--force-version-override"));
    CHECK(answered({"install", "--help"}).text == answered({"install", "hello", "-h", "--what"}).text);
    CHECK(answered({"--help", "install"}).text == answered({"install", "--help"}).text);
    CHECK(answered({"-h", "frobnicate"}).text == answered({"--help"}).text);
    CHECK(parsed({"help", "install"}).topic == "install");
    CHECK(parsed({}).command == &overview());
    CHECK_FALSE(contains(answered({"add", "--help"}).text, "--kernel "));
}

TEST_CASE("architectures belong to kernels: one to all, or one to each")
{
    using Kernels = std::vector<KernelId>;
    CHECK(paired_kernels({"a", "b"}, {"x"}) == Kernels{{"a", "x"}, {"b", "x"}});
    CHECK(paired_kernels({"a", "b"}, {"x", "y"}) == Kernels{{"a", "x"}, {"b", "y"}});
    CHECK(paired_kernels({"a/z"}, {}) == Kernels{{"a", "z"}});
    CHECK(paired_kernels({}, {}).empty());
    CHECK(paired_kernels({}, {"x"}) == Kernels{{running_release(), "x"}});
    CHECK_THROWS_AS(paired_kernels({"a", "b", "c"}, {"x", "y"}), Error);
    CHECK_THROWS_AS(paired_kernels({}, {"x", "y"}), Error);
    CHECK_THROWS_AS(paired_kernels({"a/z"}, {"x"}), Error);
}

TEST_CASE("the bus is used unless something speaks against it")
{
    std::map<std::string, std::string> environment;
    BusService service = BusService::usable;
    bool asked = false;
    bool is_foreign = false;
    bool is_inside = false;
    const auto chosen = [&](bool needs_stdio) {
        asked = false;
        return choose_way({needs_stdio, [&](const char* name) { return environment[name]; },
                           [&] {
                               asked = true;
                               return ProbedService{service, "why", {{}, "/tree", {}, {}}};
                           },
                           [&] { return is_foreign; },
                           [&](const PlaceOptions& trees) { return is_inside && trees.dkms_tree == "/tree"; }});
    };
    CHECK(chosen(false) == Way::bus);

    SECTION("a step that has the lock of the service's tree")
    {
        is_inside = true;
        CHECK(chosen(false) == Way::stdio);
        service = BusService::unclear;
        CHECK_THROWS_AS(chosen(false), Error);
    }

    SECTION("what is to be loaded")
    {
        is_foreign = true;
        CHECK(chosen(false) == Way::stdio);
        service = BusService::unclear; // whose trees might be others
        CHECK_THROWS_AS(chosen(false), Error);
    }

    SECTION("an option")
    {
        CHECK(chosen(true) == Way::stdio);
        CHECK_FALSE(asked);
    }
    SECTION("the environment")
    {
        for (const char* name : {"FAKEROOTKEY", "FAKECHROOT", "parallel_jobs", "sign_file", "NO_WEAK_MODULES"}) {
            environment = {{name, "1"}};
            CHECK(chosen(false) == Way::stdio);
            CHECK_FALSE(asked);
        }
    }
    SECTION("the service")
    {
        for (const BusService answer : {BusService::absent, BusService::down, BusService::elsewhere}) {
            service = answer;
            CHECK(chosen(false) == Way::stdio);
            CHECK(asked);
        }
    }
    SECTION("a service that runs, on trees that are not known")
    {
        service = BusService::unclear;
        try {
            chosen(false);
            FAIL("it was chosen");
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::service_unavailable);
            CHECK(error.message().find("why") != std::string::npos);
        }
        CHECK(chosen(true) == Way::stdio);
    }
}
