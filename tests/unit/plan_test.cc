// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/plan.h"
#include "tests/catch.h"

#include <filesystem>
#include <fstream>

#include <stdlib.h>

using namespace dkms;

namespace {

KernelStatus on(const std::string& release, KernelState state)
{
    KernelStatus status;
    status.kernel = {release, "x86_64"};
    status.state = state;
    return status;
}

/// A system with kernels run, a, b (headers of run and a) and, in the tree:
/// added/1; made/1 (built for a, installed for b and gone, failed for run); broken/1 (built for a, source missing);
/// mendable/1 (broken, but its source is back); two/1 and two/2. Sources of new/1, new/2, mendable/1.
std::vector<ModuleStatus> tree()
{
    ModuleStatus made{{"made", "1"}, false, "/usr/src/made-1", {}};
    made.kernels = {on("a", KernelState::built), on("b", KernelState::installed), on("gone", KernelState::installed),
                    on("run", KernelState::failed)};
    ModuleStatus one_kernel{{"one", "1"}, false, "/usr/src/one-1", {on("b", KernelState::built)}};
    ModuleStatus broken{{"broken", "1"}, true, "", {on("a", KernelState::built)}};
    return {{{"added", "1"}, false, "/usr/src/added-1", {}},
            made,
            one_kernel,
            broken,
            {{"mendable", "1"}, true, "", {}},
            {{"two", "1"}, false, "/usr/src/two-1", {}},
            {{"two", "2"}, false, "/usr/src/two-2", {}}};
}

PlanFacts facts()
{
    PlanFacts all;
    all.running = {"run", "x86_64"};
    all.module = [](const ModuleId& id) -> std::optional<ModuleStatus> {
        for (const ModuleStatus& one : tree())
            if (one.module == id) return one;
        return std::nullopt;
    };
    all.versions = [](const std::string& name) {
        std::vector<ModuleStatus> found;
        for (const ModuleStatus& one : tree())
            if (name.empty() || one.module.name == name) found.push_back(one);
        return found;
    };
    all.installed_kernels = [](bool with_headers) {
        std::vector<KernelId> kernels{{"run", "x86_64"}, {"a", "x86_64"}};
        if (!with_headers) kernels.push_back({"b", "x86_64"});
        return kernels;
    };
    all.kernel_exists = [](const KernelId& kernel) {
        return kernel.release == "run" || kernel.release == "a" || kernel.release == "b";
    };
    all.has_given_headers = [](const ModuleId&, const KernelId&) { return false; };
    all.sequence = [](const std::string& name, const KernelId& kernel) -> PlanFacts::Sequence {
        if (name != "two") return {};
        if (kernel.release == "run") return {"2", "1"};
        if (kernel.release == "a") return {"1", "2"};
        return {"2", kernel.release == "b" ? "0" : ""};
    };
    all.source_exists = [](const ModuleId& id) { return id.name == "new" || id.name == "mendable"; };
    all.is_complete = [](const KernelId&) { return false; };
    all.added_in = [](const ModuleId& id, const std::string& transaction) {
        return id.name == "made" && transaction == "1 2";
    };
    return all;
}

Request request(Verb verb, const ModuleId& module, const std::vector<std::string>& kernels = {},
                const Options& options = {})
{
    Request made{verb, module, {}, options};
    for (const std::string& one : kernels) made.kernels.push_back(parse_kernel(one));
    return made;
}

/// "build a; install a!": a '!' stands for force.
std::string text_of(const std::vector<Step>& steps)
{
    std::string text;
    for (const Step& step : steps) {
        if (!text.empty()) text += "; ";
        text += name_of(step.kind);
        if (!step.kernel.release.empty()) text += " " + step.kernel.release;
        if (step.options.force) text += "!";
        if (step.kind != StepKind::remove) CHECK_FALSE(step.options.all);
        CHECK_FALSE(step.options.all_kernels);
    }
    return text;
}

/// "add [build a] [build b]": own steps, then each child's.
std::string text_of(const JobPlan& plan)
{
    std::string text = text_of(plan.steps);
    for (const JobPlan& child : plan.children) {
        CHECK(child.children.empty());
        REQUIRE(child.request.kernels.size() == 1);
        CHECK(child.request.verb == plan.request.verb);
        CHECK(child.request.module == plan.request.module);
        for (const Step& step : child.steps) CHECK(step.kernel == child.request.kernels.front());
        text += (text.empty() ? "[" : " [") + text_of(child.steps) + "]";
    }
    return text;
}

Options force()
{
    Options options;
    options.force = true;
    return options;
}

Options all()
{
    Options options;
    options.all = true;
    return options;
}

Options all_kernels()
{
    Options options;
    options.all_kernels = true;
    return options;
}

Options with_headers_elsewhere()
{
    Options options;
    options.kernel_source_dir = "/elsewhere";
    return options;
}

const ModuleId added{"added", "1"}, made{"made", "1"}, one{"one", "1"}, broken{"broken", "1"}, fresh{"new", "1"};

} // namespace

TEST_CASE("each request has its steps")
{
    struct Row {
        Request request;
        std::string steps;
    };
    const Row rows[] = {
        {request(Verb::add, fresh), "add"},
        {request(Verb::add, {"mendable", "1"}), "add"},
        {request(Verb::build, added), "build run"},
        {request(Verb::build, fresh), "add; build run"},
        {request(Verb::build, made, {"a"}, force()), "build a!"},
        {request(Verb::build, fresh, {"a", "b"}), "add [build a] [build b]"},
        {request(Verb::build, added, {}, all_kernels()), "[build run] [build a]"},
        {request(Verb::install, added, {"a"}), "build a; install a"},
        {request(Verb::install, fresh, {"a"}), "add; build a; install a"},
        {request(Verb::install, made, {"a"}, force()), "build a; install a!"},
        {request(Verb::install, fresh, {"a"}, force()), "add; build a!; install a!"},
        {request(Verb::install, made, {"run"}, force()), "build run!; install run!"},
        {request(Verb::install, added, {"b", "a"}), "[build b; install b] [build a; install a]"},
        {request(Verb::uninstall, made, {"b"}), "uninstall b"},
        {request(Verb::uninstall, made, {}, all()), "[uninstall a] [uninstall b] [uninstall gone]"},
        {request(Verb::uninstall, one, {}, all()), "[uninstall b]"},
        {request(Verb::uninstall, added, {}, all()), ""},
        {request(Verb::uninstall, broken, {"a"}), "uninstall a"},
        {request(Verb::unbuild, made, {"a"}), "uninstall a; unbuild a"},
        {request(Verb::unbuild, made, {"gone"}), "uninstall gone; unbuild gone"},
        {request(Verb::unbuild, broken, {"a", "b"}), "[uninstall a; unbuild a] [uninstall b; unbuild b]"},
        {request(Verb::remove, made), "uninstall run; unbuild run; remove"},
        {request(Verb::remove, one, {}, all()), "uninstall b; unbuild b; remove"},
        {request(Verb::remove, made, {}, all()),
         "uninstall a; unbuild a; uninstall b; unbuild b; uninstall gone; unbuild gone; remove"},
        {request(Verb::remove, made, {"a", "b"}), "uninstall a; unbuild a; uninstall b; unbuild b; remove"},
        {request(Verb::remove, added, {}, all()), "remove"},
        {request(Verb::remove, broken, {}, all()), "uninstall a; unbuild a; remove"},
        {request(Verb::rebuild, made, {"a"}), "build a!"},
        {request(Verb::rebuild, made, {"b"}), "build b!; install b!"},
        {request(Verb::rebuild, made), "build run!"},
        {request(Verb::rebuild, made, {}, all()), "[build a!] [build b!; install b!] [build gone!; install gone!]"},
        {request(Verb::rebuild, added, {}, all()), ""},
    };
    for (const Row& row : rows) {
        INFO(name_of(row.request.verb) << " " << row.request.module.text());
        const JobPlan made_plan = plan(row.request, facts());
        CHECK(text_of(made_plan) == row.steps);
        CHECK_FALSE(made_plan.request.module.version.empty());
        check(made_plan.request);
    }
}

TEST_CASE("what cannot be done is an error of the request")
{
    const ModuleId missing{"missing", "1"};
    struct Row {
        Request request;
        ErrorCode error;
    };
    const Row rows[] = {
        {request(Verb::add, missing), ErrorCode::source_missing},
        {request(Verb::add, added), ErrorCode::already_added},
        {request(Verb::add, broken), ErrorCode::broken_module},
        {request(Verb::build, missing), ErrorCode::source_missing},
        {request(Verb::build, broken), ErrorCode::broken_module},
        {request(Verb::build, {"mendable", "1"}), ErrorCode::broken_module},
        {request(Verb::install, missing), ErrorCode::source_missing},
        {request(Verb::install, broken), ErrorCode::broken_module},
        {request(Verb::install, {"made", "1"}, {"gone"}), ErrorCode::no_such_kernel},
        {request(Verb::pack, added, {"a"}), ErrorCode::not_built},
        {request(Verb::install, added, {"nowhere"}, with_headers_elsewhere()), ErrorCode::no_such_kernel},
        {request(Verb::uninstall, missing), ErrorCode::no_such_module},
        {request(Verb::unbuild, missing), ErrorCode::no_such_module},
        {request(Verb::remove, fresh), ErrorCode::no_such_module},
        {request(Verb::remove, missing, {}, all()), ErrorCode::no_such_module},
        {request(Verb::rebuild, missing), ErrorCode::no_such_module},
        {request(Verb::rebuild, broken), ErrorCode::broken_module},
        {request(Verb::build, {"missing", ""}), ErrorCode::no_such_module},
        {request(Verb::remove, {"two", ""}, {}, all()), ErrorCode::invalid_args},
    };
    for (const Row& row : rows) {
        INFO(name_of(row.request.verb) << " " << row.request.module.text());
        const auto code = [&] {
            try {
                plan(row.request, facts());
            } catch (const Error& error) {
                CHECK((error.message().find('?') == std::string::npos || row.error == ErrorCode::invalid_args));
                return error.code();
            }
            return ErrorCode::internal;
        }();
        CHECK(code == row.error);
    }
}

TEST_CASE("a kernel that nobody knows is an error of the request, as one without headers is")
{
    Options options;
    options.template_kernel = "b";
    for (const Request& asked :
         {request(Verb::install, added, {"nowhere"}), request(Verb::build, added, {"nowhere"}),
          request(Verb::rebuild, {"made", "1"}, {"nowhere"}), request(Verb::autoinstall, {}, {"nowhere"}),
          request(Verb::match, {"made", ""}, {"nowhere"}, options)}) {
        try {
            plan(asked, facts());
            FAIL(name_of(asked.verb));
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::no_such_kernel);
            CHECK(error.exit_code(asked.verb) == 21);
        }
    }
    CHECK(text_of(plan(request(Verb::build, added, {"nowhere"}, with_headers_elsewhere()), facts())) ==
          "build nowhere");
    CHECK(text_of(plan(request(Verb::kernel_preinst, {}, {"nowhere"}), facts())) == "survey-preinst nowhere");
    CHECK(text_of(plan(request(Verb::uninstall, added, {"nowhere"}), facts())) == "uninstall nowhere");
}

TEST_CASE("no kernel means the running one; to build for it, its directory has to be there")
{
    PlanFacts here = facts();
    here.running = {"nowhere", "x86_64"};
    const auto code = [&](const Request& asked) {
        try {
            plan(asked, here);
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::internal;
    };
    for (const Verb verb : {Verb::build, Verb::install, Verb::rebuild})
        CHECK(code(request(verb, added)) == ErrorCode::no_such_kernel);
    for (const Verb verb : {Verb::uninstall, Verb::unbuild, Verb::remove})
        CHECK(code(request(verb, added)) == ErrorCode::internal); // there is nothing wrong with it
    CHECK(text_of(plan(request(Verb::build, added, {}, with_headers_elsewhere()), here)) == "build nowhere");
    CHECK(text_of(plan(request(Verb::remove, added, {}, all()), here)) == "remove");
}

TEST_CASE("what is asked for a kernel concerns every module that has to do with it")
{
    const JobPlan away = plan(request(Verb::kernel_prerm, {}, {"a"}), facts());
    REQUIRE(away.children.size() == 2); // broken/1 and made/1 are built for it
    for (const JobPlan& child : away.children) {
        CHECK(text_of(child) == "uninstall a; unbuild a");
        CHECK(child.request.options.no_depmod);
    }
    REQUIRE(away.at_end.size() == 1);
    CHECK(away.at_end.front().kind == StepKind::tidy);
    CHECK_FALSE(away.at_end.front().options.no_depmod);
    const JobPlan nothing = plan(request(Verb::kernel_prerm, {}, {"nowhere"}), facts());
    CHECK((nothing.children.empty() && nothing.at_end.empty()));

    CHECK(text_of(plan(request(Verb::autoinstall, {}, {"a"}), facts())) == "survey a");
    CHECK(text_of(plan(request(Verb::kernel_preinst, {}, {"a"}), facts())) == "survey-preinst a");
    CHECK(plan(request(Verb::autoinstall, {}), facts()).request.kernels == std::vector<KernelId>{{"run", "x86_64"}});
}

TEST_CASE("kernels that are gone are cleared like one that goes")
{
    PlanFacts here = facts();
    const JobPlan plain = plan(request(Verb::kernel_prerm, {}, {}, all()), here);
    REQUIRE(plain.children.size() == 1);
    CHECK(text_of(plain.children.front()) == "uninstall gone; unbuild gone");
    CHECK((plain.request.options.all && plain.request.kernels.empty())); // it means the same when it is made again
    REQUIRE(plain.at_end.size() == 1);
    CHECK(plain.at_end.front().kernel.release == "gone");
    here.has_given_headers = [](const ModuleId&, const KernelId& kernel) { return kernel.release == "gone"; };
    CHECK(plan(request(Verb::kernel_prerm, {}, {}, all()), here).children.empty());
    here = facts();
    here.running.release = "gone";
    CHECK(plan(request(Verb::kernel_prerm, {}, {}, all()), here).children.empty());
    here = facts();
    here.installed_kernels = [](bool) { return std::vector<KernelId>{}; };
    CHECK_THROWS_AS(plan(request(Verb::kernel_prerm, {}, {}, all()), here), Error);
}

TEST_CASE("what a survey has found is left out when its module has gone")
{
    CHECK_FALSE(plan_of_part(request(Verb::install, added, {"a"}), facts()));
    const auto gone = plan_of_part(request(Verb::install, {"missing", "1"}, {"a"}), facts());
    REQUIRE(gone);
    CHECK((gone->steps.empty() && gone->children.empty()));
}

TEST_CASE("a kernel that is complete needs no step, but for a match it is looked at")
{
    PlanFacts complete = facts();
    complete.is_complete = [](const KernelId& kernel) { return kernel.release == "a"; };
    CHECK(plan(request(Verb::autoinstall, {}, {"a"}), complete).steps.empty());
    CHECK(text_of(plan(request(Verb::autoinstall, {}, {"b"}), complete)) == "survey b");
    Options options;
    options.template_kernel = "b";
    CHECK(text_of(plan(request(Verb::match, {"made", ""}, {"a"}, options), complete)) == "survey a");
}

TEST_CASE("what was added in a package transaction is not removed in it")
{
    Options options;
    options.transaction = "1 2";
    const ModuleId module{"made", "1"};
    CHECK(text_of(plan(request(Verb::remove, module, {"a"}, options), facts())) == "remove");
    options.transaction = "3 4";
    CHECK(text_of(plan(request(Verb::remove, module, {"a"}, options), facts())) == "uninstall a; unbuild a; remove");
    // Added again in one, it is noted before it is refused.
    CHECK(text_of(plan(request(Verb::add, module, {}, options), facts())) == "add");
}

TEST_CASE("an archive is one step, whatever goes into it")
{
    const JobPlan packed = plan(request(Verb::pack, {"made", "1"}, {"a", "b"}), facts());
    REQUIRE(packed.steps.size() == 1);
    CHECK(packed.steps.front().kernels == std::vector<KernelId>{{"a", "x86_64"}, {"b", "x86_64"}});
    Options options;
    options.source_only = true;
    CHECK(plan(request(Verb::pack, added, {"a"}, options), facts()).steps.front().kernels.empty());
}

TEST_CASE("what holds no build is packed wherever it is, also where the running kernel is not installed")
{
    PlanFacts here = facts();
    here.kernel_exists = [](const KernelId&) { return false; };
    Options options;
    options.format = GENERATE(PackFormat::deb, PackFormat::dsc);
    const JobPlan packed = plan(request(Verb::pack, added, {}, options), here);
    CHECK(packed.request.kernels.empty());
    CHECK(packed.steps.front().kind == StepKind::pack_deb);
    CHECK(packed.steps.front().kernels.empty());

    options.format = GENERATE(PackFormat::tarball, PackFormat::rpm);
    CHECK_THROWS_AS(plan(request(Verb::pack, added, {}, options), here), Error); // of the running kernel
    options.source_only = true;
    CHECK(plan(request(Verb::pack, added, {}, options), here).steps.front().kernels.empty());

    options.format = PackFormat::kmp; // a kernel says what the source is made ready for
    options.source_only = false;
    CHECK(plan(request(Verb::pack, added, {"a"}, options), facts()).steps.front().kernels.size() == 1);
}

TEST_CASE("all_kernels without any kernel that has headers")
{
    PlanFacts here = facts();
    here.installed_kernels = [](bool) { return std::vector<KernelId>{}; };
    CHECK_THROWS_AS(plan(request(Verb::install, added, {}, all_kernels()), here), Error);
}

TEST_CASE("the requests in a plan name what was found")
{
    const JobPlan one_kernel = plan(request(Verb::unbuild, {"added", ""}), facts());
    CHECK(one_kernel.request.module == added);
    CHECK(one_kernel.request.kernels == std::vector<KernelId>{{"run", "x86_64"}});
    CHECK(one_kernel.steps.front().module == added);

    const JobPlan twice = plan(request(Verb::build, added, {"a", "a/x86_64", "a/i686"}), facts());
    CHECK(twice.request.kernels == std::vector<KernelId>{{"a", "x86_64"}, {"a", "i686"}});

    const JobPlan several = plan(request(Verb::build, added, {}, all_kernels()), facts());
    CHECK(several.request.kernels == std::vector<KernelId>{{"run", "x86_64"}, {"a", "x86_64"}});
    CHECK_FALSE(several.request.options.all_kernels);

    const JobPlan removal = plan(request(Verb::remove, made, {}, all()), facts());
    CHECK(removal.request.kernels.empty());
    CHECK(removal.request.options.all);
}

TEST_CASE("options reach the steps")
{
    Options options = force();
    options.no_depmod = true;
    options.parallel_jobs = 3;
    options.directives = {"MAKE=true"};
    for (const Step& step : plan(request(Verb::install, fresh, {"a"}, options), facts()).steps) {
        CHECK(step.options.no_depmod);
        CHECK(step.options.parallel_jobs == 3);
        CHECK(step.options.directives == options.directives);
    }
}

TEST_CASE("facts of a system are read from its trees")
{
    std::string name = "/tmp/dkms-plan-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    const std::filesystem::path root = name;
    const Places places = Places::under(root);
    std::filesystem::create_directories(places.source_tree / "foo-1");
    std::filesystem::create_directories(places.install_tree / "6.1.0-1");
    std::filesystem::create_directories(places.dkms_tree / "bar" / "2");
    std::filesystem::create_directories(places.source_tree / "bar-2");
    std::filesystem::create_directory_symlink(places.source_tree / "bar-2", places.dkms_tree / "bar" / "2" / "source");

    const PlanFacts here = facts_of(places);
    CHECK(here.source_exists({"foo", "1"}));
    CHECK_FALSE(here.source_exists({"foo", "2"}));
    CHECK(here.kernel_exists({"6.1.0-1", "x86_64"}));
    CHECK_FALSE(here.kernel_exists({"6.1.0-2", "x86_64"}));
    CHECK_FALSE(here.module({"foo", "1"}));
    REQUIRE(here.module({"bar", "2"}));
    CHECK_FALSE(here.module({"bar", "2"})->broken);
    CHECK(here.versions("bar").size() == 1);
    CHECK(here.versions("foo").empty());
    CHECK(here.installed_kernels(true).empty());
    CHECK(here.running.release == running_release());
    CHECK(text_of(plan(request(Verb::install, {"foo", "1"}, {"6.1.0-1"}), here)) ==
          "add; build 6.1.0-1; install 6.1.0-1");
    std::filesystem::remove_all(root);
}

TEST_CASE("plan: a rollback that was cut off does not take back what it has done")
{
    PlanFacts known = facts();
    const auto before = known.sequence;
    known.sequence = [before](const std::string& name, const KernelId& kernel) {
        auto sequence = before(name, kernel);
        sequence.by = kernel.release == "run" ? 7 : 8;
        return sequence;
    };
    const Request both = request(Verb::roll_back, {"two", ""}, {"run", "a"});
    CHECK(plan(both, known).children.size() == 2);
    known.was_its_own = [](JobId job) { return job == 7; };
    const JobPlan left = plan(both, known);
    CHECK(left.children.empty());
    REQUIRE(!left.steps.empty());
    CHECK(left.steps.front().kernel.release == "a");
    CHECK(plan(request(Verb::roll_back, {"two", ""}, {"run"}), known).steps.empty());
}

TEST_CASE("each kernel is rolled back to a version of its own, all or none")
{
    const auto version_of = [](const JobPlan& plan) { return plan.steps.back().module.version; };
    const JobPlan here = plan(request(Verb::roll_back, {"two", ""}), facts());
    CHECK(text_of(here) == "build run; install run");
    CHECK(version_of(here) == "1");
    CHECK(here.steps.back().part_of == Verb::roll_back);
    CHECK(here.request == request(Verb::roll_back, {"two", ""}, {"run/x86_64"})); // the version is looked up once more
    const JobPlan both = plan(request(Verb::roll_back, {"two", ""}, {"run", "a"}), facts());
    CHECK(text_of(both) == "[build run; install run] [build a; install a]");
    CHECK(version_of(both.children.at(1)) == "2");

    const auto refusal = [](const std::string& name, const std::vector<std::string>& kernels) {
        try {
            plan(request(Verb::roll_back, {name, ""}, kernels), facts());
        } catch (const Error& error) {
            return std::string(error.name()) + ": " + error.parameter("reason");
        }
        return std::string();
    };
    CHECK(refusal("added", {}) == "NoEarlierVersion: no version of it is installed there");
    CHECK(refusal("nosuch", {}) == "NoSuchModule: ");
    CHECK(refusal("two", {"run", "b"}) ==
          "NoEarlierVersion: version 0, which was installed before 2, is not registered any more");
    CHECK(refusal("two", {"c"}) == "NoEarlierVersion: no other version than 2 is known to have been installed there");
    CHECK(text_of(plan(request(Verb::switch_version, fresh), facts())) == "add; build run; install run");
    CHECK(plan(request(Verb::switch_version, made, {"a"}), facts()).steps.back().part_of == Verb::switch_version);
}
