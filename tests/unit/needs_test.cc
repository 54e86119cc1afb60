// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/kernel_image.h"
#include "lib/plan/gaps.h"
#include "lib/plan/needs.h"
#include "lib/plan/survey_step.h"
#include "lib/tree/fingerprint.h"
#include "lib/tree/installed.h"
#include "lib/tree/pending.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

using namespace dkms;

namespace {

const std::string by_itself = "AUTOINSTALL=yes\n";
const std::string by_bash = "AUTOINSTALL=$(echo yes)\n";

ModuleId put_added(const System& system, const std::string& name, const std::string& more,
                   const std::string& version = "1")
{
    const ModuleId module{name, version};
    system.put_source(module, {name}, more);
    system.link(module);
    return module;
}

void mark_installed(const System& system, const ModuleId& module, const KernelId& kernel = kernel_6)
{
    std::filesystem::create_symlink(module.version + "/" + kernel.release + "/" + kernel.arch,
                                    system.layout().active_link(module.name, kernel));
    const auto built = system.layout().built_modules(module, kernel) / (module.name + ".ko");
    const auto directory = InstalledFiles(system.places).directories(module, kernel, built.filename()).front();
    put_file(system.installed(directory + "/" + module.name + ".ko", kernel), text_of_file(built));
}

void put_headers(const System& system, const KernelId& kernel = kernel_6)
{
    put_file(system.kernel_directory(kernel) / "build/include/config/auto.conf", "CONFIG_MODULES=y\n");
    put_file(system.kernel_directory(kernel) / "build/Module.symvers", "");
}

void put_record(const System& system, const ModuleId& module, const std::vector<InputFile>& files)
{
    BuildRecord record;
    record.inputs["files"] = to_json(fingerprint_of(files, system.places));
    put_file(system.layout().build_record(module, kernel_6), text_of(record));
}

InputFile input(const char* kind, const std::filesystem::path& path) { return {kind, path, 0, 0, {}}; }

/// What is to be done about each module: "a install, b none".
std::string text_of(const KernelNeeds& needs)
{
    std::string text;
    for (const ModuleNeed& one : needs.modules)
        text += (text.empty() ? "" : ", ") + one.module.name + " " + std::string(name_of(one.kind));
    return text;
}

KernelNeeds look(const System& system, const KernelId& kernel = kernel_6)
{
    return needs_of(system.places, kernel, quick_source(system.places));
}

const ModuleNeed& need_of(const KernelNeeds& needs, const std::string& name)
{
    for (const ModuleNeed& one : needs.modules)
        if (one.module.name == name) return one;
    throw std::logic_error(name);
}

} // namespace

TEST_CASE("what a kernel needs is said of every module, with the reason")
{
    const System system;
    put_headers(system);
    mark_installed(system, system.put_module("there", "1", by_itself));
    system.put_module("made", "1", by_itself);
    put_added(system, "fresh", by_itself);
    put_added(system, "idle", "");
    put_added(system, "other", by_itself + "BUILD_EXCLUSIVE_KERNEL_MIN=99\n");
    put_added(system, "lost", by_itself);
    std::filesystem::remove_all(system.layout().source_in_source_tree({"lost", "1"}));
    put_added(system, "late", by_itself + "BUILD_DEPENDS[0]=stranger\n");
    put_added(system, "bash", by_bash);

    const KernelNeeds needs = look(system);
    CHECK(text_of(needs) == "bash unknown, fresh install, idle none, late deferred, lost broken, made install, "
                            "other excluded, there none");
    CHECK(need_of(needs, "made").reason == "built, not installed");
    CHECK(need_of(needs, "fresh").reason == "not built");
    CHECK(need_of(needs, "other").reason.find("BUILD_EXCLUSIVE_KERNEL_MIN") != std::string::npos);
    CHECK(need_of(needs, "late").reason == "stranger");
    CHECK_FALSE(needs.is_complete());
    CHECK(to_json(kernel_needs_from_json(to_json(needs))) == to_json(needs));
}

TEST_CASE("a kernel without headers is waiting, and the package is named")
{
    const System system("ID=debian");
    put_added(system, "fresh", by_itself);
    const KernelNeeds needs = look(system);
    CHECK(text_of(needs) == "fresh waiting");
    CHECK(needs.modules.front().reason == "no headers; install linux-headers-" + kernel_6.release);
}

TEST_CASE("dependencies come first, and circles are named")
{
    const System system;
    put_headers(system);
    put_added(system, "a", by_itself + "BUILD_DEPENDS[0]=z\n");
    put_added(system, "m", by_itself + "BUILD_DEPENDS[0]=n\n");
    put_added(system, "n", by_itself + "BUILD_DEPENDS[0]=m\n");
    put_added(system, "z", by_itself);
    const KernelNeeds needs = look(system);
    CHECK(text_of(needs) == "z install, a install, n install, m install");
    CHECK(need_of(needs, "a").after == std::vector<std::string>{"z"});
    CHECK(needs.cycles == std::vector<std::vector<std::string>>{{"m", "n"}});
}

TEST_CASE("what was built from something else is stale")
{
    const System system;
    put_headers(system);
    const ModuleId module = system.put_module("foo", "1", by_itself);
    mark_installed(system, module);
    const auto symvers = system.kernel_directory() / "build/Module.symvers";
    const auto override_file = system.places.config_dir / "foo.conf";
    put_record(system, module, {input("headers", symvers), input("configuration", override_file)});
    CHECK(look(system).is_complete());

    SECTION("its content has changed")
    {
        put_file(symvers, "0x1 symbol vmlinux EXPORT_SYMBOL\n");
        const KernelNeeds needs = needs_of(system.places, kernel_6, thorough_source(system.places));
        CHECK(text_of(needs) == "foo rebuild");
        CHECK(needs.modules.front().reason == "headers changed: " + symvers.string());
        CHECK(text_of(look(system)) == "foo rebuild");
    }
    SECTION("a file that was not there has come")
    {
        put_file(override_file, "STRIP=no\n");
        CHECK(text_of(look(system)) == "foo rebuild");
    }
    SECTION("only its time has changed")
    {
        std::filesystem::last_write_time(symvers, std::filesystem::last_write_time(symvers) + std::chrono::hours(1));
        CHECK(text_of(needs_of(system.places, kernel_6, thorough_source(system.places))) == "foo none");
        CHECK(text_of(look(system)) == "foo rebuild"); // nobody has looked into it
    }
    SECTION("headers that are gone could not be built with")
    {
        std::filesystem::remove_all(system.kernel_directory() / "build");
        CHECK(text_of(look(system)) == "foo none");
        put_file(override_file, "STRIP=no\n");
        CHECK(text_of(look(system)) == "foo none");
    }
}

TEST_CASE("what is lost or damaged in the kernel or in the tree is what the kernel lacks, in every view")
{
    const System system("ID=debian");
    put_headers(system);
    put_file(system.kernel_directory() / "modules.builtin", "");
    put_file(system.places.boot_dir / ("vmlinuz-" + kernel_6.release), "");
    const ModuleId module = system.put_module("foo", "1"); // whether it asks for it does not matter: it was installed
    mark_installed(system, module);
    BuildRecord record;
    record.modules.push_back({"foo.ko", {}, "/kernel/extra", {}, {}});
    put_file(system.layout().build_record(module, kernel_6), text_of(record));
    const auto installed = system.installed("updates/dkms/foo.ko");
    const auto built = system.layout().built_modules(module, kernel_6) / "foo.ko";
    CHECK(look(system).is_complete());
    CHECK(kernel_gaps(system.places).empty());

    const auto lacks = [&](const std::string& kind, const std::string& reason) {
        const KernelNeeds needs = look(system);
        CHECK(text_of(needs) == "foo " + kind);
        CHECK(needs.modules.front().reason == reason);
        CHECK_FALSE(needs.modules.front().installed);
        const auto gaps = kernel_gaps(system.places);
        REQUIRE(gaps.size() == 1);
        CHECK(gaps.front().missing.front().reason == reason);
        StepRun run(system, system.step(StepKind::survey, {}));
        CHECK(run(make_survey_step).jobs.size() == 1);
    };
    SECTION("the kernel's file is gone")
    {
        std::filesystem::remove(installed);
        lacks("install", "its file is missing from the kernel's directory");
    }
    SECTION("the kernel's file is another one")
    {
        put_file(installed, module_bytes({{"version", "2"}}));
        lacks("install", "the installed file is not the built one");
    }
    SECTION("the built file is gone")
    {
        std::filesystem::remove(built);
        lacks("install", "a built module is missing from the DKMS tree");
        std::filesystem::remove_all(system.kernel_directory() / "build");
        lacks("waiting",
              "a built module is missing from the DKMS tree; no headers; install linux-headers-" + kernel_6.release);
    }
    SECTION("the source is gone as well: it cannot be repaired")
    {
        std::filesystem::remove(installed);
        std::filesystem::remove_all(system.layout().source_in_source_tree(module));
        CHECK(text_of(look(system)) == "foo broken");
        REQUIRE(kernel_gaps(system.places).size() == 1);
        CHECK(kernel_gaps(system.places).front().missing.front().state == "broken");
    }
    SECTION("a newer version does not ask to be installed")
    {
        std::filesystem::remove(installed);
        put_added(system, "foo", "", "2");
        lacks("install", "its file is missing from the kernel's directory");
        CHECK(look(system).modules.front().module == module);
    }
    SECTION("another module has its place: it lacks nothing, and it is not installed")
    {
        const ModuleId other = system.put_module("other", "3");
        mark_installed(system, other);
        InstallRecord install{"1", {{"foo", "updates/dkms/foo.ko", "", "other"}}, {}, {}};
        put_file(system.layout().install_record("foo", kernel_6), text_of(install));
        std::filesystem::remove(system.layout().active_link("foo", kernel_6));
        CHECK(look(system).is_complete());
        CHECK(need_of(look(system), "foo").reason == "replaced by other/3");
        std::filesystem::remove(system.layout().active_link("other", kernel_6)); // by another program
        CHECK(need_of(look(system), "foo").reason != "replaced by other/3");
    }
}

TEST_CASE("a survey asks for stale modules, without what is done once for the kernel")
{
    const System system;
    put_headers(system);
    const ModuleId module = system.put_module("foo", "1", by_itself);
    mark_installed(system, module);
    put_record(system, module, {input("headers", system.kernel_directory() / "build/Module.symvers")});
    put_file(system.kernel_directory() / "build/Module.symvers", "0x1 symbol vmlinux EXPORT_SYMBOL\n");
    put_file(system.places.config_dir / "policy.conf", "# all\n*  required\nnew boot\nfoo boot\nbad\n");
    system.put_module("new", "1", by_itself);

    StepRun run(system, system.step(StepKind::survey, {}));
    const Outcome outcome = run(make_survey_step);
    REQUIRE(outcome.jobs.size() == 2);
    for (const JobPlan& job : outcome.jobs) {
        const Options& options = job.request.options;
        CHECK((options.batch && options.refresh));
        // One that is installed stays so when its rebuild fails.
        CHECK(options.policy == (job.request.module.name == "new" ? Policy::boot : Policy::optional));
    }
    REQUIRE(run.events(EventKind::stale).size() == 1);
    CHECK(run.events(EventKind::stale).front().text("what") == "headers");
    REQUIRE(run.events(EventKind::warning).size() == 1);
    CHECK(run.events(EventKind::warning).front().text("message").find("policy.conf:5") != std::string::npos);
}

TEST_CASE("what a job that was cut off has left to be done is done by the next")
{
    const System system;
    const Step depmod{StepKind::depmod, {}, kernel_6, {}};
    const Step image{StepKind::initramfs, {}, kernel_6, {}};
    add_pending(system.layout(), kernel_6, {depmod});
    add_pending(system.layout(), kernel_6, {depmod, image});
    CHECK(pending_steps(system.layout(), kernel_6) == std::vector<Step>{depmod, image});
    CHECK_FALSE(look(system).is_complete());
    StepRun run(system, system.step(StepKind::survey, {}));
    const Outcome outcome = run(make_survey_step);
    CHECK((outcome.result == Result::done && outcome.jobs.empty()));
    CHECK(outcome.follow_up == std::vector<Step>{depmod, image});

    remove_pending(system.layout(), kernel_6, StepKind::depmod);
    CHECK(pending_steps(system.layout(), kernel_6) == std::vector<Step>{image});
    remove_pending(system.layout(), kernel_6, StepKind::initramfs);
    CHECK(look(system).is_complete());
    put_file(system.layout().own() / "pending-6.1.0-1-test-x86_64.json", "{\"damaged");
    CHECK(look(system).is_complete());
}

TEST_CASE("gaps are modules that installed kernels lack, newest kernel first")
{
    const System system("ID=debian");
    const KernelId newer{"6.12.0-1-test", "x86_64"};
    const KernelId remains{"5.10.0-1-test", "x86_64"};
    for (const KernelId& kernel : {kernel_6, newer}) {
        put_file(system.kernel_directory(kernel) / "modules.builtin", "");
        put_file(system.places.boot_dir / ("vmlinuz-" + kernel.release), "");
    }
    std::filesystem::create_directories(system.kernel_directory(remains) / "updates");
    put_headers(system);
    mark_installed(system, system.put_module("foo", "1", by_itself));
    put_added(system, "bar", by_itself);
    put_added(system, "idle", "");
    put_added(system, "by_bash", by_bash);

    const auto gaps = kernel_gaps(system.places);
    REQUIRE(gaps.size() == 2);
    CHECK(gaps[0].kernel == newer);
    CHECK((gaps[0].boots_next && !gaps[0].running));
    CHECK(gaps[0].missing.size() == 2);
    CHECK(gaps[0].missing[1].state == "waiting");
    CHECK(gaps[1].missing == std::vector<KernelGap::Missing>{{{"bar", "1"}, "missing", "not built"}});
    CHECK(sentence_about(gaps[0]) == "6.12.0-1-test boots next and lacks bar, foo.");
    CHECK(kernel_gap_from_json(to_json(gaps[0])) == gaps[0]);
    CHECK(next_kernel(system.places) == newer);

    TroubleRecord trouble;
    trouble.note = "build: it did not go well";
    write_trouble_record(system.layout(), {"bar", "1"}, kernel_6, trouble);
    CHECK(kernel_gaps(system.places)[1].missing.front().reason == "build: it did not go well");
}
