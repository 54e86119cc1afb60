// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/beside.h"
#include "client/jobs_table.h"
#include "client/missing_modules.h"
#include "client/options.h"
#include "client/renderer.h"
#include "client/status_table.h"
#include "client/suggestion.h"
#include "client/table.h"
#include "client/text.h"
#include "client/transport_choice.h"
#include "client/wording.h"
#include "lib/model/error.h"
#include "tests/catch.h"
#include "tests/unit/scratch.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <map>

using namespace dkms;
using nlohmann::json;

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

/// A console whose streams are texts.
struct Recorder {
    std::string out;
    std::string err;
    Console console;

    explicit Recorder(bool terminal = false, unsigned width = 80)
    {
        console.out = [this](std::string_view text) { out += text; };
        console.err = [this](std::string_view text) { err += text; };
        console.err_look = {terminal, false, true};
        console.out_look = console.err_look;
        console.width = [width] { return width; };
        console.height = [] { return 24U; };
    }
};

Event happened(EventKind kind, JobId job, double at, json facts = json::object())
{
    Event event(kind, std::move(facts));
    event.job = job;
    event.at = at;
    return event;
}

/// What a job of these tests is about; made by hand, so that the architecture is not the running one's unless named.
struct Story {
    JobId job = 1;
    JobId parent = 0;
    Verb verb = Verb::install;
    std::string kernel = "6.1.0-1-test";

    Request request() const
    {
        Request request;
        request.verb = verb;
        request.module = {"hello", "1.0"};
        if (!kernel.empty()) request.kernels = {{kernel, running_architecture()}};
        return request;
    }

    std::vector<Event> begin() const
    {
        json facts{{"request", to_json(request())}, {"uid", 0}};
        if (parent != 0) facts["parent"] = parent;
        return {happened(EventKind::job_new, job, 100, facts), happened(EventKind::job_started, job, 101)};
    }

    std::vector<Event> step(const std::string& kind, const std::vector<std::pair<const char*, unsigned>>& stages) const
    {
        std::vector<Event> events{happened(EventKind::step_started, job, 101, {{"step", kind}})};
        for (const auto& [stage, percent] : stages)
            events.push_back(happened(EventKind::stage, job, 102, {{"stage", stage}, {"percent", percent}}));
        return events;
    }

    Event end(Result result, std::optional<Error> error = {}) const
    {
        JobView view;
        view.id = job;
        view.parent = parent;
        view.request = request();
        view.state = JobState::ended;
        view.result = result;
        view.error = std::move(error);
        view.ended_at = 114.1;
        return happened(EventKind::job_ended, job, 114.1, {{"view", to_json(view)}});
    }
};

void feed(Renderer& renderer, const std::vector<Event>& events)
{
    for (const Event& event : events) renderer.event(event);
}

Error build_error()
{
    return Error(ErrorCode::build_failed, {{"module", "hello/1.0"},
                                           {"kernel", "6.1.0-1-test"},
                                           {"excerpt", "hello.c:3: error: too few arguments\x1b[31m"},
                                           {"log", "/var/lib/dkms/hello/1.0/build/make.log"}});
}

void feed_installation(Renderer& renderer)
{
    const Story story;
    feed(renderer, story.begin());
    feed(renderer, story.step("build", {{"prepare", 0}, {"build", 10}, {"build", 62}}));
    feed(renderer, story.step("install", {{"install", 10}}));
    feed(renderer, {happened(EventKind::installed_file, 1, 113, {{"path", "/x/a.ko"}, {"module", "a"}}),
                    happened(EventKind::installed_file, 1, 113, {{"path", "/x/b.ko"}, {"module", "b"}})});
    feed(renderer, story.step("install", {{"depmod", 90}}));
    renderer.event(story.end(Result::done));
}

void feed_failure(Renderer& renderer)
{
    const Story story;
    feed(renderer, story.begin());
    feed(renderer, story.step("build", {{"build", 10}}));
    renderer.event(story.end(Result::failed, build_error()));
}

KernelStatus kernel_status(const char* release, KernelState state, bool running = false)
{
    KernelStatus status;
    status.kernel = {release, running_architecture()};
    status.state = state;
    status.running = running;
    return status;
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

TEST_CASE("text for people has no control characters")
{
    CHECK(printable("a\x1b[31mb\x7f") == "a?[31mb?");
    CHECK(printable("a\tb\nc") == "a b c");
    CHECK(printable("x\xC2\x9By") == "x?y");
    CHECK(printable("größer ━") == "größer ━");
    CHECK(printable("a\x9b"
                    "31m\xE2\x80") == "a?31m\xE2?"); // what a terminal without UTF-8 obeys
    CHECK(printable("a\xE2\x80\xAE"
                    "b\xE2\x81\xA6") == "a?b?");
    CHECK(harmless("a\tb\r\nc\rd\x1b[2J\n") == "a\tb\nc\nd?[2J\n");
}

TEST_CASE("only what is written as a path is a directory to add")
{
    const Scratch scratch;
    const auto here = std::filesystem::current_path();
    std::filesystem::create_directories(scratch.path() / "hello/1.0");
    std::ofstream(scratch.path() / "hello/1.0/dkms.conf") << "\n";
    std::ofstream(scratch.path() / "hello/2.0") << "\n";
    std::ofstream(scratch.path() / "hello-1.tar.gz") << "\n";
    std::filesystem::current_path(scratch.path());
    CHECK_FALSE(is_loadable("hello/1.0"));
    CHECK_FALSE(is_loadable("hello/2.0"));
    CHECK_FALSE(is_loadable("./hello"));
    for (const char* word : {"./hello/1.0", "hello-1.tar.gz", "./hello/2.0"}) CHECK(is_loadable(word));
    CHECK(is_loadable(scratch.path() / "hello/1.0"));
    std::filesystem::current_path(here);
}

TEST_CASE("columns are characters")
{
    CHECK(columns_of("größer") == 6);
    CHECK(padded("ö", 3) == "ö  ");
    CHECK(elided("größer", 6) == "größer");
    CHECK(elided("größer", 4) == "grö…");
    CHECK(elided("x", 0).empty());
}

TEST_CASE("durations are written for people")
{
    CHECK(seconds_text(13.06) == "13.1 s");
    CHECK(seconds_text(125) == "2 min 05 s");
    CHECK(seconds_text(59.99) == "1 min 00 s");
    CHECK(elapsed_text(8.9) == "0:08");
    CHECK(elapsed_text(3725) == "1:02:05");
}

TEST_CASE("a table aligns its columns and leaves no blanks at the ends")
{
    CHECK(table_text({{"A", "BB", "C"}, {"aaa", "ö", ""}}) == "A    BB  C\naaa  ö\n");
    CHECK(table_text({{"a", "a long note that goes on"}}, 16) == "a  a long note …\n");
}

TEST_CASE("status shows a line for each kernel, and below what kernels lack")
{
    ModuleStatus loop{{"v4l2loopback", "0.12.7"}, false, "/usr/src/v4l2loopback-0.12.7", {}};
    loop.kernels.push_back(kernel_status("6.1.0-56-test", KernelState::installed, true));
    loop.kernels.push_back(kernel_status("6.12.117-test", KernelState::failed));
    loop.kernels.back().note = "build: too few arguments";
    loop.kernels.back().job = 41;
    const ModuleStatus call{{"acpi-call", "1.2.2"}, false, "/usr/src/acpi-call-1.2.2", {}};
    const ModuleStatus broken{{"old", "1"}, true, "", {}};

    CHECK(status_table({loop, call, broken}, 0, "6.12.117-test boots next and lacks v4l2loopback.\n") ==
          "MODULE        VERSION  KERNEL           STATE      NOTE\n"
          "v4l2loopback  0.12.7   6.1.0-56-test *  installed\n"
          "v4l2loopback  0.12.7   6.12.117-test    failed     build: too few arguments (job 41)\n"
          "acpi-call     1.2.2    –                added\n"
          "old           1        –                broken     its source is missing\n"
          "\n"
          "6.12.117-test boots next and lacks v4l2loopback.\n"
          "* the running kernel\n");
    CHECK(contains(status_table({loop}, 60, ""), "…\n"));
    CHECK(status_table({}, 0, "").empty());
}

TEST_CASE("what kernels lack is told of the kernels that were asked for, and not of a module")
{
    const nlohmann::json gaps = {{{"kernel", "6.12.1"}, {"arch", "x86_64"}, {"sentence", "6.12.1 lacks\x1b a."}},
                                 {{"kernel", "6.1.9"}, {"arch", "x86_64"}, {"sentence", "6.1.9 lacks b."}}};
    CHECK(gap_sentences(gaps_within(gaps, {})) == "6.12.1 lacks? a.\n6.1.9 lacks b.\n");
    CHECK(gap_sentences(gaps_within(gaps, {"", "", "6.1.*", ""})) == "6.1.9 lacks b.\n");
    CHECK(gaps_within(gaps, {"", "", "", "pdp11"}).empty());
    CHECK(gaps_within(gaps, {"b", "", "6.1.9", ""}).empty());
}

TEST_CASE("a foreign architecture is shown with its kernel")
{
    ModuleStatus module{{"hello", "1"}, false, "/s", {kernel_status("6.1.0", KernelState::built)}};
    module.kernels.front().kernel.arch = "pdp11";
    CHECK(contains(status_table({module}, 0, ""), "6.1.0/pdp11"));
}

TEST_CASE("jobs shows what each job is about and where it stands")
{
    JobView running;
    running.id = 42;
    running.request = Story{}.request();
    running.state = JobState::running;
    running.step = StepKind::build;
    running.stage = Stage::build;
    running.percent = 40;
    JobView ended = running;
    ended.id = 41;
    ended.request.kernels.push_back({"6.2", ""});
    ended.state = JobState::ended;
    ended.result = Result::failed;
    ended.error = Error(ErrorCode::no_such_job, {{"job", "5"}});
    CHECK(jobs_table({ended, running}, 0) ==
          "JOB  COMMAND  MODULE     KERNEL        STATE          NOTE\n"
          "41   install  hello/1.0  2 kernels     failed         There is no job 5.\n"
          "42   install  hello/1.0  6.1.0-1-test  building 40 %\n");
    CHECK(job_line(running) == "42  install  hello/1.0  6.1.0-1-test  building 40 %\n");
}

TEST_CASE("a build that nothing is known to estimate by has no bar, but counts objects")
{
    Recorder recorder(true);
    const auto renderer = make_tty_renderer(recorder.console, false);
    const Story story;
    const auto drawn = [&](const std::vector<Event>& events) {
        recorder.err.clear();
        feed(*renderer, events);
        return recorder.err;
    };
    drawn(story.begin());
    CHECK(contains(drawn(story.step("build", {{"build", 0}})), "building  0:01"));
    const auto compiled = [&](unsigned objects) {
        return happened(EventKind::stage, 1, 110, {{"stage", "build"}, {"percent", 0}, {"objects", objects}});
    };
    CHECK(contains(drawn({compiled(1)}), "building  1 object  0:09"));
    CHECK(contains(drawn({compiled(57)}), "building  57 objects  0:09"));
    for (const std::string& text : {drawn(story.step("install", {{"install", 50}, {"depmod", 90}})), recorder.err})
        CHECK_FALSE((contains(text, "%") || contains(text, "object") || contains(text, "━")));
    renderer->clear();

    Recorder estimated(true);
    const auto other = make_tty_renderer(estimated.console, false);
    feed(*other, story.begin());
    feed(*other, story.step("build", {{"patch", 0}, {"build", 10}, {"build", 62}}));
    CHECK(contains(estimated.err, " 62 %"));
    other->clear();
}

TEST_CASE("an import says so, and names what it loads and then the module")
{
    Recorder recorder;
    const auto renderer = make_plain_renderer(recorder.console, true);
    renderer->set_file("hello.tar.gz");
    Story story{1, 0, Verb::load, ""};
    auto begun = story.begin();
    for (Event& event : begun)
        if (event.kind == EventKind::job_new) event.facts["request"] = {{"request", "load"}, {"handle", true}};
    feed(*renderer, begun);
    feed(*renderer, story.step("load", {{"prepare", 0}}));
    feed(*renderer, {happened(EventKind::loading, 1, 103, {{"module", "hello/1.0"}, {"of_dkms", true}})});
    feed(*renderer, story.step("adopt", {{"prepare", 50}}));
    Event end = story.end(Result::done);
    end.facts["view"]["request"] = {{"request", "load"}, {"handle", true}};
    renderer->event(end);
    CHECK(recorder.err == "hello.tar.gz  importing\n");
    CHECK(recorder.out == "hello/1.0  imported in 13.1 s\n");

    JobView view;
    view.request.verb = Verb::load;
    CHECK(contains(job_line(view), "  import  "));
    view.request.verb = Verb::pack;
    CHECK(contains(job_line(view), "  export  "));
}

TEST_CASE("what only concerns a module's author is not told to who installs it")
{
    Recorder recorder;
    const auto renderer = make_plain_renderer(recorder.console, true);
    const Story story;
    feed(*renderer, story.begin());
    renderer->event(happened(EventKind::deprecated, 1, 102, {{"directive", "CLEAN"}, {"file", "/x/dkms.conf"}}));
    CHECK((recorder.err + recorder.out).empty());
}

TEST_CASE("the summary counts the states of each kernel")
{
    CHECK(status_summary({}) == "No modules are registered.\n");
    ModuleStatus one;
    one.module = {"a", "1"};
    CHECK(status_summary({one}) == "1 module is registered, and not built for any kernel.\n");
    one.kernels = {kernel_status("6.1", KernelState::installed, true), kernel_status("6.12", KernelState::failed)};
    ModuleStatus other;
    other.module = {"b", "1"};
    other.kernels = {kernel_status("6.1", KernelState::installed, true)};
    CHECK(status_summary({one, other}) == "2 modules are registered ('dkmsctl status' lists them):\n"
                                          "  6.1 *  2 installed\n"
                                          "  6.12   1 failed\n"
                                          "* the running kernel\n");
}

TEST_CASE("plain lines: one for each change of activity, the result on standard output")
{
    Recorder recorder;
    const auto renderer = make_plain_renderer(recorder.console, false);
    feed_installation(*renderer);
    CHECK(recorder.err == "hello/1.0  6.1.0-1-test  preparing\n"
                          "hello/1.0  6.1.0-1-test  building\n"
                          "hello/1.0  6.1.0-1-test  installing\n"
                          "hello/1.0  6.1.0-1-test  running depmod\n");
    CHECK(recorder.out == "hello/1.0  6.1.0-1-test  installed 2 modules in 13.1 s\n");
}

TEST_CASE("a failure says the first compiler error, what to do, and where the log is")
{
    Recorder recorder;
    SECTION("without the service")
    {
        const auto renderer = make_quiet_renderer(recorder.console, false);
        feed_failure(*renderer);
        CHECK(contains(recorder.err, "  The whole log: /var/lib/dkms/hello/1.0/build/make.log\n"));
    }
    SECTION("with the service")
    {
        const auto renderer = make_quiet_renderer(recorder.console, true);
        feed_failure(*renderer);
        CHECK(contains(recorder.err, "  The whole log: dkmsctl log 1\n"));
    }
    CHECK(recorder.out.empty());
    CHECK(recorder.err.rfind("hello/1.0  6.1.0-1-test  failed while building, after 13.1 s\n"
                             "  hello.c:3: error: too few arguments?[31m\n"
                             "  " +
                                 build_error().hint() + "\n",
                             0) == 0);
}

TEST_CASE("quiet says nothing about what went well")
{
    Recorder recorder;
    const auto renderer = make_quiet_renderer(recorder.console, false);
    feed_installation(*renderer);
    renderer->say("a remark");
    CHECK(recorder.out.empty());
    CHECK(recorder.err.empty());
}

TEST_CASE("json is one object at the end")
{
    Recorder recorder;
    const auto renderer = make_json_renderer(recorder.console, false);
    feed_installation(*renderer);
    CHECK(recorder.out.empty());
    renderer->finish(0);
    const json value = json::parse(recorder.out);
    CHECK(value.at("exit_code") == 0);
    CHECK(value.at("jobs").at(0).at("result") == "done");
    CHECK(value.at("jobs").at(0).at("installed") == 2);
    CHECK(recorder.err.empty());
    CHECK_FALSE(value.contains("error"));
}

TEST_CASE("json has the error of the job that failed")
{
    Recorder recorder;
    const auto renderer = make_json_renderer(recorder.console, false);
    feed_failure(*renderer);
    renderer->finish(10);
    const json value = json::parse(recorder.out);
    CHECK(value.at("error").at("error") == "BuildFailed");
    CHECK(value.at("jobs").at(0).at("error") == value.at("error"));
}

TEST_CASE("what failed in the first life of a job says nothing of how it ended")
{
    Recorder recorder;
    const auto renderer = make_json_renderer(recorder.console, false);
    const Story whole{1, 0, Verb::install, ""};
    feed(*renderer, whole.begin());
    for (const JobId part : {JobId{2}, JobId{3}}) {
        const Story one{part, 1, Verb::install};
        feed(*renderer, one.begin());
        feed(*renderer, {part == 2 ? one.end(Result::failed, Error(ErrorCode::build_failed)) : one.end(Result::done)});
        if (part == 2) feed(*renderer, whole.begin()); // dkmsd was restarted
    }
    feed(*renderer, {whole.end(Result::done)});
    CHECK(exit_code_of(renderer->board()) == 0);
    renderer->finish(0);
    const json value = json::parse(recorder.out);
    CHECK_FALSE(value.contains("error"));
    REQUIRE(value.at("jobs").size() == 1);
    CHECK(value.at("jobs").at(0).at("id") == 3);
}

TEST_CASE("warnings are said once")
{
    Recorder recorder;
    const auto renderer = make_plain_renderer(recorder.console, false);
    const json facts{{"name", "NoSandbox"}, {"parameters", json::object()}, {"message", "no sandbox here"}};
    for (const JobId job : {JobId{1}, JobId{2}}) renderer->event(happened(EventKind::warning, job, 1, facts));
    CHECK(recorder.err == "Warning: no sandbox here\n");
}

TEST_CASE("a terminal gets one line that is drawn anew and leaves its cursor as it was")
{
    Recorder recorder(true);
    const Story story;
    {
        const auto renderer = make_tty_renderer(recorder.console, false);
        feed(*renderer, story.begin());
        feed(*renderer, story.step("build", {{"build", 62}}));
        renderer->tick(109);
        CHECK(contains(recorder.err, "\033[?25l"));
        CHECK(
            contains(recorder.err, "\rhello/1.0  6.1.0-1-test  building  ━━━━━━━━━━━───────   62 %  0:08\033[K\033[J"));
        CHECK_FALSE(contains(recorder.err, "\n"));
        renderer->event(story.end(Result::done));
    }
    CHECK(recorder.err.substr(recorder.err.size() - 10) == "\r\033[J\033[?25h");
    CHECK(recorder.out == "hello/1.0  6.1.0-1-test  installed in 13.1 s\n");
}

TEST_CASE("a narrow terminal gets a shorter line, never a broken one")
{
    for (const unsigned width : {20U, 40U, 50U, 120U}) {
        Recorder recorder(true, width);
        const auto renderer = make_tty_renderer(recorder.console, false);
        feed(*renderer, Story{}.begin());
        recorder.err.clear();
        feed(*renderer, Story{}.step("build", {{"build", 62}}));
        const auto begin = recorder.err.rfind('\r') + 1;
        CHECK(columns_of(recorder.err.substr(begin, recorder.err.find("\033[K", begin) - begin)) < width);
    }
}

TEST_CASE("several kernels: a line each, and the exit code of the first that failed")
{
    Recorder recorder(true);
    const auto renderer = make_tty_renderer(recorder.console, false);
    Story whole;
    whole.kernel.clear();
    const Story first{2, 1, Verb::install, "6.1.0-1-test"};
    const Story second{3, 1, Verb::install, "6.12.117-1-test"};
    for (const Story& story : {whole, first, second}) feed(*renderer, story.begin());
    for (const Story& story : {first, second}) feed(*renderer, story.step("build", {{"build", 50}}));
    CHECK(renderer->board().running().size() == 2);
    CHECK(contains(recorder.err, "hello/1.0  6.1.0-1-test     building"));

    SECTION("the second fails")
    {
        renderer->event(second.end(Result::failed, build_error()));
        renderer->event(first.end(Result::done));
        renderer->event(whole.end(Result::failed, build_error()));
        CHECK(recorder.out == "hello/1.0  6.1.0-1-test     installed in 13.1 s\n");
        CHECK(exit_code_of(renderer->board()) == 10);
    }
    SECTION("the first is not meant for its kernel")
    {
        renderer->event(first.end(Result::skipped, Error(ErrorCode::build_excluded)));
        renderer->event(second.end(Result::done));
        renderer->event(whole.end(Result::done));
        CHECK(exit_code_of(renderer->board()) == 0);
    }
    SECTION("neither is meant for its kernel")
    {
        for (const Story& story : {first, second, whole})
            renderer->event(story.end(Result::skipped, Error(ErrorCode::build_excluded)));
        CHECK(exit_code_of(renderer->board()) == 77);
    }
    SECTION("the job that holds them together fails by itself")
    {
        renderer->event(first.end(Result::done));
        renderer->event(second.end(Result::done));
        renderer->event(whole.end(Result::failed, Error(ErrorCode::disk_full, {{"path", "/boot"}})));
        CHECK(contains(recorder.err, "There is no space left for /boot."));
        CHECK(exit_code_of(renderer->board()) == 10);
    }
}

TEST_CASE("exit codes are those of the error for the verb")
{
    JobView view;
    view.request = Story{}.request();
    view.result = Result::done;
    CHECK(exit_code_of(view) == 0);
    view.result = Result::skipped;
    CHECK(exit_code_of(view) == 0);
    view.error = Error(ErrorCode::build_excluded);
    CHECK(exit_code_of(view) == 77);
    view.result = Result::cancelled;
    CHECK(exit_code_of(view) == 130);
    view.result = Result::failed;
    view.error = Error(ErrorCode::no_such_kernel);
    CHECK(exit_code_of(view) == Error(ErrorCode::no_such_kernel).exit_code(Verb::install));
    view.request.verb = Verb::build;
    CHECK(exit_code_of(view) == Error(ErrorCode::no_such_kernel).exit_code(Verb::build));
    view.error.reset();
    CHECK(exit_code_of(view) == 1);
}

TEST_CASE("every verb has words for its end")
{
    const std::vector<std::pair<Verb, std::string>> nothing{{Verb::build, "is built already"},
                                                            {Verb::install, "is installed already"},
                                                            {Verb::uninstall, "was not installed"},
                                                            {Verb::unbuild, "was not built"}};
    for (const auto& [verb, words] : nothing) {
        Recorder recorder;
        const auto renderer = make_plain_renderer(recorder.console, false);
        const Story story{1, 0, verb, "6.1.0-1-test"};
        feed(*renderer, story.begin());
        renderer->event(story.end(Result::skipped));
        CHECK(recorder.out == "hello/1.0  6.1.0-1-test  " + words + "\n");
    }
    Recorder recorder;
    const auto renderer = make_plain_renderer(recorder.console, false);
    const Story added{1, 0, Verb::add, ""};
    feed(*renderer, added.begin());
    renderer->event(added.end(Result::done));
    CHECK(recorder.out == "hello/1.0  added\n");
}

TEST_CASE("a cancelled job says so")
{
    Recorder recorder;
    const auto renderer = make_plain_renderer(recorder.console, false);
    feed(*renderer, Story{}.begin());
    renderer->event(Story{}.end(Result::cancelled, Error(ErrorCode::cancelled)));
    CHECK(recorder.err == "hello/1.0  6.1.0-1-test  cancelled after 13.1 s\n");
    CHECK(exit_code_of(renderer->board()) == 130);
}
