// SPDX-License-Identifier: LGPL-2.1-or-later
// What dkmsctl autoinstall says about a whole kernel, and how a hook ends.
#include "client/kernel_outcome.h"
#include "client/options.h"
#include "client/renderer.h"
#include "lib/model/error.h"
#include "tests/catch.h"

#include <nlohmann/json.hpp>

using namespace dkms;
using nlohmann::json;

namespace {

constexpr const char* release = "6.12.117-test";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Event happened(EventKind kind, JobId job, json facts = json::object())
{
    Event event(kind, std::move(facts));
    event.job = job;
    event.at = 100;
    return event;
}

Error no_headers()
{
    return Error(ErrorCode::no_kernel_headers, {{"kernel", release},
                                                {"path", "/lib/modules/6.12.117-test/build"},
                                                {"package", "linux-headers-6.12.117-test"}});
}

Error build_error()
{
    return Error(ErrorCode::build_failed, {{"excerpt", "a.c:1: error: too few arguments"}, {"log", "/tree/make.log"}});
}

/// An autoinstall, told to a renderer for people.
class Autoinstall {
public:
    explicit Autoinstall(bool quiet = false)
    {
        console_.out = [this](std::string_view text) { out += text; };
        console_.err = [this](std::string_view text) { err += text; };
        renderer_ = quiet ? make_quiet_renderer(console_, false) : make_plain_renderer(console_, false);
        begin(1, whole(), 0);
    }

    /// One of its modules comes to its end.
    void module(const std::string& name, Result result, std::optional<Error> error = {},
                Policy policy = Policy::optional)
    {
        Request request{Verb::install, {name, "1.0"}, {{release, running_architecture()}}, {}};
        request.options.batch = true;
        request.options.policy = policy;
        begin(++last_, request, 1);
        end(last_, request, 1, result, std::move(error));
    }

    void end(Result result, std::optional<Error> error = {}) { end(1, whole(), 0, result, std::move(error)); }

    void tell(EventKind kind, json facts) { renderer_->event(happened(kind, 1, std::move(facts))); }

    const ProgressBoard& board() const { return renderer_->board(); }
    std::string warning(const std::string& running = "6.1.0-test") const
    {
        return boot_warning(board(), false, running);
    }

    std::string out;
    std::string err;

private:
    static Request whole() { return {Verb::autoinstall, {}, {{release, running_architecture()}}, {}}; }

    void begin(JobId job, const Request& request, JobId parent)
    {
        json facts{{"request", to_json(request)}, {"uid", 0}};
        if (parent != 0) facts["parent"] = parent;
        renderer_->event(happened(EventKind::job_new, job, std::move(facts)));
    }

    void end(JobId job, const Request& request, JobId parent, Result result, std::optional<Error> error)
    {
        JobView view;
        view.id = job;
        view.parent = parent;
        view.request = request;
        view.state = JobState::ended;
        view.result = result;
        view.error = std::move(error);
        renderer_->event(happened(EventKind::job_ended, job, {{"view", to_json(view)}}));
    }

    Console console_;
    std::unique_ptr<Renderer> renderer_;
    JobId last_ = 1;
};

} // namespace

TEST_CASE("a summary counts what became of a kernel's modules")
{
    Autoinstall job;
    job.module("a", Result::done);
    job.module("b", Result::failed, build_error());
    job.module("c", Result::skipped, Error(ErrorCode::build_excluded, {{"reason", "x"}}));
    job.module("d", Result::done);
    job.module("e", Result::skipped);
    job.end(Result::failed, Error(ErrorCode::autoinstall_failed));
    CHECK(kernel_summary(job.board()) ==
          "Kernel 6.12.117-test: 2 installed, 1 failed, 1 not meant for it, 1 there already.\n");
    CHECK(contains(job.err, "  a.c:1: error: too few arguments\n"));
    CHECK(exit_code_of(job.board()) == 11);
}

TEST_CASE("a kernel that lacks nothing has no summary but a line")
{
    Autoinstall job;
    job.end(Result::skipped);
    CHECK(kernel_summary(job.board()).empty());
    CHECK(job.out == "autoinstall  6.12.117-test  nothing to do\n");
    CHECK(exit_code_of(job.board()) == 0);
    CHECK(hook_exit_code(job.board()) == 0);
}

TEST_CASE("modules that wait for headers have not failed, and it is said what to install")
{
    Autoinstall job;
    job.module("a", Result::failed, no_headers(), Policy::boot);
    job.module("b", Result::failed, Error(ErrorCode::no_such_kernel, {}), Policy::required);
    job.end(Result::failed, no_headers());
    CHECK(job.err.empty());
    CHECK(job.out == "a/1.0  6.12.117-test  waiting for the kernel's headers\n"
                     "b/1.0  6.12.117-test  waiting for the kernel's headers\n");
    CHECK(kernel_summary(job.board()) ==
          "Kernel 6.12.117-test: 2 waiting for headers.\n"
          "Waiting for the headers of kernel 6.12.117-test: a/1.0, b/1.0.\n"
          "Install linux-headers-6.12.117-test, and the modules are built by themselves.\n");
    CHECK(hook_exit_code(job.board()) == 0);
    CHECK(exit_code_of(job.board()) == 21);
    CHECK(job.warning().empty());
}

TEST_CASE("quiet says nothing of what waits")
{
    Autoinstall job(true);
    job.module("a", Result::failed, no_headers());
    job.end(Result::failed, no_headers());
    CHECK(job.out + job.err == "");
}

TEST_CASE("a hook fails for what is required, and for that alone")
{
    Autoinstall job;
    const auto ends_with = [&job] {
        job.end(Result::failed, Error(ErrorCode::autoinstall_failed));
        return hook_exit_code(job.board());
    };
    job.module("a", Result::failed, build_error());
    job.module("b", Result::skipped, Error(ErrorCode::build_excluded), Policy::required);
    job.module("c", Result::done, {}, Policy::boot);
    SECTION("nothing of that failed") { CHECK(ends_with() == 0); }
    SECTION("required")
    {
        job.module("d", Result::failed, build_error(), Policy::required);
        CHECK(contains(kernel_summary(job.board()), "Missing, but required (dkms-policy.conf(5)): d/1.0.\n"));
        CHECK(ends_with() == 11);
        CHECK(job.warning().empty());
    }
    SECTION("needed to boot")
    {
        job.module("d", Result::failed, build_error(), Policy::boot);
        CHECK(ends_with() == 11);
    }
    SECTION("cancelled")
    {
        job.module("d", Result::cancelled, Error(ErrorCode::cancelled), Policy::required);
        CHECK(ends_with() == 11);
    }
}

TEST_CASE("what goes wrong at the end goes for every module")
{
    Autoinstall job;
    SECTION("none of which is required")
    {
        job.module("a", Result::done);
        job.end(Result::failed, Error(ErrorCode::index_failed));
        CHECK(hook_exit_code(job.board()) == 0);
    }
    SECTION("one of which is")
    {
        job.module("a", Result::done, {}, Policy::required);
        job.end(Result::failed, Error(ErrorCode::index_failed));
        CHECK(hook_exit_code(job.board()) == 11);
    }
    CHECK(contains(job.err, "depmod failed"));
}

TEST_CASE("a module that is needed to boot is missed loudly")
{
    Autoinstall job;
    job.module("net", Result::failed, build_error(), Policy::boot);
    job.module("zfs", Result::failed, build_error(), Policy::required);
    job.end(Result::failed, Error(ErrorCode::autoinstall_failed));
    const std::string text = job.warning();
    CHECK(contains(text, "**  DO NOT BOOT KERNEL 6.12.117-test: this machine needs net/1.0\n"));
    CHECK(contains(text, "**    a.c:1: error: too few arguments\n"));
    CHECK(contains(text, "**    The whole log: /tree/make.log\n"));
    CHECK(contains(text, "**  Keep kernel 6.1.0-test, the running one,"));
    CHECK(contains(text, "dkmsctl autoinstall -k 6.12.117-test"));
    CHECK_FALSE(contains(text, "zfs"));
    CHECK(contains(job.warning(release), "**  Keep another kernel"));
}

TEST_CASE("what was put off is told")
{
    Autoinstall job;
    job.tell(EventKind::deferred, {{"module", "a/1.0"}, {"dependencies", "b c"}});
    job.tell(EventKind::stale, {{"module", "a/1.0"}, {"kernel", release}, {"what", "headers"}, {"path", "/x"}});
    job.tell(EventKind::autoinstall_disabled, {{"path", "/etc/dkms/no-autoinstall"}});
    CHECK(contains(job.err, "a/1.0 is left for later: it depends on what is not in the tree (b c).\n"));
    CHECK(contains(job.err, "a/1.0 is built again for 6.12.117-test: headers changed (/x).\n"));
    CHECK(contains(job.err, "/etc/dkms/no-autoinstall exists"));
}

TEST_CASE("install may choose among versions")
{
    const auto parse = [](const std::vector<const char*>& words) { return parse_options(words); };
    CHECK(std::get<Invocation>(parse({"install", "--newest", "hello"})).newest);
    CHECK_THROWS_AS(parse({"install", "--newest", "hello/1.0"}), Error);
    CHECK(std::holds_alternative<Answer>(parse({"build", "--newest", "hello"})));
}

TEST_CASE("autoinstall is a command about one kernel, and a hook waits")
{
    const auto parse = [](const std::vector<const char*>& words) { return parse_options(words); };
    const auto got = std::get<Invocation>(parse({"autoinstall", "-k", release, "--hook", "--no-initramfs"}));
    CHECK(got.request.verb == Verb::autoinstall);
    CHECK(got.request.kernels == std::vector<KernelId>{{release, ""}});
    CHECK(got.request.options.no_initramfs);
    CHECK(got.hook);
    CHECK_FALSE(got.needs_stdio());
    CHECK_THROWS_AS(parse({"autoinstall", "--hook", "--no-wait"}), Error);
    CHECK_THROWS_AS(parse({"autoinstall", "-k", "a", "-k", "b"}), Error);
    CHECK(std::holds_alternative<Answer>(parse({"autoinstall", "hello"})));
}
