// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/initramfs_step.h"
#include "lib/install/kernel_modules.h"
#include "lib/install/version_check.h"
#include "lib/install/weak_modules.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

using namespace dkms;
namespace fs = std::filesystem;

TEST_CASE("modules of a kernel are found by name, whatever their compression, not through links")
{
    const System system;
    put_file(system.installed("kernel/a/foo.ko"), "");
    put_file(system.installed("updates/foo.ko.zst"), "");
    put_file(system.installed("kernel/foobar.ko"), "");
    put_file(system.installed("kernel/foo.ko.old"), "");
    fs::create_symlink(system.installed("kernel/a/foo.ko"), system.installed("kernel/foo.ko"));
    fs::create_directory_symlink(system.installed("kernel"), system.installed("build"));
    const auto found = find_kernel_modules(system.places, kernel_6.release, {"foo", "bar"});
    REQUIRE(found.size() == 1);
    CHECK(found.at("foo") == std::vector<std::string>{"kernel/a/foo.ko", "updates/foo.ko.zst"});
}

TEST_CASE("a kernel from the one that obsoletes a module on does not need it")
{
    CHECK(!is_obsolete("", "6.1.0"));
    CHECK(!is_obsolete("6.2", "6.1.0-56-amd64"));
    CHECK(is_obsolete("6.1.0", "6.1.0-56-amd64"));
    CHECK(is_obsolete("6.1", "6.10.0"));
}

TEST_CASE("weak links to a module are found below weak-updates of other kernels")
{
    const System system;
    const std::string module = system.installed("extra/foo.ko");
    const auto link = system.installed("weak-updates/deep/foo.ko", {"6.1.0-2-test", "x86_64"});
    fs::create_directories(link.parent_path());
    fs::create_symlink(module, link);
    fs::create_symlink("/other.ko", link.parent_path() / "other.ko");
    CHECK(weak_links_to(system.places, {module}) == std::vector<std::string>{link});
    CHECK(!weak_modules_program(system.places)); // not this distribution
}

TEST_CASE("the initramfs is made anew with what the system has, and only where there is one")
{
    const System system;
    const auto& release = kernel_6.release;
    const auto command = [&](const std::string& program) {
        return initramfs_command(system.places, release, [&](const std::string& name) { return name == program; });
    };
    for (const char* program : {"update-initramfs", "dracut", "mkinitcpio"}) CHECK(!command(program));
    using Argv = std::vector<std::string>;
    SECTION("initramfs-tools")
    {
        put_file(system.places.boot_dir / ("initrd.img-" + release), "");
        CHECK(command("update-initramfs") == Argv{"update-initramfs", "-u", "-k", release});
        CHECK(!command("mkinitcpio"));
    }
    SECTION("dracut")
    {
        const auto image = system.places.boot_dir / ("initramfs-" + release + ".img");
        put_file(image, "");
        CHECK(command("dracut") == Argv{"dracut", "--force", "--kver", release, image});
        CHECK(!command("update-initramfs"));
    }
    SECTION("mkinitcpio")
    {
        put_file(system.installed("pkgbase"), "linux-lts\n");
        CHECK(!command("mkinitcpio"));
        put_file(system.places.boot_dir / "initramfs-linux-lts.img", "");
        CHECK(command("mkinitcpio") == Argv{"mkinitcpio", "-p", "linux-lts"});
    }
}

TEST_CASE("the initramfs of a scratch system is left alone")
{
    const System system;
    put_file(system.places.boot_dir / ("initrd.img-" + kernel_6.release), "");
    StepRun run(system, {StepKind::initramfs, {}, kernel_6, {}});
    CHECK(run(make_initramfs_step).result == Result::skipped);
    CHECK(run.events().empty());
}
