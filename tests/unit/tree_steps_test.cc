// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/add_step.h"
#include "lib/tree/remove_step.h"
#include "lib/tree/scan.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

#include <csignal>

#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const ModuleId foo{"foo", "1.0"};

bool is_added(const System& system)
{
    const auto status = scan_module(system.places, foo);
    return status && !status->broken;
}

Error add_error(const System& system)
{
    StepRun run(system, system.step(StepKind::add, foo));
    return error_of([&] { run(make_add_step); });
}

void put_script(const System& system, const std::string& name, const std::string& text)
{
    put_file(system.layout().source_in_source_tree(foo) / name, "#!/bin/sh\n" + text + "\n", 0755);
}

} // namespace

TEST_CASE("add makes the version directory, its link and an empty build directory")
{
    const System system;
    system.put_source(foo, {"foo"});
    StepRun run(system, system.step(StepKind::add, foo));
    CHECK(run(make_add_step).result == Result::done);
    CHECK(system.listing() == std::vector<std::string>{"foo", "foo/1.0", "foo/1.0/build", "foo/1.0/source"});
    CHECK(fs::read_symlink(system.layout().source_link(foo)) == "/usr/src/foo-1.0");
    const auto linked = run.events(EventKind::source_linked);
    REQUIRE(linked.size() == 1);
    CHECK(linked.front().text("target") == "/usr/src/foo-1.0");
    CHECK(fs::is_empty(system.layout().staging()));
}

TEST_CASE("a second add says so, and the tree is as before")
{
    const System system;
    system.put_source(foo, {"foo"});
    system.link(foo);
    const auto before = system.listing();
    CHECK(add_error(system).code() == ErrorCode::already_added);
    CHECK(system.listing() == before);
}

TEST_CASE("add refuses a source that is missing, has no configuration, or a bad one; the tree stays empty")
{
    const System system;
    CHECK(add_error(system).code() == ErrorCode::source_missing);
    put_file(system.layout().source_in_source_tree(foo), "a file");
    CHECK(add_error(system).code() == ErrorCode::source_missing);
    fs::remove(system.layout().source_in_source_tree(foo));
    put_file(system.layout().source_in_source_tree(foo) / "Makefile", "");
    CHECK(add_error(system).code() == ErrorCode::conf_missing);
    put_file(system.layout().source_in_source_tree(foo) / "dkms.conf", "PACKAGE_NAME=foo\n");
    CHECK(add_error(system).code() == ErrorCode::conf_invalid);
    CHECK(system.listing().empty());
}

TEST_CASE("add mends what a crash or a purged package left, and keeps the builds")
{
    const System system;
    system.put_source(foo, {"foo"});
    system.put_built(foo, "foo.ko", "built");
    SECTION("nothing but builds") {}
    SECTION("a link that leads nowhere") { fs::create_symlink("/nowhere/at/all", system.layout().source_link(foo)); }
    SECTION("build is a file") { put_file(system.layout().build(foo), "x"); }
    SECTION("build is a link that leads nowhere") { fs::create_symlink("/nowhere", system.layout().build(foo)); }
    StepRun run(system, system.step(StepKind::add, foo));
    CHECK(run(make_add_step).result == Result::done);
    CHECK(is_added(system));
    CHECK(fs::is_directory(fs::symlink_status(system.layout().build(foo))));
    CHECK(fs::exists(system.layout().built_modules(foo, kernel_6) / "foo.ko"));
}

TEST_CASE("add warns when the configuration has another name, and the asked one counts")
{
    const System system;
    system.put_source(foo, {"foo"});
    put_file(system.layout().source_in_source_tree(foo) / "dkms.conf",
             "PACKAGE_NAME=other\nPACKAGE_VERSION=9\nBUILT_MODULE_NAME=foo\nDEST_MODULE_LOCATION=/extra\n");
    StepRun run(system, system.step(StepKind::add, foo));
    run(make_add_step);
    CHECK(is_added(system));
    const auto warnings = run.events(EventKind::warning);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings.front().text("message").find("other/9") != std::string::npos);
}

TEST_CASE("POST_ADD runs in the source with what it may know, and the administrator's script wins")
{
    const System system;
    system.put_source(foo, {"foo"}, "POST_ADD=\"after.sh one two\"\n");
    const auto said = system.path() / "said";
    put_script(system, "after.sh", "echo \"$PWD $1 $2 $module $module_version $dkms_tree\" > " + said.string());
    SECTION("the module's own")
    {
        StepRun run(system, system.step(StepKind::add, foo));
        run(make_add_step);
        const std::string text = text_of_file(said);
        CHECK(text.find("one two foo 1.0 " + system.places.dkms_tree.string()) != std::string::npos);
        CHECK(run.events(EventKind::command_started).front().text("what") == "post_add");
        CHECK(run.events(EventKind::command_ended).front().facts.at("exit_code") == 0);
    }
    SECTION("the administrator's")
    {
        put_file(system.places.config_dir / "foo/after.sh", "#!/bin/sh\necho mine > " + said.string() + "\n", 0755);
        StepRun run(system, system.step(StepKind::add, foo));
        run(make_add_step);
        CHECK(text_of_file(said) == "mine\n");
    }
}

TEST_CASE("POST_ADD that fails gives its status, and the module stays added")
{
    const System system;
    system.put_source(foo, {"foo"}, "POST_ADD=after.sh\n");
    put_script(system, "after.sh", "exit 7");
    const Error error = add_error(system);
    CHECK(error.code() == ErrorCode::script_failed);
    CHECK(error.exit_code(Verb::add) == 7);
    CHECK(is_added(system));
}

TEST_CASE("POST_ADD that is not executable is a warning")
{
    const System system;
    system.put_source(foo, {"foo"}, "POST_ADD=\"echo hello\"\n");
    StepRun run(system, system.step(StepKind::add, foo));
    CHECK(run(make_add_step).result == Result::done);
    CHECK(run.events(EventKind::command_started).empty());
    CHECK(run.events(EventKind::warning).size() == 1);
}

TEST_CASE("add that is cancelled in POST_ADD takes everything back")
{
    const System system;
    system.put_source(foo, {"foo"}, "POST_ADD=after.sh\n");
    // It runs in a process group of its own; the parent is the process that runs the step.
    put_script(system, "after.sh", "kill -TERM $PPID; exec sleep 1000");
    StepRun run(system, system.step(StepKind::add, foo));
    CHECK(error_of([&] { run(make_add_step); }).code() == ErrorCode::cancelled);
    CHECK(system.listing().empty());
}

TEST_CASE("undo puts back the broken link that add had replaced")
{
    const System system;
    system.put_source(foo, {"foo"}, "POST_ADD=after.sh\n");
    put_script(system, "after.sh", "kill -TERM $PPID; exec sleep 1000");
    system.put_built(foo, "foo.ko", "built");
    fs::create_symlink("/nowhere", system.layout().source_link(foo));
    const auto before = System::contents(system.places.dkms_tree / "foo");
    StepRun run(system, system.step(StepKind::add, foo));
    CHECK(error_of([&] { run(make_add_step); }).code() == ErrorCode::cancelled);
    CHECK(System::contents(system.places.dkms_tree / "foo") == before);
}

TEST_CASE("a tree that is read-only refuses, unchanged")
{
    if (::getuid() == 0) return; // root may write everywhere
    const System system;
    system.put_source(foo, {"foo"});
    fs::permissions(system.places.dkms_tree, fs::perms::owner_read | fs::perms::owner_exec);
    CHECK(add_error(system).code() == ErrorCode::tree_not_writable);
    CHECK(system.listing().empty());
    fs::permissions(system.places.dkms_tree, fs::perms::owner_all);
}

TEST_CASE("remove deletes a version without builds, and the module with its last version")
{
    const System system;
    system.put_source(foo, {"foo"});
    system.link(foo);
    const auto version = system.layout().version(foo);
    for (const char* name : {"tarball", "driver_disk", "rpm", "deb", "dsc", "bmdeb"})
        put_file(version / name / "x", "");
    put_file(version / ".make-6.1.0-x86_64.log", "");
    fs::create_directories(version / "6.1.0-1-test/.tmp_x86_64_AbCd/module");
    fs::create_directories(version / "6.1.0-2-test");
    put_file(system.places.dkms_tree / "foo/.kernel-6.1.0-1-test-x86_64.json", "{}");
    fs::create_symlink("1.0/6.1.0-1-test/x86_64", system.layout().active_link("foo", kernel_6));
    StepRun run(system, system.step(StepKind::remove, foo));
    CHECK(run(make_remove_step).result == Result::done);
    CHECK(system.listing().empty());
    CHECK(fs::is_empty(system.layout().staging()));
    CHECK(run.events(EventKind::version_removed).size() == 1);
    CHECK(fs::exists(system.layout().source_in_source_tree(foo)));
}

TEST_CASE("remove keeps a version that has builds, and a module that has other versions or originals")
{
    const System system;
    system.put_module("foo", "1.0");
    StepRun kept(system, system.step(StepKind::remove, foo));
    CHECK(kept(make_remove_step).result == Result::done);
    CHECK(kept.events(EventKind::version_removed).empty());
    CHECK(is_added(system));

    fs::remove_all(system.layout().version(foo) / kernel_6.release);
    SECTION("another version") { system.put_module("foo", "2.0"); }
    SECTION("originals") { put_file(system.layout().originals("foo", kernel_6) / "foo.ko", "old"); }
    StepRun gone(system, system.step(StepKind::remove, foo));
    gone(make_remove_step);
    CHECK(gone.events(EventKind::version_removed).size() == 1);
    CHECK(!fs::exists(system.layout().version(foo)));
    CHECK(fs::exists(system.layout().module("foo")));
}

TEST_CASE("remove with all takes out what is no build as well, and does not say that it is gone while it is there")
{
    const System system;
    system.put_module("foo", "1.0");
    fs::remove_all(system.layout().version(foo) / kernel_6.release);
    put_file(system.layout().version(foo) / "6.1.0-9-test/x86_64/notes", "left by another program");
    Options all;
    all.all = true;
    StepRun run(system, system.step(StepKind::remove, foo, all));
    run(make_remove_step);
    CHECK(run.events(EventKind::version_removed).size() == 1);
    CHECK(!fs::exists(system.layout().version(foo)));
}

TEST_CASE("remove works on a broken module, and names one that is not there")
{
    const System system;
    StepRun missing(system, system.step(StepKind::remove, foo));
    CHECK(error_of([&] { missing(make_remove_step); }).code() == ErrorCode::no_such_module);
    system.link(foo); // leads nowhere
    StepRun run(system, system.step(StepKind::remove, foo));
    CHECK(run(make_remove_step).result == Result::done);
    CHECK(system.listing().empty());
}
