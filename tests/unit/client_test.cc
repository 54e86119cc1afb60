// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/beside.h"
#include "client/jobs_table.h"
#include "client/missing_modules.h"
#include "client/renderer.h"
#include "client/status_table.h"
#include "client/table.h"
#include "client/text.h"
#include "client/wording.h"
#include "lib/model/error.h"
#include "tests/catch.h"
#include "tests/unit/scratch.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

using namespace dkms;
using nlohmann::json;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

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
