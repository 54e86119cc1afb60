// SPDX-License-Identifier: LGPL-2.1-or-later
// Several DKMS modules, and the kernel, have a module of one name.
#include "lib/install/install_step.h"
#include "lib/install/ownership.h"
#include "lib/install/recover.h"
#include "lib/install/uninstall_step.h"
#include "lib/tree/scan.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

#include <sys/wait.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const ModuleId a{"a", "1"};
const ModuleId b{"b", "2"};
const ModuleId c{"c", "3"};
const char* const place = "updates/dkms/wl.ko";
const char* const in_kernel = "kernel/drivers/wl.ko";

std::string bytes_of(const ModuleId& module, const std::string& name = "wl")
{
    return module_bytes({{"version", module.version}, {"srcversion", module.name + name}});
}

/// Packages a, b and c with a module wl each, a newer one than the other, and a kernel with its own.
struct Crowd : System {
    Crowd() : System("ID=debian")
    {
        for (const ModuleId& module : {a, b, c}) package(module, {"wl"});
    }

    void package(const ModuleId& module, const std::vector<std::string>& names) const
    {
        put_source(module, names);
        fs::remove(layout().source_link(module));
        link(module);
        for (const std::string& name : names) put_built(module, name + ".ko", bytes_of(module, name));
    }

    void original() const { put_file(installed(in_kernel), "original"); }

    std::vector<Event> install(const ModuleId& module, Options options = {}) const
    {
        StepRun run(*this, step(StepKind::install, module, std::move(options)));
        const Outcome outcome = run(make_install_step);
        CHECK(outcome.result == Result::done);
        return run.events(EventKind::warning);
    }

    std::vector<Event> uninstall(const ModuleId& module) const
    {
        StepRun run(*this, step(StepKind::uninstall, module));
        const Outcome outcome = run(make_uninstall_step);
        CHECK(outcome.result == Result::done);
        return run.events(EventKind::warning);
    }

    /// Whose module is in place; "" for none.
    std::string owner(const std::string& path = place) const
    {
        if (!fs::exists(fs::symlink_status(installed(path)))) return {};
        const std::string bytes = text_of_file(installed(path));
        for (const ModuleId& module : {a, b, c})
            for (const char* name : {"wl", "more"})
                if (bytes == bytes_of(module, name)) return module.name;
        return bytes;
    }

    /// "a installed, b built replaced by c/3".
    std::string states() const
    {
        std::string text;
        for (const ModuleStatus& one : scan(places, {}, ScanDepth::full))
            for (const KernelStatus& kernel : one.kernels) {
                text += (text.empty() ? "" : ", ") + one.module.name + " " + std::string(name_of(kernel.state));
                if (!kernel.replaced_by.empty()) text += " replaced by " + kernel.replaced_by;
                if (!kernel.is_intact()) text += " (not intact)";
            }
        return text;
    }

    /// Nothing is left of any of them in the kernel or among the originals.
    void check_clean(const std::string& expected_original) const
    {
        CHECK(owner().empty());
        CHECK(owner(in_kernel) == expected_original);
        for (const ModuleId& module : {a, b, c}) {
            CHECK(!fs::exists(layout().module(module.name) / "original_module"));
            CHECK(!fs::exists(layout().install_record(module.name, kernel_6)));
            CHECK(!fs::exists(fs::symlink_status(layout().active_link(module.name, kernel_6))));
        }
    }
};

} // namespace

TEST_CASE("what takes a path over archives what was there; the order of removal does not matter")
{
    const Crowd system;
    const bool with_original = GENERATE(false, true);
    if (with_original) system.original();
    const std::string original = with_original ? "original" : "";
    system.install(a);
    const auto told = system.install(b);
    REQUIRE(told.size() == 1);
    CHECK(told.front().text("message") == std::string(place) + " of a/1 is replaced.");
    CHECK(system.owner() == "b");
    CHECK(system.owner(in_kernel).empty());
    CHECK(system.states() == "a built replaced by b/2, b installed, c built");

    SECTION("the upper one first: the lower one is installed again")
    {
        const auto restored = system.uninstall(b);
        CHECK(restored.size() == 1);
        CHECK(system.owner() == "a");
        CHECK(system.states() == "a installed, b built, c built");
        CHECK(system.owner(in_kernel).empty());
        system.uninstall(a);
    }
    SECTION("the lower one first: the upper one stays, and has the original")
    {
        CHECK(system.uninstall(a).size() == 1);
        CHECK(system.owner() == "b");
        CHECK(system.states() == "a built, b installed, c built");
        CHECK(fs::exists(system.layout().originals("b", kernel_6) / "wl.ko") == with_original);
        system.uninstall(b);
    }
    SECTION("a third one, and the one in the middle goes")
    {
        system.install(c);
        CHECK(system.states() == "a built replaced by c/3, b built replaced by c/3, c installed");
        system.uninstall(b);
        CHECK(system.owner() == "c");
        CHECK(system.states() == "a built replaced by c/3, b built, c installed");
        SECTION("then the lowest")
        {
            system.uninstall(a);
            system.uninstall(c);
        }
        SECTION("then the topmost")
        {
            system.uninstall(c);
            CHECK(system.owner() == "a");
            CHECK(system.owner(in_kernel).empty());
            system.uninstall(a);
        }
    }
    SECTION("the lower one is put on top again, with force since it is older")
    {
        Options forced;
        forced.force = true;
        system.install(a, forced);
        CHECK(system.owner() == "a");
        CHECK(system.states() == "a installed, b built replaced by a/1, c built");
        system.uninstall(a);
        CHECK(system.owner() == "b");
        CHECK(system.states() == "a built, b installed, c built");
        system.uninstall(b);
    }
    SECTION("the lower one comes in a newer version")
    {
        const ModuleId newer{"a", "9"};
        system.package(newer, {"wl"});
        system.install(newer);
        CHECK(text_of_file(system.installed(place)) == bytes_of(newer));
        system.uninstall(newer);
        CHECK(system.owner() == "b");
        system.uninstall(b);
    }
    system.check_clean(original);
}

TEST_CASE("a module whose owner is no longer registered is dropped, and that is said")
{
    const Crowd system;
    system.install(a);
    system.install(b);
    SECTION("gone with everything it has") { fs::remove_all(system.layout().module("a")); }
    SECTION("gone by another program, which leaves our record") { fs::remove_all(system.layout().version(a)); }
    const auto told = system.uninstall(b);
    REQUIRE(told.size() == 1);
    CHECK(told.front().text("message").find("is not restored") != std::string::npos);
    CHECK(system.owner().empty());
    CHECK(!fs::exists(system.layout().module("b") / "original_module"));
}

TEST_CASE("one of several modules is replaced: the others stay installed, and nothing is said to be damaged")
{
    const Crowd system;
    system.package(a, {"wl", "more"});
    system.install(a);
    system.install(b);
    CHECK(system.states() == "a installed replaced by b/2, b installed, c built");
    CHECK(system.owner("updates/dkms/more.ko") == "a");
    SECTION("the upper one goes")
    {
        system.uninstall(b);
        CHECK(system.states() == "a installed, b built, c built");
        CHECK(system.owner() == "a");
        system.uninstall(a);
    }
    SECTION("the lower one goes")
    {
        system.uninstall(a);
        CHECK(system.owner() == "b");
        CHECK(system.owner("updates/dkms/more.ko").empty());
        system.uninstall(b);
    }
    CHECK(system.owner("updates/dkms/more.ko").empty());
    system.check_clean("");
}

TEST_CASE("a new version without one of the modules gives that one back")
{
    const Crowd system;
    system.original();
    system.package({"a", "0"}, {"wl", "more"});
    system.install({"a", "0"});
    CHECK(system.owner(in_kernel).empty());
    system.package(a, {"more"});
    fs::remove(system.layout().built_modules(a, kernel_6) / "wl.ko");
    system.install(a);
    CHECK(system.owner().empty());
    CHECK(system.owner(in_kernel) == "original");
    CHECK(system.owner("updates/dkms/more.ko") == "a");
}

TEST_CASE("the same file of another module is refused, and with force each is still its own")
{
    const Crowd system;
    system.install(a);
    const bool versioned = GENERATE(true, false);
    if (!versioned) {
        system.put_built(a, "wl.ko", module_bytes({}));
        system.install(a);
    }
    const std::string bytes = text_of_file(system.installed(place));
    system.put_built(b, "wl.ko", bytes);
    CHECK(error_of([&] { system.install(b); }).code() == ErrorCode::nothing_installable);
    CHECK(system.states() == "a installed, b built, c built");

    Options forced;
    forced.force = true;
    system.install(b, forced);
    system.uninstall(a);
    CHECK(text_of_file(system.installed(place)) == bytes);
    CHECK(system.states() == "a built, b installed, c built");
    system.uninstall(b);
    system.check_clean("");
}

TEST_CASE("modules that are links are taken over and come back as links")
{
    const Crowd system;
    Options linked;
    linked.symlink_modules = true;
    system.install(a, linked);
    REQUIRE(fs::is_symlink(system.installed(place)));
    system.install(b, GENERATE(true, false) ? linked : Options());
    CHECK(system.owner() == "b");
    CHECK(text_of_file(system.layout().built_modules(a, kernel_6) / "wl.ko") == bytes_of(a)); // not written through
    SECTION("the upper one first")
    {
        system.uninstall(b);
        CHECK(fs::is_symlink(system.installed(place)));
        CHECK(system.owner() == "a");
        CHECK(system.states() == "a installed, b built, c built");
        system.uninstall(a);
    }
    SECTION("the lower one first")
    {
        system.uninstall(a);
        CHECK(system.owner() == "b");
        system.uninstall(b);
    }
    system.check_clean("");
}

TEST_CASE("a link of nobody is archived and comes back")
{
    const Crowd system;
    put_file(system.path() / "elsewhere.ko", "of the administrator");
    fs::create_directories(system.installed(place).parent_path());
    fs::create_symlink(system.path() / "elsewhere.ko", system.installed(place));
    system.install(a);
    CHECK(!fs::is_symlink(system.installed(place)));
    system.uninstall(a);
    CHECK(fs::read_symlink(system.installed(place)) == system.path() / "elsewhere.ko");
    CHECK(text_of_file(system.path() / "elsewhere.ko") == "of the administrator");
}

TEST_CASE("trees of the old program: what has no record of ours is taken over and given back as well")
{
    const Crowd system;
    system.install(a);
    fs::remove(system.layout().install_record("a", kernel_6));
    system.install(b);
    CHECK(system.states() == "a built replaced by b/2, b installed, c built");
    SECTION("the upper one first")
    {
        system.uninstall(b);
        CHECK(system.owner() == "a");
        CHECK(system.states() == "a installed, b built, c built");
        system.uninstall(a);
    }
    SECTION("the lower one first")
    {
        system.uninstall(a);
        CHECK(system.owner() == "b");
        system.uninstall(b);
    }
    SECTION("both are installed, says the old program, which has overwritten the one with the other")
    {
        fs::remove(system.layout().install_record("a", kernel_6));
        fs::remove(system.layout().install_record("b", kernel_6));
        fs::remove_all(system.layout().module("b") / "original_module");
        fs::create_symlink("1/" + kernel_6.release + "/" + kernel_6.arch, system.layout().active_link("a", kernel_6));
        system.uninstall(a);
        CHECK(system.owner() == "b");
        system.uninstall(b);
    }
    system.check_clean("");
}

TEST_CASE("an install that fails takes nothing over")
{
    const Crowd system;
    system.install(a);
    const auto before = System::contents(system.places.dkms_tree);
    const auto kernel = System::contents(system.kernel_directory());
    put_file(system.installed("blocked"), "a file, not a directory");
    put_file(system.layout().source_in_source_tree(b) / "dkms.conf",
             "PACKAGE_NAME=b\nPACKAGE_VERSION=2\nBUILT_MODULE_NAME[0]=wl\nDEST_MODULE_LOCATION[0]=/kernel/x\n");
    put_file(system.places.root / "etc/os-release", "ID=gentoo\n");
    put_file(system.installed("kernel"), "a file, not a directory");
    CHECK(error_of([&] { system.install(b); }).code() == ErrorCode::install_failed);
    fs::remove(system.installed("kernel"));
    fs::remove(system.installed("blocked"));
    CHECK(System::contents(system.kernel_directory()) == kernel);
    auto after = System::contents(system.places.dkms_tree);
    for (const auto& [path, content] : before) CHECK(after[path] == content);
    CHECK(!fs::exists(system.layout().module("b") / "original_module"));
    CHECK(system.states().find("a installed, b built") == 0);
}

namespace {

/// What installing b over a does to files, records and links, until it dies at its n-th moment. False when it came to
/// its end before.
bool dies_taking_over(const Crowd& system, unsigned moment)
{
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        unsigned count = 0;
        Transaction transaction(system.places, b, kernel_6, ErrorCode::install_failed, [&](std::string_view) {
            if (count++ == moment) ::_exit(77);
        });
        Ownership ownership(system.places, b, kernel_6, std::nullopt);
        ownership.take_over(transaction, "wl", {place});
        transaction.put_copy(system.layout().built_modules(b, kernel_6) / "wl.ko", system.installed(place));
        transaction.put_text(text_of(InstallRecord{"2", {{"wl", place}}, {}, {}}),
                             system.layout().install_record("b", kernel_6));
        transaction.put_link("2/" + kernel_6.release + "/" + kernel_6.arch, system.layout().active_link("b", kernel_6));
        ownership.plan(transaction);
        transaction.stage();
        transaction.apply();
        transaction.commit();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status) == 77;
}

} // namespace

TEST_CASE("killed at any moment, either the old owner has its module or the new one has taken it over")
{
    unsigned moment = 0;
    bool taken_over = false;
    for (bool died = true; died; ++moment) {
        INFO("moment " << moment);
        const Crowd system;
        system.original();
        system.install(a);
        died = dies_taking_over(system, moment);
        recover(system.places);
        if (system.owner() == "a") {
            CHECK(system.states() == "a installed, b built, c built");
            CHECK_FALSE(fs::exists(system.layout().module("b") / "original_module"));
        } else {
            taken_over = true;
            CHECK(system.owner() == "b");
            CHECK(system.states() == "a built replaced by b/2, b installed, c built");
            system.uninstall(b);
            CHECK(system.owner() == "a");
        }
        system.uninstall(a);
        system.check_clean("original");
    }
    CHECK(moment > 20);
    CHECK(taken_over);
}

TEST_CASE("what says whose a file is must be readable before anything is changed")
{
    const Crowd system;
    system.original();
    system.install(a);
    system.install(b);
    fs::path unreadable;
    SECTION("the record of the other one") { unreadable = system.layout().install_record("a", kernel_6); }
    SECTION("its own record") { unreadable = system.layout().install_record("b", kernel_6); }
    SECTION("where the archived module was") { unreadable = system.layout().originals("b", kernel_6) / "wl.ko.origin"; }
    SECTION("whose it was") { unreadable = system.layout().originals("b", kernel_6) / ".wl.ko.owner"; }
    const std::string content = text_of_file(unreadable);
    fs::resize_file(unreadable, 9 * 1024 * 1024); // larger than any of them: an error that root meets as well
    const auto kernel = System::contents(system.kernel_directory());
    CHECK(error_of([&] { system.uninstall(b); }).code() == ErrorCode::read_failed);
    CHECK(System::contents(system.kernel_directory()) == kernel);
    put_file(unreadable, content);
    system.uninstall(b);
    CHECK(system.owner() == "a");
}
