// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/error.h"
#include "lib/model/event.h"
#include "lib/model/finding.h"
#include "lib/model/job.h"
#include "lib/model/outcome.h"
#include "lib/model/places.h"
#include "lib/model/protocol_line.h"
#include "lib/model/request.h"
#include "lib/model/state.h"
#include "lib/model/step.h"
#include "tests/catch.h"

#include <cerrno>
#include <nlohmann/json.hpp>

#include <set>
#include <string>

using namespace dkms;
using nlohmann::json;

namespace {

bool refused(const std::string& name)
{
    try {
        check_module_name(name);
        return false;
    } catch (const Error& error) {
        return error.code() == ErrorCode::invalid_name;
    }
}

ErrorCode code_of_request(const json& value)
{
    try {
        request_from_json(value);
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;
}

} // namespace

TEST_CASE("names that could leave the tree, or could not be seen by old programs, are refused")
{
    for (const std::string name :
         {"", ".", "..", "a/b", "/a", "-a", ".a", "a b", "a\tb", "a\nb", "a\x7f", "kernel-6.1-x86_64", "\xff"})
        CHECK(refused(name));
    CHECK(refused(std::string(201, 'a')));
    CHECK(refused(std::string(300, 'a')));
    CHECK(refused(std::string("a\0b", 3)));
    for (const std::string name : {"v4l2loopback", "ipt-netflow", "r8168", "Ünïcode", "a..b"})
        CHECK_FALSE(refused(name));
    CHECK_FALSE(refused(std::string(200, 'a')));
}

TEST_CASE("versions of real packages are accepted")
{
    for (const std::string version :
         {"0.12.7", "5.0~rc4", "2.11.1+2.11.1", "ipt-netflow-2.0.1~20141126-1", "1.12.0+dfsg", "3c7623f", "1:2.3^1"})
        check_module_version(version);
    check_module_version("1 beta");
    CHECK_THROWS_AS(check_module_version(" 1"), Error);
    CHECK_THROWS_AS(check_module_version(""), Error);
    CHECK_THROWS_AS(check_module_version("../1"), Error);
}

TEST_CASE("a refused name is shown without its control characters")
{
    try {
        check_module_name("a\x1b[31mb");
        FAIL("accepted");
    } catch (const Error& error) {
        CHECK(error.message().find('\x1b') == std::string::npos);
    }
}

TEST_CASE("a kernel is split at the first slash")
{
    CHECK(parse_kernel("6.1.0-56-amd64") == KernelId{"6.1.0-56-amd64", ""});
    CHECK(parse_kernel("6.1.0/x86_64") == KernelId{"6.1.0", "x86_64"});
    CHECK_THROWS_AS(parse_kernel("6.1.0/x86/64"), Error);
    CHECK_THROWS_AS(parse_kernel("../x"), Error);
    CHECK(parse_kernel("6.1.0/x86_64").text() == "6.1.0/x86_64");
}

TEST_CASE("versions are compared with their numbers padded to three digits")
{
    CHECK((compare_versions("2.10", "2.9") > 0));
    CHECK((compare_versions("1.0", "1.0") == 0));
    CHECK((compare_versions("1.0", "1.0.1") < 0));
    CHECK((compare_versions("1.0~rc1", "1.0") > 0));
    CHECK((compare_versions("6.1.0-56", "6.1.0-9") > 0));
    CHECK((compare_versions("20141126", "3") > 0));
}

TEST_CASE("UTF-8 is told from what only looks like it")
{
    CHECK(is_utf8("plain, ä, €, 😀"));
    CHECK_FALSE(is_utf8("\xc0\xaf"));         // overlong
    CHECK_FALSE(is_utf8("\xed\xa0\x80"));     // surrogate
    CHECK_FALSE(is_utf8("\xf4\x90\x80\x80")); // beyond U+10FFFF
    CHECK_FALSE(is_utf8("\xe2\x82"));         // cut short
    CHECK_FALSE(is_utf8("Latin-1: \xe4"));
}

TEST_CASE("every error has its own name, a sentence, and an exit code that is not success")
{
    std::set<std::string_view> names;
    for (const ErrorRow& row : error_table()) {
        INFO(row.name);
        CHECK(names.insert(row.name).second);
        CHECK_FALSE(row.sentence.empty());
        CHECK(row.exit_code > 0);
        CHECK(row.exit_code < 256);
        CHECK(Error(row.code).name() == row.name);
        CHECK(error_code_of(row.name) == row.code);
        CHECK(error_code_of(Error(row.code).bus_name()) == row.code);
    }
    CHECK(names.size() == static_cast<std::size_t>(ErrorCode::internal) + 1);
}

TEST_CASE("an error fills its parameters into sentence and hint, and survives the way through JSON")
{
    const Error error(ErrorCode::no_kernel_headers,
                      {{"kernel", "6.1"}, {"path", "/lib/modules/6.1/build"}, {"package", "linux-headers-6.1"}});
    CHECK(error.message() == "The headers of kernel 6.1 are not installed: /lib/modules/6.1/build/include is missing.");
    CHECK(error.hint() == "Install linux-headers-6.1, or give their place with --kernelsourcedir.");
    CHECK(error.bus_name() == "org.dkms1.Error.NoKernelHeaders");
    CHECK(Error(ErrorCode::invalid_args).bus_name() == "org.freedesktop.DBus.Error.InvalidArgs");
    CHECK(error_from_json(to_json(error)) == error);
    CHECK(Error(ErrorCode::no_such_module).message().find("{") == std::string::npos);
    CHECK(error_from_json({{"error", "FromTheFuture"}, {"message", "m"}}).code() == ErrorCode::internal);
}

TEST_CASE("a script's own exit code wins over the table, a verb's over the general one")
{
    CHECK(Error(ErrorCode::script_failed, {{"exit_code", "42"}}).exit_code(Verb::build) == 42);
    CHECK(Error(ErrorCode::script_failed).exit_code(Verb::build) == 1);
    CHECK(Error(ErrorCode::build_failed).exit_code(Verb::install) == 10);
    CHECK(Error(ErrorCode::no_such_kernel).exit_code(Verb::install) == 6);
    CHECK(Error(ErrorCode::no_such_kernel).exit_code(Verb::build) == 21);
}

TEST_CASE("a request survives the way through JSON")
{
    Request request{Verb::install, {"m", "1"}, {{"6.1", "x86_64"}, {"6.2", ""}}, {}};
    request.options.force = true;
    request.options.parallel_jobs = 0;
    request.options.kernel_source_dir = "/usr/src/linux";
    request.options.directives = {"AUTOINSTALL=no"};
    CHECK(request_from_json(to_json(request)) == request);
    CHECK(to_json(Request{Verb::add, {"m", "1"}, {}, {}}) ==
          json({{"request", "add"}, {"module", "m"}, {"version", "1"}}));
}

TEST_CASE("what a request does not know, it refuses")
{
    const json good{{"request", "build"}, {"module", "m"}, {"version", "1"}};
    REQUIRE_NOTHROW(request_from_json(good));
    const auto with = [&](const char* key, const json& value) {
        json bad = good;
        bad[key] = value;
        return bad;
    };
    CHECK(code_of_request(with("request", "explode")) == ErrorCode::invalid_args);
    CHECK(code_of_request(with("colour", "red")) == ErrorCode::invalid_args);
    CHECK(code_of_request(with("module", 7)) == ErrorCode::invalid_args);
    CHECK(code_of_request(with("module", "../etc")) == ErrorCode::invalid_name);
    CHECK(code_of_request(with("kernels", json::array({"6.1", "6.1"}))) == ErrorCode::invalid_args);
    CHECK(code_of_request(with("kernels", "6.1")) == ErrorCode::invalid_args);
    CHECK(code_of_request(with("options", {{"forse", true}})) == ErrorCode::invalid_args);
    CHECK(code_of_request(with("options", {{"force", "yes"}})) == ErrorCode::invalid_args);
    CHECK(code_of_request(with("options", {{"kernel_source_dir", "relative"}})) == ErrorCode::invalid_args);
    CHECK(code_of_request(with("options", {{"all", true}})) == ErrorCode::invalid_args);
    CHECK(code_of_request(with("options", {{"parallel_jobs", -2}})) == ErrorCode::invalid_args);
    CHECK(code_of_request(with("options", {{"directives", json::array({"novalue"})}})) == ErrorCode::invalid_args);
    CHECK(code_of_request({{"request", "add"}, {"module", "m"}}) == ErrorCode::invalid_args);
}

TEST_CASE("steps and outcomes survive the way through JSON")
{
    Step step{StepKind::build, {"m", "1"}, {"6.1", "x86_64"}, {}};
    step.options.force = true;
    CHECK(step_from_json(to_json(step)) == step);
    const Outcome outcome{Result::failed,
                          Error(ErrorCode::build_failed, {{"module", "m/1"}}),
                          {{StepKind::initramfs, {}, {"6.1", "x86_64"}, {}}}};
    CHECK(outcome_from_json(to_json(outcome)) == outcome);
}

TEST_CASE("builds of one module for two kernels get on with each other, unless there is one directory for both")
{
    const Step one{StepKind::build, {"m", "1"}, {"6.1", "x86_64"}, {}};
    const Step two{StepKind::build, {"m", "1"}, {"6.2", "x86_64"}, {}};
    const auto clash = [](const std::vector<Resource>& a, const std::vector<Resource>& b) {
        for (const Resource& x : a)
            for (const Resource& y : b)
                if (x.name == y.name && (x.exclusive || y.exclusive)) return true;
        return false;
    };
    CHECK_FALSE(clash(one.resources(true), two.resources(true)));
    CHECK(clash(one.resources(false), two.resources(false)));
    CHECK(clash(one.resources(), one.resources()));
    const Step remove{StepKind::remove, {"m", "1"}, {}, {}};
    CHECK(clash(one.resources(), remove.resources()));
    const Step install_one{StepKind::install, {"m", "1"}, {"6.1", "x86_64"}, {}};
    const Step install_other{StepKind::install, {"n", "1"}, {"6.1", "x86_64"}, {}};
    CHECK(clash(install_one.resources(), install_other.resources()));
}

TEST_CASE("every event has its row, and a line carries it there and back")
{
    std::set<std::string_view> names;
    for (const EventRow& row : event_table()) {
        CHECK(names.insert(row.name).second);
        CHECK(name_of(row.kind) == row.name);
    }
    Event event(EventKind::installed_file, {{"path", "/lib/modules/x.ko"}, {"module", "x"}});
    event.job = 7;
    const std::string line = to_line(event);
    CHECK(line.back() == '\n');
    const Event back = event_from_json(json::parse(line));
    CHECK(back.kind == EventKind::installed_file);
    CHECK(back.job == 7);
    CHECK(back.facts == event.facts);
    CHECK_THROWS_AS(event_from_json({{"event", "installed-file"}}), Error);
    CHECK_THROWS_AS(event_from_json({{"event", "invented"}}), Error);
}

TEST_CASE("a line is valid JSON and at most 64 KiB, whatever the facts")
{
    const Event event(EventKind::warning,
                      {{"name", "n"}, {"parameters", json::object()}, {"message", std::string(200000, 'x') + "\xff"}});
    const std::string line = to_line(event);
    CHECK(line.size() <= 64 * 1024);
    CHECK(json::parse(line).is_object());
}

TEST_CASE("a line stays short and whole, however deep its long texts and lists lie")
{
    const std::string text(100'000, 'x');
    const std::vector<std::string> many(20'000, "module");
    const auto kept = [](const Event& event) {
        const std::string line = to_line(event);
        CHECK(line.size() <= longest_line);
        return event_from_json(json::parse(line)).facts;
    };
    const json warning = kept(
        Event(EventKind::warning, {{"name", "n"}, {"parameters", {{"path", "p"}, {"said", text}}}, {"message", "m"}}));
    CHECK(warning.at("parameters").at("path") == "p");
    CHECK(warning.at("parameters").at("said").get<std::string>().substr(0, 4) == "xxxx");
    const json excluded = kept(Event(EventKind::excluded, {{"kernel", "k"}, {"reason", "r"}, {"modules", many}}));
    CHECK(excluded.at("modules").front() == "module");
}

TEST_CASE("an outcome names all jobs, and a long error does not make it longer than that")
{
    Outcome outcome;
    JobPlan job;
    for (int number = 0; number < 2000; ++number) {
        job.request.module = {"module-" + std::to_string(number), "1.0"};
        outcome.jobs.push_back(job);
    }
    CHECK(to_line(outcome).size() > longest_line);
    CHECK(outcome_from_json(json::parse(to_line(outcome))) == outcome);

    const Outcome refused{
        Result::failed,
        Error(ErrorCode::conf_invalid, {{"file", "dkms.conf"}, {"reason", std::string(200'000, 'x')}}),
        {}};
    CHECK(to_line(refused).size() < 2 * longest_line);
    CHECK(outcome_from_json(json::parse(to_line(refused))).error->parameter("file") == "dkms.conf");
}

TEST_CASE("states, jobs and places survive the way through JSON")
{
    ModuleStatus status{{"m", "1"}, false, "/usr/src/m-1", {}};
    KernelStatus kernel;
    kernel.kernel = {"6.1", "x86_64"};
    kernel.state = KernelState::failed;
    kernel.note = "build: no";
    kernel.job = 41;
    kernel.originals = true;
    status.kernels.push_back(kernel);
    CHECK(module_status_from_json(to_json(status)) == status);

    JobView job;
    job.id = 5;
    job.request = {Verb::build, {"m", "1"}, {}, {}};
    job.state = JobState::ended;
    job.result = Result::failed;
    job.error = Error(ErrorCode::build_failed);
    CHECK(to_json(job_view_from_json(to_json(job))) == to_json(job));

    const Places places = Places::under("/scratch");
    CHECK(places.dkms_tree == "/scratch/var/lib/dkms");
    CHECK(places_from_json(to_json(places)) == places);
    CHECK(places.is_default_install_tree());
    CHECK(Places::under("/") == Places{});
}

TEST_CASE("findings survive the way through JSON, and unknown severities do not")
{
    const Finding finding{"no-obj-m", Severity::error, "/x/Makefile", 3, "What.", "Do."};
    CHECK(finding_from_json(to_json(finding)) == finding);
    const Finding whole{"no-licence", Severity::note, "/x", 0, "What.", ""};
    CHECK_FALSE(to_json(whole).contains("line"));
    CHECK(finding_from_json(to_json(whole)) == whole);
    json wrong = to_json(finding);
    wrong["severity"] = "fatal";
    CHECK_THROWS_AS(finding_from_json(wrong), Error);
}

TEST_CASE("on a system that comes as an image nothing is to be mounted: the image has to be built with the module")
{
    const auto hint = [](const char* path) {
        return Error(ErrorCode::tree_not_writable, {{"path", path}, {"reason", "r"}, {"errno", std::to_string(EROFS)}})
            .hint();
    };
    for (const char* path : {"/usr/lib/modules/6.1.0/updates/dkms", "/lib/modules/6.1.0/updates/dkms"})
        CHECK(hint(path).find("howto-image.md") != std::string::npos);
    CHECK(hint("/var/lib/dkms").find("image") == std::string::npos);
}
