// SPDX-License-Identifier: LGPL-2.1-or-later
// What install does not put into a kernel. Every case is refused before anything of it is seen.
#include "lib/install/install_step.h"
#include "lib/install/uninstall_step.h"
#include "lib/kernel/module_image.h"
#include "lib/tree/digest.h"
#include "tests/catch.h"
#include "tests/unit/symbol_module.h"
#include "tests/unit/tree_fixture.h"

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const ModuleId foo{"foo", "1.0"};
const std::string flags = "SMP mod_unload ";

std::vector<std::string> info(const std::string& vermagic = kernel_6.release + " " + flags)
{
    return {"version=1.0", "vermagic=" + vermagic};
}

/// A system with one built module, which each case makes worse.
struct Prepared : System {
    Prepared() { put_module("foo", "1.0"); }

    fs::path built() const { return layout().built_modules(foo, kernel_6) / "foo.ko"; }
    fs::path headers() const { return kernel_directory() / "build"; }
    void put(const std::string& content) const { put_built(foo, "foo.ko", content); }
    void put_headers(const std::string& config, const std::string& symvers = "") const
    {
        put_file(headers() / "include/x.h", "");
        put_file(headers() / ".config", "CONFIG_MODULES=y\nCONFIG_SMP=y\nCONFIG_MODULE_UNLOAD=y\n" + config);
        if (!symvers.empty()) put_file(headers() / "Module.symvers", symvers);
    }

    StepRun run(bool force = false) const
    {
        Options options;
        options.force = force;
        return StepRun(*this, step(StepKind::install, foo, options));
    }

    void uninstall() const { StepRun(*this, step(StepKind::uninstall, foo))(make_uninstall_step); }

    /// Why it is refused, and that nothing has changed in the kernel's directory.
    std::string refusal() const
    {
        const auto before = contents(kernel_directory());
        const Error error = error_of([&] { run()(make_install_step); });
        CHECK(contents(kernel_directory()) == before);
        if (error.code() == ErrorCode::build_changed) return "changed";
        return error.code() == ErrorCode::verify_failed ? error.parameter("reason") : error.message();
    }

    /// What --force overrides: the warning of it. Empty if it is refused all the same.
    std::string forced() const
    {
        StepRun with_force = run(true);
        const Error error = error_of([&] {
            with_force(make_install_step);
            throw Error(ErrorCode::cancelled);
        });
        const auto warnings = with_force.events(EventKind::warning);
        if (error.code() != ErrorCode::cancelled || warnings.size() != 1) return {};
        CHECK(fs::exists(installed("kernel/extra/foo.ko")));
        return warnings.front().text("message");
    }
};

const std::string installed_by_force = " It is installed because of --force.";

} // namespace

TEST_CASE("what can never be loaded is not installed, with --force neither")
{
    const Prepared system;
    std::string reason;
    SECTION("a program")
    {
        system.put(text_of_file("/proc/self/exe"));
        reason = "it is not a kernel module";
    }
    SECTION("a text")
    {
        system.put("#!/bin/sh\n");
        reason = "it is not an object file";
    }
    SECTION("nothing")
    {
        system.put("");
        reason = "it is empty";
    }
    SECTION("for another machine")
    {
        system.put(tiny_module(info(), EM_AARCH64));
        reason = "it is not for x86_64 (ELF machine 183)";
    }
    SECTION("a link")
    {
        fs::rename(system.built(), system.path() / "elsewhere.ko");
        fs::create_symlink(system.path() / "elsewhere.ko", system.built());
        reason = "it is a symbolic link";
    }
    SECTION("a pipe")
    {
        fs::remove(system.built());
        REQUIRE(::mkfifo(system.built().c_str(), 0644) == 0);
        reason = "it is not a regular file";
    }
    SECTION("a sparse file larger than any module")
    {
        fs::resize_file(system.built(), largest_module + 1);
        reason = "it is too large";
    }
    SECTION("what only other programs unpack")
    {
        system.put(std::string("LRZI\0\6", 6) + std::string(100, '\0'));
        reason = "it is not an object file";
    }
    CHECK(system.refusal() == reason);
    CHECK(system.forced().empty());
    CHECK_FALSE(fs::exists(system.installed("kernel/extra/foo.ko")));
}

TEST_CASE("a module of another kernel is installed by force only")
{
    const Prepared system;
    std::string reason;
    SECTION("of another release")
    {
        system.put(tiny_module(info("6.1.0-2-test " + flags)));
        reason = "it was built for kernel 6.1.0-2-test";
    }
    SECTION("with other flags than the kernel's configuration gives")
    {
        system.put_headers("CONFIG_PREEMPT_RT=y\n");
        reason = "it lacks 'preempt_rt' in its vermagic, which the kernel has";
    }
    SECTION("with other flags than the kernel's own modules, whatever the headers say")
    {
        system.put_headers("");
        put_file(system.kernel_directory() / "modules.order", "kernel/gone.ko\nkernel/own.ko\n");
        put_file(system.installed("kernel/own.ko"),
                 tiny_module(info(kernel_6.release + " SMP mod_unload RANDSTRUCT ")));
        reason = "its vermagic is 'SMP mod_unload ', and the kernel's is 'SMP mod_unload RANDSTRUCT '";
    }
    SECTION("without versions of symbols")
    {
        system.put(tiny_module(info(kernel_6.release + " " + flags + "modversions ")));
        system.put_headers("CONFIG_MODVERSIONS=y\n");
        reason = "it has no versions of the symbols it uses";
    }
    SECTION("with another version of a symbol")
    {
        system.put(symbol_module(info(kernel_6.release + " " + flags + "modversions "), {{"printk", 7}}, {}));
        system.put_headers("CONFIG_MODVERSIONS=y\n", "0x00000008\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n");
        reason = "it wants another version of the kernel's symbol printk";
    }
    CHECK(system.refusal() == reason);
    CHECK(system.forced() ==
          system.built().string() + " cannot be used with kernel 6.1.0-1-test: " + reason + "." + installed_by_force);
}

TEST_CASE("of Linux 2.4 a module says its release in another way")
{
    const Prepared system;
    system.put(tiny_module({"kernel_version=2.4.20-8"}));
    CHECK(system.refusal() == "it was built for kernel 2.4.20-8");
}

TEST_CASE("a symbol has to come from somewhere")
{
    const Prepared system;
    const std::string of_kernel = "0x00000000\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n"
                                  "0x00000000\tof_driver\tdrivers/a\tEXPORT_SYMBOL\t\n";
    system.put_headers("", of_kernel);
    auto text = info();
    const auto put_user_of = [&](const std::string& symbol) { system.put(symbol_module(text, {{symbol, 0}}, {})); };
    const std::string nobody = "it uses the symbol elsewhere, which neither the kernel nor a module exports";

    put_user_of("of_driver");
    CHECK(system.run()(make_install_step).result == Result::done);
    system.put(symbol_module(text, {{"printk", 0}}, {}, {"weak_one"}));
    CHECK(system.run(true)(make_install_step).result == Result::done);
    system.put_module("bar", "1.0");
    system.uninstall();

    put_user_of("elsewhere");
    CHECK(system.refusal() == nobody);
    SECTION("a module of the same package") // beside it
    {
        system.put_source(foo, {"foo", "second"});
        system.put_built(foo, "second.ko", symbol_module(info(), {}, {{"elsewhere", 0}}));
        CHECK(system.run()(make_install_step).result == Result::done);
    }
    SECTION("a module of another package that is built for this kernel")
    {
        system.put_built({"bar", "1.0"}, "bar.ko", symbol_module(info(), {}, {{"elsewhere", 0}}));
        CHECK(system.run()(make_install_step).result == Result::done);
    }
    SECTION("a module that is installed without DKMS")
    {
        put_file(system.kernel_directory() / "modules.symbols", "alias symbol:elsewhere vendor\n");
        CHECK(system.run()(make_install_step).result == Result::done);
    }
    SECTION("a module that depmod has not seen yet, in the place of one of the kernel's")
    {
        system.put_headers("", of_kernel + "0x00000007\telsewhere\tdrivers/vendor\tEXPORT_SYMBOL\t\n");
        put_file(system.kernel_directory() / "updates/vendor.ko", symbol_module(info(), {}, {{"elsewhere", 5}}));
        system.put(symbol_module(text, {{"elsewhere", 5}}, {}));
        CHECK(system.refusal() == "it wants another version of the symbol elsewhere");
        text.emplace_back("depends=vendor");
        system.put(symbol_module(text, {{"elsewhere", 5}}, {}));
        CHECK(system.run()(make_install_step).result == Result::done);
    }
    SECTION("a dependency that is still missing")
    {
        text.emplace_back("depends=later");
        put_user_of("elsewhere");
        StepRun run = system.run();
        CHECK(run(make_install_step).result == Result::done);
        REQUIRE(run.events(EventKind::warning).size() == 1);
        CHECK(run.events(EventKind::warning).front().facts.at("parameters").at("reason") ==
              "it needs the module later, which is missing");
    }
    SECTION("not a dependency that is there without it")
    {
        text.emplace_back("depends=bar");
        put_user_of("elsewhere");
        CHECK(system.refusal() == nobody);
    }
    SECTION("a module with the symbol in another version")
    {
        system.put(symbol_module(text, {{"elsewhere", 5}}, {}));
        system.put_built({"bar", "1.0"}, "bar.ko", symbol_module(info(), {}, {{"elsewhere", 6}}));
        CHECK(system.refusal() == "it wants another version of the symbol elsewhere");
    }
    SECTION("unless --force says so") { CHECK(system.forced().find("elsewhere") != std::string::npos); }
}

TEST_CASE("a module that was changed after its build is not installed")
{
    const Prepared system;
    BuildRecord record;
    record.modules = {{"foo.ko", sha256_of({system.built()}).front(), "/kernel/extra", {}, {}}};
    put_file(system.layout().build_record(foo, kernel_6), text_of(record));
    CHECK(system.run()(make_install_step).result == Result::done);
    system.uninstall();
    system.put(module_bytes({{"version", "1.0"}, {"note", "swapped"}}));
    CHECK(system.refusal() == "changed");
    CHECK(system.forced() == system.built().string() + " is not as it was when it was built." + installed_by_force);
}

TEST_CASE("an unsigned module is not for a kernel that loads only signed ones")
{
    const Prepared system;
    system.put_headers("CONFIG_MODULE_SIG_FORCE=y\n");
    const std::string reason =
        "it is not signed, and the kernel loads only signed modules: it was configured with CONFIG_MODULE_SIG_FORCE";
    CHECK(system.refusal() == reason);
    CHECK(system.forced().find(reason) != std::string::npos);
}

TEST_CASE("a link into the tree leads to a module that was looked at")
{
    const Prepared system;
    Options options;
    options.symlink_modules = true;
    system.put(tiny_module(info("6.1.0-2-test " + flags)));
    const auto install = [&] { StepRun(system, system.step(StepKind::install, foo, options))(make_install_step); };
    CHECK(error_of(install).code() == ErrorCode::verify_failed);
    system.put(tiny_module(info()));
    install();
    CHECK(fs::canonical(system.installed("kernel/extra/foo.ko")) == system.built());
}
