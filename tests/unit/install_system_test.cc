// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/depmod.h"
#include "lib/install/install_step.h"
#include "lib/install/recover.h"
#include "lib/install/transaction.h"
#include "lib/install/uninstall_step.h"
#include "lib/process/child.h"
#include "lib/tree/scan.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const ModuleId foo{"foo", "1.0"};

/// A system whose install tree need not be called lib/modules, with an index.
struct Indexed : System {
    explicit Indexed(const std::string& install_tree = "lib/modules") : System("ID=debian")
    {
        places.install_tree = places.root / install_tree;
        fs::create_directories(kernel_directory());
        put_file(installed("modules.dep"), "");
        put_file(installed("kernel/other.ko"), module_bytes({}));
        put_module("foo", "1.0");
    }

    bool lists(const std::string& path) const { return !missing_in_index(places, kernel_6.release, {path}); }
};

} // namespace

TEST_CASE("install and uninstall keep the index of any install tree, even an empty one, up to date")
{
    if (!find_program("depmod")) return;
    for (const char* tree : {"lib/modules", "usr/lib/modules", "somewhere/else"}) {
        INFO(tree);
        const Indexed system(tree);
        StepRun in(system, system.step(StepKind::install, foo));
        CHECK(in(make_install_step).result == Result::done);
        CHECK(in.events(EventKind::command_ended).size() == 1);
        CHECK(system.lists("updates/dkms/foo.ko"));
        CHECK(system.lists("kernel/other.ko"));
        StepRun out(system, system.step(StepKind::uninstall, foo));
        out(make_uninstall_step);
        CHECK(!system.lists("updates/dkms/foo.ko"));
        CHECK(system.lists("kernel/other.ko"));
        CHECK(fs::is_empty(system.layout().staging()));
    }
}

TEST_CASE("depmod is not run when it is not wanted or there is no index")
{
    const Indexed system;
    Options options;
    options.no_depmod = true;
    StepRun unwanted(system, system.step(StepKind::install, foo, options));
    unwanted(make_install_step);
    CHECK(unwanted.events(EventKind::command_started).empty());
    CHECK(unwanted.events(EventKind::depmod_skipped).empty());
    fs::remove(system.installed("modules.dep"));
    StepRun out(system, system.step(StepKind::uninstall, foo));
    out(make_uninstall_step);
    CHECK(out.events(EventKind::depmod_skipped).size() == 1);
    CHECK(!fs::exists(system.installed("modules.dep")));
}

TEST_CASE("a module that depmod does not take up fails the install, and all is as before")
{
    if (!find_program("depmod")) return;
    const Indexed system;
    put_file(system.installed("kernel/foo.ko"), "the original");
    put_file(system.places.root / "etc/os-release", "ID=gentoo\n"); // where configurations say where modules go
    const fs::path conf = system.layout().source_in_source_tree(foo) / "dkms.conf";
    put_file(conf, text_of_file(conf) + "DEST_MODULE_LOCATION[0]=/kernel/build\n"); // depmod does not look there
    DepmodCommand(system.places, kernel_6.release).run();
    const auto before = System::contents(system.places.root / "lib");
    StepRun run(system, system.step(StepKind::install, foo));
    CHECK(error_of([&] { run(make_install_step); }).code() == ErrorCode::depmod_failed);
    const auto status = scan_module(system.places, foo);
    CHECK(status->kernels.front().state == KernelState::built);
    CHECK(!status->kernels.front().note.empty());
    auto after = System::contents(system.places.root / "lib");
    CHECK(after == before);
    CHECK(!fs::exists(system.layout().module("foo") / "original_module"));
}

TEST_CASE("an index is looked at, since depmod ends well also when it could not read all of a kernel's modules")
{
    const Indexed system;
    put_file(system.installed("kernel/gone.ko"), "was there before");
    const auto fault = [&](const std::string& index, const std::vector<std::string>& files,
                           const std::vector<std::string>& listed) {
        put_file(system.installed("modules.dep"), index);
        return index_fault(system.places, kernel_6.release, files, listed, "").value_or("");
    };
    CHECK(fault("kernel/other.ko:\n", {"kernel/other.ko"}, {"kernel/other.ko"}) == "");
    CHECK(fault("kernel/other.ko:\n", {"updates/foo.ko"}, {}) == "it does not list updates/foo.ko");
    CHECK(fault("", {}, {"kernel/other.ko"}) == "it does not list kernel/other.ko any more");
    fs::remove(system.installed("kernel/gone.ko"));
    CHECK(fault("kernel/other.ko:\n", {}, {"kernel/gone.ko", "kernel/other.ko"}) == "");
    CHECK(fault("kernel/other.ko:\nkernel/gone.ko:\n", {}, {}) == "it still lists kernel/gone.ko, which is gone");
    // One that another of its name stands for, in a place that depmod prefers, is not lost.
    put_file(system.installed("updates/other.ko"), module_bytes({}));
    CHECK(fault("updates/other.ko:\n", {}, {"kernel/other.ko"}) == "");
}

TEST_CASE("a transaction that recover takes back is taken out of the index as well")
{
    if (!find_program("depmod")) return;
    const Indexed system;
    Transaction transaction(system.places, foo, kernel_6, ErrorCode::install_failed);
    transaction.needs_depmod();
    transaction.put_copy(system.layout().built_modules(foo, kernel_6) / "foo.ko", system.installed("updates/foo.ko"));
    transaction.stage();
    transaction.apply();
    DepmodCommand(system.places, kernel_6.release).run();
    CHECK(system.lists("updates/foo.ko"));
    CHECK(recover(system.places) == std::vector<Recovered>{{foo, kernel_6, false}});
    CHECK(!system.lists("updates/foo.ko"));
    CHECK(!fs::exists(system.installed("updates")));
}
