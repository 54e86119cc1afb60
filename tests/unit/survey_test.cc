// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/dependents.h"
#include "lib/plan/survey_step.h"
#include "lib/tree/fingerprint.h"
#include "lib/tree/transaction_mark.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

#include <fstream>

#include <unistd.h>

using namespace dkms;

namespace {

const std::string by_itself = "AUTOINSTALL=yes\n";

/// A module that is in the tree and built for no kernel.
ModuleId put_added(const System& system, const std::string& name, const std::string& version, const std::string& more)
{
    const ModuleId module{name, version};
    system.put_source(module, {name}, more);
    system.link(module);
    return module;
}

void mark_installed(const System& system, const ModuleId& module)
{
    std::filesystem::create_symlink(module.version + "/" + kernel_6.release + "/" + kernel_6.arch,
                                    system.layout().active_link(module.name, kernel_6));
    const std::string file = module.name + ".ko";
    put_file(system.installed("kernel/extra/" + file),
             text_of_file(system.layout().built_modules(module, kernel_6) / file));
}

std::vector<std::string> names_of(const std::vector<JobPlan>& jobs)
{
    std::vector<std::string> names;
    for (const JobPlan& job : jobs) names.push_back(job.request.module.text());
    return names;
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("a survey finds the newest version of what wants to be installed and is not")
{
    const System system;
    mark_installed(system, system.put_module("there", "1", by_itself));
    put_added(system, "wanted", "1.9", by_itself);
    put_added(system, "wanted", "1.10", by_itself);
    put_added(system, "unasked", "1", "");
    put_added(system, "broken", "1", by_itself);
    std::filesystem::remove_all(system.layout().source_in_source_tree({"broken", "1"}));

    StepRun run(system, system.step(StepKind::survey, {}));
    const Outcome outcome = run(make_survey_step);
    CHECK(outcome.result == Result::done);
    CHECK(names_of(outcome.jobs) == Names{"wanted/1.10"});
    CHECK(outcome.jobs.front().request.kernels == std::vector<KernelId>{kernel_6});
    CHECK(outcome.jobs.front().steps.back().kind == StepKind::install);
    CHECK(run.events(EventKind::surveyed).front().facts.at("installed") == nlohmann::json{"there"});
    REQUIRE(run.events(EventKind::warning).size() == 1);
    CHECK(run.events(EventKind::warning).front().text("name") == "BrokenModule");
}

TEST_CASE("dependencies come first, circles do not hang, and what depends on strangers is deferred")
{
    const System system;
    put_added(system, "a", "1", by_itself + "BUILD_DEPENDS[0]=z\n");
    put_added(system, "z", "1", by_itself);
    put_added(system, "ring1", "1", by_itself + "BUILD_DEPENDS[0]=ring2\n");
    put_added(system, "ring2", "1", by_itself + "BUILD_DEPENDS[0]=ring1\n");
    put_added(system, "late", "1", by_itself + "BUILD_DEPENDS[0]=stranger\n");
    put_added(system, "later", "1", by_itself + "BUILD_DEPENDS[0]=late\n");

    StepRun run(system, system.step(StepKind::survey, {}));
    const Outcome outcome = run(make_survey_step);
    REQUIRE(names_of(outcome.jobs) == Names{"z/1", "ring2/1", "a/1", "ring1/1"});
    CHECK(outcome.jobs[0].after.empty());
    CHECK(outcome.jobs[2].after == std::vector<std::size_t>{0});
    CHECK(outcome.jobs[3].after == std::vector<std::size_t>{1});
    CHECK(run.events(EventKind::deferred).size() == 2);
    CHECK(run.events(EventKind::deferred).front().text("dependencies") == "stranger");
}

TEST_CASE("what takes longest comes first, with what waits for it, and never before what it waits for")
{
    const System system;
    const auto put = [&](const std::string& name, std::size_t bytes, const std::string& more = {}) {
        put_file(system.layout().source_in_source_tree(put_added(system, name, "1", by_itself + more)) / "m.c",
                 std::string(bytes, '\n'));
    };
    put("a-small", 10);
    put("b-large", 900'000);
    put("c-base", 10);
    put("d-user", 1'500'000, "BUILD_DEPENDS[0]=c-base\n");
    put("e-last", 10, "BUILD_DEPENDS[0]=d-user\nBUILD_DEPENDS[1]=b-large\n");
    StepRun run(system, system.step(StepKind::survey, {}));
    const auto jobs = run(make_survey_step).jobs;
    REQUIRE(names_of(jobs) == Names{"c-base/1", "d-user/1", "b-large/1", "a-small/1", "e-last/1"});
    CHECK(jobs[0].after.empty());
    CHECK(jobs[1].after == std::vector<std::size_t>{0});
    CHECK(jobs[2].after.empty());
    CHECK(jobs[4].after == std::vector<std::size_t>{1, 2});
}

TEST_CASE("a configuration that is wrong is a job, which will say so; the others are not concerned")
{
    const System system;
    put_added(system, "wrong", "1", by_itself + "BUILT_MODULE_NAME[0]=wrong.ko\n");
    put_added(system, "right", "1", by_itself);
    StepRun run(system, system.step(StepKind::survey, {}));
    CHECK(names_of(run(make_survey_step).jobs) == Names{"right/1", "wrong/1"});
}

TEST_CASE("nothing to do, and what the administrator has switched off, is skipped")
{
    const System system;
    put_added(system, "wanted", "1", by_itself);
    put_file(system.places.config_dir / "no-autoinstall", "");
    StepRun off(system, system.step(StepKind::survey, {}));
    const Outcome outcome = off(make_survey_step);
    CHECK(outcome.result == Result::skipped);
    CHECK(outcome.jobs.empty());
    CHECK(off.events(EventKind::autoinstall_disabled).size() == 1);

    const System empty;
    StepRun run(empty, empty.step(StepKind::survey, {}));
    CHECK(run(make_survey_step).result == Result::skipped);
}

TEST_CASE("before a kernel is installed again, what will be made anew is taken away")
{
    const System system;
    mark_installed(system, system.put_module("anew", "1", by_itself));
    system.put_module("kept", "1");
    StepRun run(system, system.step(StepKind::survey_preinst, {}));
    const Outcome outcome = run(make_preinst_survey_step);
    REQUIRE(names_of(outcome.jobs) == Names{"anew/1"});
    CHECK(outcome.jobs.front().steps.size() == 2);
    REQUIRE(outcome.follow_up.size() == 1);
    CHECK(outcome.follow_up.front().kind == StepKind::tidy);
}

TEST_CASE("modules that were built with another version of a dependency are built again if they want that")
{
    const System system;
    const ModuleId installed = system.put_module("user", "1");
    mark_installed(system, installed);
    put_file(system.layout().kernel(installed, kernel_6) / ".dep_base", "1\n");
    const ModuleId current = system.put_module("current", "1");
    put_file(system.layout().kernel(current, kernel_6) / ".dep_base", "2\n");
    system.put_module("unrelated", "1");

    const auto jobs = stale_dependents(system.places, {"base", "2"}, kernel_6, {});
    REQUIRE(names_of(jobs) == Names{"user/1"});
    REQUIRE(jobs.front().steps.size() == 2);
    CHECK(jobs.front().steps.front().options.force);
    CHECK(stale_dependents(system.places, {"other", "2"}, kernel_6, {}).empty());
}

TEST_CASE("modules that were built with other symbols of a dependency are built again")
{
    const System system;
    const ModuleId base = system.put_module("base", "1");
    mark_installed(system, base);
    const auto symbols = system.layout().active_link("base", kernel_6) / "module/Module.symvers";
    put_file(symbols, "0x1 symbol base EXPORT_SYMBOL\n");
    for (const char* name : {"user", "other"}) {
        const ModuleId user = system.put_module(name, "1");
        const auto seen = system.layout().active_link(name == std::string("user") ? "base" : "stranger", kernel_6);
        BuildRecord record;
        record.inputs["files"] =
            to_json(fingerprint_of({{"dependency", seen / "module/Module.symvers", 0, 0, {}}}, system.places));
        put_file(system.layout().build_record(user, kernel_6), text_of(record));
    }
    CHECK(stale_dependents(system.places, base, kernel_6, {}).empty());
    put_file(symbols, "0x22 symbol base EXPORT_SYMBOL\n");
    const auto jobs = stale_dependents(system.places, base, kernel_6, {});
    REQUIRE(names_of(jobs) == Names{"user/1"});
    CHECK((jobs.front().steps.front().options.refresh && !jobs.front().steps.front().options.force));
}

TEST_CASE("a package transaction is noted as long as it runs")
{
    const System system;
    const Layout layout(system.places);
    const ModuleId module{"foo", "1"};
    std::ifstream stat("/proc/self/stat");
    std::string field;
    for (int number = 1; number <= 22; ++number) stat >> field; // the name of a test has no blanks
    const std::string here = std::to_string(::getpid()) + " " + field;

    CHECK_FALSE(has_transaction_mark(layout, module, here));
    mark_transaction(layout, module, here);
    CHECK(has_transaction_mark(layout, module, here));
    CHECK_FALSE(has_transaction_mark(layout, module, std::to_string(::getpid()) + " 1"));
    CHECK_FALSE(has_transaction_mark(layout, module, ""));
    CHECK_FALSE(has_transaction_mark(layout, {"foo", "2"}, here));

    const ModuleId old{"old", "1"};
    mark_transaction(layout, old, "1 1"); // no such process was started then
    mark_transaction(layout, module, here);
    CHECK_FALSE(has_transaction_mark(layout, old, "1 1"));
    CHECK(has_transaction_mark(layout, module, here));
    remove_transaction_mark(layout, module);
    CHECK_FALSE(has_transaction_mark(layout, module, here));
}
