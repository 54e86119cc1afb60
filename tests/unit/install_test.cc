// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/install_step.h"
#include "lib/install/uninstall_step.h"
#include "lib/tree/pending.h"
#include "lib/tree/scan.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

#include <csignal>

#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const ModuleId foo{"foo", "1.0"};

Options forced()
{
    Options options;
    options.force = true;
    return options;
}

/// The log of what a step reported: "installed-file /…" without the install tree's path.
std::vector<std::string> story(const System& system, const StepRun& run)
{
    std::vector<std::string> lines;
    for (const Event& event : run.events()) {
        if (event.kind == EventKind::stage || event.kind == EventKind::depmod_skipped) continue;
        std::string path = event.text("path");
        const std::string kernel = system.kernel_directory().string() + "/";
        if (path.compare(0, kernel.size(), kernel) == 0) path.erase(0, kernel.size());
        lines.push_back(std::string(name_of(event.kind)) + (path.empty() ? "" : " " + path));
    }
    return lines;
}

using Story = std::vector<std::string>;

Outcome install(const System& system, const ModuleId& module = foo, const Options& options = {})
{
    StepRun run(system, system.step(StepKind::install, module, options));
    return run(make_install_step);
}

Error install_error(const System& system, const ModuleId& module = foo, const Options& options = {})
{
    return error_of([&] { install(system, module, options); });
}

Outcome uninstall(const System& system, const ModuleId& module = foo)
{
    StepRun run(system, system.step(StepKind::uninstall, module));
    return run(make_uninstall_step);
}

KernelStatus status_of(const System& system, const ModuleId& module = foo)
{
    const auto status = scan_module(system.places, module, ScanDepth::full);
    REQUIRE(status);
    REQUIRE(status->kernels.size() == 1);
    return status->kernels.front();
}

void put_script(const System& system, const ModuleId& module, const std::string& name, const std::string& text)
{
    put_file(system.layout().source_in_source_tree(module) / name, "#!/bin/sh\n" + text + "\n", 0755);
}

} // namespace

TEST_CASE("install puts the module where it belongs, with link and record; uninstall leaves no trace")
{
    const System system;
    system.put_module("foo", "1.0");
    const auto before = System::contents(system.path());
    StepRun run(system, system.step(StepKind::install, foo));
    CHECK(run(make_install_step).result == Result::done);
    CHECK(story(system, run) == Story{"installed-file kernel/extra/foo.ko"});
    CHECK(run.events(EventKind::depmod_skipped).size() == 1);
    CHECK(fs::read_symlink(system.layout().active_link("foo", kernel_6)) == "1.0/6.1.0-1-test/x86_64");
    const KernelStatus status = status_of(system);
    CHECK(status.state == KernelState::installed);
    CHECK(!status.missing);
    CHECK(!status.differs);
    const auto record = read_install_record(system.layout(), "foo", kernel_6);
    REQUIRE(record);
    CHECK(record->version == "1.0");
    CHECK(record->files.front().path == "kernel/extra/foo.ko");

    StepRun out(system, system.step(StepKind::uninstall, foo));
    CHECK(out(make_uninstall_step).result == Result::done);
    CHECK(story(system, out) == Story{"uninstalling", "deleted-file kernel/extra/foo.ko"});
    CHECK(out.events(EventKind::uninstalling).front().facts.at("active") == true);
    fs::remove_all(system.layout().own());
    CHECK(System::contents(system.path()) == before);
}

TEST_CASE("in a batch depmod is left to the end, and noted before the module shows")
{
    const System system;
    system.put_module("foo", "1.0");
    put_file(system.kernel_directory() / "modules.dep", "");
    Options options;
    options.batch = true;
    StepRun run(system, system.step(StepKind::install, foo, options));
    const Outcome outcome = run(make_install_step);
    REQUIRE(outcome.follow_up.size() == 1);
    CHECK(outcome.follow_up.front().kind == StepKind::depmod);
    CHECK(pending_steps(system.layout(), kernel_6) == outcome.follow_up);
    CHECK(run.events(EventKind::command_started).empty()); // depmod would be one

    options.no_depmod = true;
    options.force = true;
    CHECK(install(system, foo, options).follow_up.empty());
}

TEST_CASE("an installed version is installed again when its build is another one")
{
    const System system;
    system.put_module("foo", "1.0");
    install(system);
    CHECK(install(system).result == Result::skipped);
    // A build for changed headers has the same version and the same source.
    system.put_built(foo, "foo.ko", module_bytes({{"version", "1.0"}, {"srcversion", "S1.0"}, {"note", "new"}}));
    CHECK(status_of(system).differs);
    CHECK(install(system).result == Result::done);
    CHECK(!status_of(system).differs);
    CHECK(!status_of(system).originals);
}

TEST_CASE("the distribution's place wins over the configured one; compressed modules stay as they are")
{
    const System system("ID=debian");
    system.put_module("foo", "1.0");
    const auto directory = system.layout().built_modules(foo, kernel_6);
    fs::rename(directory / "foo.ko", directory / "foo.ko.xz");
    install(system);
    CHECK(fs::exists(system.installed("updates/dkms/foo.ko.xz")));
    uninstall(system);
    CHECK(!fs::exists(system.installed("updates")));
}

TEST_CASE("install needs a build, a kernel, and every module that was built")
{
    const System system;
    system.put_source(foo, {"foo", "bar"});
    system.link(foo);
    CHECK(install_error(system).code() == ErrorCode::not_built);
    system.put_built(foo, "foo.ko", "x");
    CHECK(install_error(system).code() == ErrorCode::install_failed);
    CHECK(install_error(system).message().find("bar.ko") != std::string::npos);
    fs::remove_all(system.kernel_directory());
    CHECK(install_error(system).code() == ErrorCode::no_such_kernel);
    fs::create_directories(system.kernel_directory());
    fs::remove_all(system.layout().source_in_source_tree(foo));
    CHECK(install_error(system).code() == ErrorCode::broken_module);
    CHECK(fs::is_empty(system.kernel_directory()));
}

TEST_CASE("an installed version is skipped while it is intact, and replaced when forced")
{
    const System system;
    system.put_module("foo", "1.0");
    install(system);
    StepRun again(system, system.step(StepKind::install, foo));
    CHECK(again(make_install_step).result == Result::skipped);
    CHECK(story(system, again) == Story{"already-installed"});

    StepRun by_force(system, system.step(StepKind::install, foo, forced()));
    CHECK(by_force(make_install_step).result == Result::done);
    CHECK(story(system, by_force) ==
          Story{"uninstalling", "deleted-file kernel/extra/foo.ko", "installed-file kernel/extra/foo.ko"});
    CHECK(!status_of(system).differs);
}

TEST_CASE("an installed version whose file is lost, damaged or another module is installed again")
{
    const System system;
    system.put_module("foo", "1.0");
    install(system);
    const auto file = system.installed("kernel/extra/foo.ko");
    const std::string ours = text_of_file(file);
    const std::string theirs = module_bytes({{"version", "7"}, {"srcversion", "K7"}});
    std::string in_the_way;
    std::size_t told = 1;
    SECTION("lost") { fs::remove(file); }
    SECTION("damaged") { put_file(file, "damaged"); }
    SECTION("of our code, but not as it was built")
    {
        put_file(file, ours + "appended");
        told = 0;
    }
    SECTION("another module, as a new package of the kernel brings it") { put_file(file, in_the_way = theirs); }
    CHECK_FALSE(status_of(system).is_intact());
    StepRun again(system, system.step(StepKind::install, foo));
    CHECK(again(make_install_step).result == Result::done);
    CHECK(text_of_file(file) == ours);
    CHECK(again.events(EventKind::warning).size() == told);
    CHECK(status_of(system).is_intact());
    // What is damaged is not worth keeping; a module is, even a newer one.
    CHECK(status_of(system).originals == !in_the_way.empty());
    uninstall(system);
    CHECK((fs::exists(file) ? text_of_file(file) : "") == in_the_way);
}

TEST_CASE("uninstall deletes what is its own by content, and leaves what is not")
{
    const System system;
    system.put_module("foo", "1.0");
    install(system);
    const auto file = system.installed("kernel/extra/foo.ko");
    const std::string ours = text_of_file(file);
    bool own = true;
    SECTION("as it was installed, while the build is another one by now")
    {
        system.put_built(foo, "foo.ko", module_bytes({{"version", "1.0"}, {"srcversion", "other"}}));
    }
    SECTION("as it was installed, while the build is lost")
    {
        fs::remove(system.layout().built_modules(foo, kernel_6) / "foo.ko");
    }
    SECTION("stripped or not signed any more: the code is the same") { put_file(file, ours + "appended"); }
    SECTION("empty, as a crash leaves it") { put_file(file, ""); }
    SECTION("another module")
    {
        put_file(file, module_bytes({{"version", "1.0"}, {"srcversion", "another"}}));
        own = false;
    }
    SECTION("no module at all")
    {
        put_file(file, "of somebody");
        own = false;
    }
    StepRun run(system, system.step(StepKind::uninstall, foo));
    CHECK(run(make_uninstall_step).result == Result::done);
    CHECK(fs::exists(file) != own);
    CHECK(run.events(EventKind::warning).size() == (own ? 0 : 1));
    CHECK(run.events(EventKind::deleted_file).size() == (own ? 1 : 0));
    CHECK(!fs::exists(fs::symlink_status(system.layout().active_link("foo", kernel_6))));
}

TEST_CASE("another active version goes out in the same transaction")
{
    const System system;
    const ModuleId old = system.put_module("foo", "0.9");
    system.put_built(old, "extra_part.ko", module_bytes({{"version", "0.9"}}));
    system.put_source(old, {"foo", "extra_part"}, "POST_REMOVE=gone.sh\n");
    put_script(system, old, "gone.sh", "echo $module_version > " + (system.path() / "said").string());
    system.put_module("foo", "1.0");
    install(system, old);
    CHECK(fs::exists(system.installed("kernel/extra/extra_part.ko")));
    CHECK(install(system).result == Result::done);
    CHECK(active_version(system.layout(), "foo", kernel_6) == "1.0");
    CHECK(!fs::exists(system.installed("kernel/extra/extra_part.ko")));
    CHECK(status_of(system, old).state == KernelState::built);
    CHECK(text_of_file(system.path() / "said") == "0.9\n");
}

TEST_CASE("a module of the kernel is archived and put back")
{
    const System system("ID=debian");
    system.put_module("foo", "1.0");
    const std::string original = module_bytes({{"version", "0.5"}});
    put_file(system.installed("kernel/drivers/net/foo.ko.xz"), original);
    StepRun in(system, system.step(StepKind::install, foo));
    in(make_install_step);
    CHECK(story(system, in) ==
          Story{"original-archived kernel/drivers/net/foo.ko.xz", "installed-file updates/dkms/foo.ko"});
    CHECK(!fs::exists(system.installed("kernel/drivers/net/foo.ko.xz")));
    const auto archived = system.layout().originals("foo", kernel_6) / "foo.ko.xz";
    CHECK(text_of_file(archived) == original);
    CHECK(text_of_file(archived.string() + ".origin") ==
          system.installed("kernel/drivers/net/foo.ko.xz").string() + "\n");
    CHECK(status_of(system).originals);

    install(system, foo, forced()); // must not archive our own
    CHECK(text_of_file(archived) == original);

    StepRun out(system, system.step(StepKind::uninstall, foo));
    out(make_uninstall_step);
    CHECK(story(system, out) == Story{"uninstalling", "deleted-file updates/dkms/foo.ko",
                                      "original-restored kernel/drivers/net/foo.ko.xz", "original-dropped"});
    CHECK(text_of_file(system.installed("kernel/drivers/net/foo.ko.xz")) == original);
    CHECK(!fs::exists(system.layout().module("foo") / "original_module"));
}

TEST_CASE("a module of the kernel in the very place of ours is archived and put back")
{
    const System system;
    system.put_module("foo", "1.0");
    put_file(system.installed("kernel/extra/foo.ko"), "original");
    install(system);
    CHECK(text_of_file(system.installed("kernel/extra/foo.ko")) != "original");
    uninstall(system);
    CHECK(text_of_file(system.installed("kernel/extra/foo.ko")) == "original");
}

TEST_CASE("several modules of one name are archived as collisions and put back")
{
    const System system("ID=debian");
    system.put_module("foo", "1.0");
    put_file(system.installed("kernel/a/foo.ko"), "a");
    put_file(system.installed("kernel/b/foo.ko"), "b");
    StepRun in(system, system.step(StepKind::install, foo));
    in(make_install_step);
    CHECK(in.events(EventKind::warning).size() == 1);
    CHECK(fs::exists(system.layout().originals("foo", kernel_6) / "collisions/kernel/b/foo.ko"));
    CHECK(!fs::exists(system.installed("kernel/a/foo.ko")));
    uninstall(system);
    CHECK(text_of_file(system.installed("kernel/a/foo.ko")) == "a");
    CHECK(text_of_file(system.installed("kernel/b/foo.ko")) == "b");
    CHECK(!fs::exists(system.layout().module("foo") / "original_module"));
}

TEST_CASE("archives of older programs: without .origin, from another tree, or with a path that leads out")
{
    const System system("ID=debian");
    system.put_module("foo", "1.0");
    install(system);
    const auto archived = system.layout().originals("foo", kernel_6) / "foo.ko";
    put_file(archived, "original");
    std::string expected = "kernel/extra/foo.ko"; // DEST_MODULE_LOCATION
    SECTION("without .origin") {}
    SECTION("from another tree")
    {
        put_file(archived.string() + ".origin", "/somewhere/lib/modules/6.1.0-1-test/kernel/fs/foo.ko\n");
        expected = "kernel/fs/foo.ko";
    }
    SECTION("that leads out")
    {
        put_file(archived.string() + ".origin", system.installed("../../../escaped.ko").string());
    }
    uninstall(system);
    CHECK(text_of_file(system.installed(expected)) == "original");
    CHECK(!fs::exists(archived));
    CHECK(!fs::exists(system.path() / "escaped.ko"));
}

TEST_CASE("a module that the kernel has got again is not overwritten by the archived one")
{
    const System system("ID=debian");
    system.put_module("foo", "1.0");
    put_file(system.installed("kernel/foo.ko"), "original");
    install(system);
    put_file(system.installed("kernel/foo.ko"), "reinstalled");
    uninstall(system);
    CHECK(text_of_file(system.installed("kernel/foo.ko")) == "reinstalled");
}

TEST_CASE("an older or equal version is refused, unless forced; a newer one is not")
{
    const System system("ID=debian");
    system.put_module("foo", "1.0");
    const auto kernel_has = [&](const std::string& version, const std::string& source) {
        put_file(system.installed("kernel/foo.ko"), module_bytes({{"version", version}, {"srcversion", source}}));
    };
    const auto refusal = [&] {
        StepRun run(system, system.step(StepKind::install, foo));
        CHECK(error_of([&] { run(make_install_step); }).code() == ErrorCode::nothing_installable);
        const auto refused = run.events(EventKind::version_refused);
        REQUIRE(refused.size() == 1);
        return refused.front().text("reason");
    };
    kernel_has("2.0", "x");
    CHECK(refusal() == "older");
    kernel_has("1.0", "S1.0");
    CHECK(refusal() == "same");
    CHECK(!fs::exists(system.layout().active_link("foo", kernel_6)));
    SECTION("same version, another source")
    {
        kernel_has("1.0", "other");
        CHECK(install(system).result == Result::done);
    }
    SECTION("older in the kernel")
    {
        kernel_has("0.9", "S0.9");
        CHECK(install(system).result == Result::done);
    }
    SECTION("--force, which tells of a newer one only")
    {
        for (const char* there : {"1.0", "2.0"}) {
            kernel_has(there, "S1.0");
            Step step = system.step(StepKind::install, foo);
            step.options = forced();
            StepRun run(system, step);
            CHECK(run(make_install_step).result == Result::done);
            const auto told = run.events(EventKind::warning);
            CHECK(std::count_if(told.begin(), told.end(), [](const Event& event) {
                      return event.text("message") == "foo is installed although the kernel has a newer version, 2.0.";
                  }) == (std::string_view(there) == "2.0" ? 1 : 0));
            uninstall(system);
        }
    }
    SECTION("--force-version-override")
    {
        Options options;
        options.force_version_override = true;
        CHECK(install(system, foo, options).result == Result::done);
    }
    SECTION("a force list")
    {
        put_file(system.places.root / "usr/share/dkms/modules_to_force_install/list", "bar\nfoo_version-override\n");
        CHECK(install(system).result == Result::done);
    }
}

TEST_CASE("an unversioned module is refused only when the kernel has the very same")
{
    const System system("ID=debian");
    system.put_module("foo", "1.0");
    system.put_built(foo, "foo.ko", module_bytes({{"license", "GPL"}}));
    put_file(system.installed("kernel/foo.ko"), module_bytes({{"license", "GPL"}}));
    CHECK(install_error(system).code() == ErrorCode::nothing_installable);
    put_file(system.installed("kernel/foo.ko"), module_bytes({{"license", "MIT"}}));
    CHECK(install(system).result == Result::done);
}

TEST_CASE("refused modules are left out, the others installed")
{
    const System system("ID=debian");
    system.put_source(foo, {"foo", "bar"});
    system.link(foo);
    system.put_built(foo, "foo.ko", module_bytes({{"version", "1.0"}}));
    system.put_built(foo, "bar.ko", module_bytes({{"version", "1.0"}}));
    put_file(system.installed("kernel/bar.ko"), module_bytes({{"version", "3.0"}}));
    CHECK(install(system).result == Result::done);
    CHECK(fs::exists(system.installed("updates/dkms/foo.ko")));
    CHECK(!fs::exists(system.installed("updates/dkms/bar.ko")));
    CHECK(fs::exists(system.installed("kernel/bar.ko")));
}

TEST_CASE("PRE_INSTALL may refuse, unless forced; nothing has changed then")
{
    const System system;
    system.put_module("foo", "1.0", "PRE_INSTALL=before.sh\n");
    put_script(system, foo, "before.sh", "exit 3");
    const Error error = install_error(system);
    CHECK(error.code() == ErrorCode::pre_install_failed);
    CHECK(error.exit_code(Verb::install) == 101);
    CHECK(fs::is_empty(system.kernel_directory()));
    CHECK(install(system, foo, forced()).result == Result::done);
}

TEST_CASE("scripts run in order, after the files have changed, and their failure is nobody's")
{
    const System system;
    system.put_module("foo", "1.0", "PRE_INSTALL=s.sh pre\nPOST_INSTALL=\"s.sh post\"\nPOST_REMOVE=\"s.sh gone\"\n");
    put_file(system.layout().source_in_source_tree(foo) / "dkms.conf",
             text_of_file(system.layout().source_in_source_tree(foo) / "dkms.conf") + "PRE_INSTALL=\"s.sh pre\"\n");
    const auto said = system.path() / "said";
    put_script(system, foo, "s.sh",
               "[ -e $install_tree/$kernelver/kernel/extra/foo.ko ] && there=yes\n"
               "echo $1 $arch $there >> " +
                   said.string() + "; [ $1 = pre ]");
    CHECK(install(system).result == Result::done);
    CHECK(uninstall(system).result == Result::done);
    CHECK(text_of_file(said) == "pre x86_64\npost x86_64 yes\ngone x86_64\n");
}

TEST_CASE("a request to stop is heard before the first change, not after it")
{
    const System system;
    system.put_module("foo", "1.0", "PRE_INSTALL=before.sh\n");
    SECTION("before")
    {
        put_script(system, foo, "before.sh", "kill -TERM $PPID");
        CHECK(install_error(system).code() == ErrorCode::cancelled);
        CHECK(fs::is_empty(system.kernel_directory()));
    }
    SECTION("after")
    {
        put_file(system.layout().source_in_source_tree(foo) / "dkms.conf",
                 text_of_file(system.layout().source_in_source_tree(foo) / "dkms.conf") +
                     "PRE_INSTALL=\nPOST_INSTALL=after.sh\n");
        put_script(system, foo, "after.sh", "kill -TERM $PPID");
        CHECK(install(system).result == Result::done);
        CHECK(status_of(system).state == KernelState::installed);
    }
}

TEST_CASE("uninstall of what is not installed is skipped; of what is not in the tree, an error")
{
    const System system;
    CHECK(error_of([&] { uninstall(system); }).code() == ErrorCode::no_such_module);
    system.put_module("foo", "1.0");
    StepRun run(system, system.step(StepKind::uninstall, foo));
    CHECK(run(make_uninstall_step).result == Result::skipped);
    CHECK(story(system, run) == Story{"not-installed"});
}

TEST_CASE("uninstall works without source, without kernel, and without a record of ours")
{
    const System system("ID=debian");
    system.put_module("foo", "1.0");
    install(system);
    SECTION("without source")
    {
        fs::remove_all(system.layout().source_in_source_tree(foo));
        CHECK(uninstall(system).result == Result::done);
        CHECK(!fs::exists(system.installed("updates")));
    }
    SECTION("without kernel")
    {
        fs::remove_all(system.kernel_directory());
        StepRun run(system, system.step(StepKind::uninstall, foo));
        CHECK(run(make_uninstall_step).result == Result::done);
        CHECK(run.events(EventKind::file_not_found).size() == 1);
        CHECK(!fs::exists(system.kernel_directory()));
    }
    SECTION("without record, in the distribution's place")
    {
        fs::remove(system.layout().install_record("foo", kernel_6));
        CHECK(uninstall(system).result == Result::done);
        CHECK(!fs::exists(system.installed("updates")));
    }
    SECTION("without record, in the configured place, while the other holds another version")
    {
        fs::remove(system.layout().install_record("foo", kernel_6));
        put_file(system.installed("updates/dkms/foo.ko"), module_bytes({{"version", "7"}}));
        put_file(system.installed("kernel/extra/foo.ko"), module_bytes({{"version", "1.0"}, {"srcversion", "S1.0"}}));
        CHECK(uninstall(system).result == Result::done);
        CHECK(fs::exists(system.installed("updates/dkms/foo.ko")));
        CHECK(!fs::exists(system.installed("kernel/extra/foo.ko")));
    }
    CHECK(!fs::exists(fs::symlink_status(system.layout().active_link("foo", kernel_6))));
}

TEST_CASE("a version whose link is gone is uninstalled as inactive")
{
    const System system;
    system.put_module("foo", "1.0");
    install(system);
    fs::remove(system.layout().active_link("foo", kernel_6));
    StepRun run(system, system.step(StepKind::uninstall, foo));
    CHECK(run(make_uninstall_step).result == Result::done);
    CHECK(run.events(EventKind::uninstalling).front().facts.at("active") == false);
    CHECK(!fs::exists(system.installed("kernel")));
}

TEST_CASE("symlink_modules links instead of copying")
{
    const System system;
    system.put_module("foo", "1.0");
    put_file(system.places.config_dir / "framework.conf", "symlink_modules=yes\n");
    install(system);
    CHECK(fs::canonical(system.installed("kernel/extra/foo.ko")) ==
          system.layout().built_modules(foo, kernel_6) / "foo.ko");
    CHECK(!status_of(system).differs);
    uninstall(system);
    CHECK(!fs::exists(system.installed("kernel")));
    CHECK(fs::exists(system.layout().built_modules(foo, kernel_6) / "foo.ko"));
}

TEST_CASE("a failed install leaves the active version as it was")
{
    const System system;
    system.put_module("foo", "0.9");
    install(system, {"foo", "0.9"});
    system.put_source(foo, {"foo", "bar"});
    system.link(foo);
    system.put_built(foo, "foo.ko", module_bytes({{"version", "1.0"}}));
    system.put_built(foo, "bar.ko", module_bytes({{"version", "1.0"}}));
    put_file(system.layout().source_in_source_tree(foo) / "dkms.conf",
             "PACKAGE_NAME=foo\nPACKAGE_VERSION=1.0\nBUILT_MODULE_NAME[0]=foo\nDEST_MODULE_LOCATION[0]=/kernel/extra\n"
             "BUILT_MODULE_NAME[1]=bar\nDEST_MODULE_LOCATION[1]=/kernel/blocked\n");
    put_file(system.installed("kernel/blocked"), "a file, not a directory");
    const auto before = System::contents(system.kernel_directory());
    CHECK(install_error(system).code() == ErrorCode::install_failed);
    CHECK(System::contents(system.kernel_directory()) == before);
    CHECK(active_version(system.layout(), "foo", kernel_6) == "0.9");
    CHECK(status_of(system, {"foo", "0.9"}).state == KernelState::installed);
    CHECK(!status_of(system, {"foo", "0.9"}).differs);
    CHECK(status_of(system).note.find("blocked/bar.ko") != std::string::npos);
}

TEST_CASE("aliases become a modprobe.d fragment that goes with the last kernel")
{
    const System system;
    system.put_module("foo", "1.0", "MODULES_CONF_ALIAS_TYPE[0]=eth\n");
    put_file(system.places.modprobe_dir / "local.conf", "# mine\nalias eth0 e1000\n");
    install(system);
    const auto fragment = system.places.modprobe_dir / "dkms-foo.conf";
    CHECK(text_of_file(fragment).find("alias eth1 foo\n") != std::string::npos);
    uninstall(system);
    CHECK(!fs::exists(fragment));
    CHECK(fs::exists(system.places.modprobe_dir / "local.conf"));
}

TEST_CASE("REMAKE_INITRD becomes a follow-up, not when the caller makes it")
{
    const System system;
    system.put_module("foo", "1.0", "REMAKE_INITRD=yes\n");
    Options options = forced();
    options.no_initramfs = true;
    CHECK(install(system, foo, options).follow_up.empty());
    const Outcome outcome = install(system, foo, forced());
    REQUIRE(outcome.follow_up.size() == 1);
    CHECK(outcome.follow_up.front().kind == StepKind::initramfs);
    CHECK(outcome.follow_up.front().kernel == kernel_6);
    CHECK(uninstall(system).follow_up.size() == 1);
}

TEST_CASE("trees that are read-only refuse, unchanged")
{
    if (::getuid() == 0) return; // root may write everywhere
    const System system;
    system.put_module("foo", "1.0");
    const auto protect = [](const fs::path& path) {
        fs::permissions(path, fs::perms::owner_read | fs::perms::owner_exec);
    };
    SECTION("the DKMS tree") { protect(system.layout().module("foo")); }
    SECTION("the install tree") { protect(system.kernel_directory()); }
    const auto before = System::contents(system.path());
    CHECK(install_error(system).code() == ErrorCode::tree_not_writable);
    CHECK(System::contents(system.path()) == before);
    fs::permissions(system.layout().module("foo"), fs::perms::owner_all);
    fs::permissions(system.kernel_directory(), fs::perms::owner_all);
}
