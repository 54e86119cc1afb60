// SPDX-License-Identifier: LGPL-2.1-or-later
// What a build does with files: copies, directories of its own, publishing.
#include "lib/build/built_modules.h"
#include "lib/build/make_progress.h"
#include "lib/build/staging.h"
#include "lib/build/workplace.h"
#include "lib/tree/digest.h"
#include "lib/tree/fingerprint.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"

#include <fstream>

#include <fcntl.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const ModuleId module_id{"m", "1"};
const KernelId kernel{"6.1.0", "x86_64"};

Gate of_myself(const fs::path& path) { return {path, ::geteuid(), "m/1"}; }

} // namespace

TEST_CASE("a staged build is seen when it is published and not before")
{
    const Trees trees;
    const Layout layout = trees.layout();
    fs::create_directories(layout.version(module_id));
    put_file(trees.path() / "a.ko", "first", 0600);
    {
        Staging staging(layout, module_id, kernel);
        REQUIRE(staging.take_module(of_myself(trees.path()), "a.ko", "a.ko"));
        staging.take_log(trees.path() / "a.ko");
        CHECK(trees.listing() == std::vector<std::string>{"m", "m/1"});
        staging.publish();
    }
    const fs::path published = layout.built_modules(module_id, kernel) / "a.ko";
    CHECK(text_of_file(published) == "first");
    CHECK(mode_of(published) == 0644);
    CHECK(mode_of(layout.kernel(module_id, kernel)) == 0755);
    CHECK(mode_of(layout.own()) == 0711);

    SECTION("another one takes its place as a whole")
    {
        put_file(layout.kernel(module_id, kernel) / "left", "");
        Staging staging(layout, module_id, kernel);
        put_file(trees.path() / "a.ko", "second");
        REQUIRE(staging.take_module(of_myself(trees.path()), "a.ko", "a.ko"));
        CHECK(text_of_file(published) == "first");
        staging.publish();
        CHECK(text_of_file(published) == "second");
        CHECK_FALSE(fs::exists(layout.kernel(module_id, kernel) / "left"));
    }
    SECTION("one that is given up leaves it alone")
    {
        {
            Staging staging(layout, module_id, kernel);
        }
        CHECK(text_of_file(published) == "first");
    }
    CHECK(fs::is_empty(layout.staging()));
}

TEST_CASE("without a sandbox the tree's own build directory is used")
{
    const Trees trees;
    const Layout layout = trees.layout();
    const fs::path source = layout.source_in_source_tree(module_id);
    put_file(source / "a.c", "text");
    put_file(source / "patches/p.patch", "theirs");
    put_file(trees.places.config_dir / "m/patches/p.patch", "the administrator's");
    put_file(layout.build(module_id) / "make.log", "of a failed build");
    {
        Workplace workplace(trees.places, module_id, kernel, source, {}, SandboxKind::none);
        workplace.fill();
        CHECK(workplace.build() == layout.build(module_id));
        CHECK(text_of_file(workplace.build() / "a.c") == "text");
        CHECK(text_of_file(workplace.build() / "patches/p.patch") == "the administrator's");
        CHECK_FALSE(fs::exists(workplace.build() / "make.log"));
        put_file(workplace.build() / "make.log", "of this build, which failed");
    }
    fs::remove(layout.build(module_id) / "make.log");
    CHECK(fs::is_empty(layout.build(module_id)));
    CHECK(fs::is_empty(layout.builds()));
}

TEST_CASE("the administrator's patches never go where a link of the source leads")
{
    const Trees trees;
    const Layout layout = trees.layout();
    const fs::path source = layout.source_in_source_tree(module_id);
    put_file(trees.places.config_dir / "m/patches/p.patch", "the administrator's");
    put_file(trees.path() / "etc/cron.d/p.patch", "untouched");
    put_file(source / "debian/patches/q.patch", "theirs");
    Workplace workplace(trees.places, module_id, kernel, source, {}, SandboxKind::user_namespace);
    const fs::path patches = workplace.build() / "patches";
    SECTION("out of it")
    {
        fs::create_symlink(trees.path() / "etc/cron.d", source / "patches");
        workplace.fill();
        CHECK_FALSE(fs::exists(patches / "q.patch"));
    }
    SECTION("or in it: then what is there is used as well")
    {
        fs::create_symlink("debian/patches", source / "patches");
        workplace.fill();
        CHECK(text_of_file(patches / "q.patch") == "theirs");
        CHECK_FALSE(fs::exists(source / "debian/patches/p.patch"));
    }
    CHECK(text_of_file(patches / "p.patch") == "the administrator's");
    CHECK(text_of_file(trees.path() / "etc/cron.d/p.patch") == "untouched");
    CHECK(mode_of(workplace.build() / "debian/patches/q.patch") == 0644);
}

TEST_CASE("with a sandbox each build has a directory of its own")
{
    const Trees trees;
    const Layout layout = trees.layout();
    const fs::path source = layout.source_in_source_tree(module_id);
    put_file(source / "a.c", "text");
    Workplace one(trees.places, module_id, kernel, source, {}, SandboxKind::user_namespace);
    Workplace two(trees.places, module_id, {"6.2.0", "x86_64"}, source, {}, SandboxKind::user_namespace);
    one.fill();
    two.fill();
    CHECK(one.build() != two.build());
    CHECK(one.shown_build() == layout.build(module_id));
    CHECK_FALSE(fs::exists(layout.build(module_id)));
    CHECK_FALSE(one.sandbox().network);
    const auto empty = one.sandbox().empty;
    CHECK(std::find(empty.begin(), empty.end(), layout.own()) != empty.end()); // the other one is there

    put_file(trees.places.config_dir / "m/network", "allow\n");
    const BuildSwitches switches = build_switches(trees.places, "m", {});
    const Workplace open(trees.places, module_id, kernel, source, switches, SandboxKind::user_namespace);
    CHECK(open.sandbox().network);
}

TEST_CASE("a script finds the result where the tree will have it")
{
    const Trees trees;
    const Layout layout = trees.layout();
    const fs::path source = layout.source_in_source_tree(module_id);
    put_file(source / "a.c", "text");
    fs::create_directories(layout.version(module_id));
    Workplace workplace(trees.places, module_id, kernel, source, {}, SandboxKind::none);
    Staging staging(layout, module_id, kernel);
    const fs::path place = layout.kernel(module_id, kernel);
    const auto script = [&] {
        const Workplace::Exposed result(workplace, staging);
        put_file(place / "for-others.h", "text", 0600);
        put_file(place / ".dkmsd.json", "forged");
        put_file(place / "tool", "", 04711);
        fs::create_symlink("/etc/passwd", place / "leak.h");
        fs::create_directories(place / "include");
        CHECK(staging.take_extras(result.results()).taken == std::vector<std::string>{"for-others.h", "tool"});
    };
    SECTION("where nothing is yet")
    {
        script();
        CHECK_FALSE(fs::exists(fs::symlink_status(place)));
        CHECK(mode_of(staging.directory() / "for-others.h") == 0644);
        CHECK(mode_of(staging.directory() / "tool") == 0644);
        CHECK_FALSE(fs::is_symlink(fs::symlink_status(staging.directory() / "leak.h")));
        CHECK_FALSE(fs::exists(staging.directory() / ".dkmsd.json"));
    }
    SECTION("where an earlier build is")
    {
        put_file(place / "module/a.ko", "earlier");
        script();
        CHECK(text_of_file(place / "module/a.ko") == "earlier");
        CHECK(fs::exists(staging.directory() / "for-others.h"));
    }
}

TEST_CASE("digests are SHA-256")
{
    const Scratch scratch;
    put_file(scratch.path() / "a", "abc");
    put_file(scratch.path() / "odd\nname", "");
    CHECK(sha256_of({scratch.path() / "a", scratch.path() / "odd\nname"}) ==
          std::vector<std::string>{"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                                   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"});
    CHECK(sha256_of({}).empty());
}

TEST_CASE("without an earlier build the progress of make is not guessed: only the objects are counted")
{
    const Scratch scratch;
    MakeProgress progress(Places::under(scratch.path()), {"m", "1"});
    progress.begin();
    CHECK_FALSE(progress.heard("make: Entering directory\nchecking for CC ... gcc\n"));
    CHECK(progress.heard("  CC [M]  /b/one.o\n"));
    CHECK(progress.heard("  CC [M]  /b/two.o\n  LD [M]  /b/m.o\n  AS      /b/three.o\n"));
    CHECK(progress.objects() == 3);
    CHECK_FALSE(progress.heard("  C"));
    CHECK_FALSE(progress.heard("C      /b/m.mod"));
    CHECK(progress.heard(".o\n"));
    CHECK(progress.objects() == 4);
    CHECK(progress.percent() == 0);
}
