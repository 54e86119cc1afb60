// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/toolchain.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"

#include <set>

using namespace dkms;

namespace {

/// A kernel, and a machine on which these programs are installed.
struct Machine {
    Machine() : places(Places::under(scratch.path()))
    {
        put_file(scratch.path() / "etc/os-release", "ID=debian\n");
        headers.source_dir = scratch.path() / "headers";
    }

    Toolchain choose() const
    {
        const InstalledPrograms asked{[this](const std::string& name) { return programs.contains(name); },
                                      [this](const std::string& name) { return name == "gcc" ? gcc_version : 0; }};
        return choose_toolchain({"m", "1"}, {"6.1.0", arch}, headers, places, asked, "x86_64");
    }
    Error fault() const
    {
        return error_of([this] { choose(); });
    }

    Scratch scratch;
    Places places;
    KernelHeaders headers;
    std::set<std::string> programs;
    int gcc_version = 12;
    std::string arch = "x86_64";
};

} // namespace

TEST_CASE("gcc of the kernel's version is chosen")
{
    Machine machine;
    machine.headers.config = {{"CONFIG_CC_VERSION_TEXT", "gcc-12 (Debian 12.2.0-14) 12.2.0"},
                              {"CONFIG_GCC_VERSION", "120200"}};

    machine.programs = {"gcc", "gcc-12"};
    CHECK(machine.choose().compiler == "gcc");
    CHECK(machine.choose().make_variables.empty());

    machine.gcc_version = 14;
    CHECK(machine.choose().compiler == "gcc-12");
    CHECK(machine.choose().make_variables == " CC=gcc-12");

    machine.programs = {"gcc"}; // another one than none
    CHECK(machine.choose().compiler == "gcc");

    machine.programs = {"gcc-12"};
    CHECK(machine.choose().compiler == "gcc-12");

    machine.programs = {"clang"};
    CHECK(machine.fault().code() == ErrorCode::compiler_missing);
    CHECK(machine.fault().parameters().at("package") == "gcc-12");
}

TEST_CASE("the version is read from the text where there is nothing else")
{
    Machine machine;
    machine.gcc_version = 14;
    machine.programs = {"gcc", "gcc-9"};
    machine.headers.config = {{"CONFIG_CC_VERSION_TEXT", "x86_64-linux-gnu-gcc (Ubuntu 9.4.0-1ubuntu1) 9.4.0"}};
    CHECK(machine.choose().compiler == "gcc-9");
    machine.headers.config.clear();
    CHECK(machine.choose().compiler == "gcc");
}

TEST_CASE("kernels made with clang get LLVM's tools")
{
    Machine machine;
    machine.headers.config = {
        {"CONFIG_CC_IS_CLANG", "y"}, {"CONFIG_CLANG_VERSION", "140006"}, {"CONFIG_LD_IS_LLD", "y"}};
    machine.programs = {"clang", "ld.lld", "gcc"};
    const Toolchain plain = machine.choose();
    CHECK(plain.make_variables == " LLVM=1");
    CHECK(plain.strip() == "llvm-strip");
    CHECK(plain.environment() ==
          std::vector<std::string>{"CC=clang", "KERNEL_CC=clang", "LD=ld.lld", "KERNEL_LD=ld.lld"});

    machine.programs = {"clang-14", "ld.lld-14", "gcc"};
    CHECK(machine.choose().make_variables == " LLVM=-14");

    machine.programs = {"clang"};
    CHECK(machine.fault().parameters().at("package") == "lld");

    machine.programs = {"gcc"};
    CHECK(machine.fault().parameters().at("package") == "clang");

    machine.headers.config = {{"CONFIG_CC_IS_CLANG", "y"}, {"CONFIG_LD_IS_BFD", "y"}};
    machine.programs = {"clang"};
    CHECK(machine.choose().make_variables == " CC=clang");
}

TEST_CASE("headers may say themselves what they are compiled with")
{
    Machine machine;
    put_file(
        machine.headers.source_dir / ".kernelvariables",
        "override ARCH = x86\nCCACHE = ccache\n"
        "CC = $(if $(DEBIAN_KERNEL_USE_CCACHE),$(CCACHE)) $(CROSS_COMPILE)gcc-12\noverride KERNELRELEASE = 6.1.0\n");
    machine.gcc_version = 14;
    machine.programs = {"gcc", "gcc-12"};
    CHECK(machine.choose().compiler == "gcc-12");
    CHECK(machine.choose().make_variables.empty()); // they set it
    machine.programs = {"gcc"};
    CHECK(machine.fault().parameters().at("package") == "gcc-12");

    put_file(machine.headers.source_dir / ".kernelvariables", "override CC:=gcc-13\n");
    machine.programs = {"gcc-13"};
    CHECK(machine.choose().compiler == "gcc-13");
}

TEST_CASE("a linker that the kernel wants is named")
{
    Machine machine;
    machine.programs = {"gcc"};
    machine.headers.config = {{"CONFIG_LD_IS_LLD", "y"}};
    CHECK(machine.choose().make_variables == " LD=ld.lld");
}

TEST_CASE("kernels of another machine get its compiler, and make is told")
{
    Machine machine;
    machine.headers.config = {{"CONFIG_GCC_VERSION", "120200"}};
    machine.arch = GENERATE("aarch64", "arm64");
    machine.programs = {"gcc", "gcc-12"};
    CHECK(machine.fault().code() == ErrorCode::compiler_missing);
    CHECK(machine.fault().parameters().at("package") == "gcc-aarch64-linux-gnu");

    machine.programs.insert("aarch64-linux-gnu-gcc");
    Toolchain chosen = machine.choose();
    CHECK(chosen.compiler == "aarch64-linux-gnu-gcc");
    CHECK(chosen.strip() == "aarch64-linux-gnu-strip");
    CHECK(chosen.make_variables == " ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-");
    CHECK(chosen.environment() == std::vector<std::string>{"CC=aarch64-linux-gnu-gcc",
                                                           "KERNEL_CC=aarch64-linux-gnu-gcc", "LD=aarch64-linux-gnu-ld",
                                                           "KERNEL_LD=aarch64-linux-gnu-ld", "ARCH=arm64",
                                                           "CROSS_COMPILE=aarch64-linux-gnu-"});

    // Debian's headers put the prefix before a name that they have themselves.
    put_file(machine.headers.source_dir / ".kernelvariables", "CC = $(CROSS_COMPILE)gcc-12\n");
    CHECK(machine.fault().parameters().at("compiler") == "aarch64-linux-gnu-gcc-12");
    CHECK(machine.fault().parameters().at("package") == "gcc-12-aarch64-linux-gnu");
    machine.programs.insert("aarch64-linux-gnu-gcc-12");
    chosen = machine.choose();
    CHECK(chosen.compiler == "aarch64-linux-gnu-gcc-12");
    CHECK(chosen.make_variables == " ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-");
}

TEST_CASE("clang needs no other compiler for another machine, and a PC's none for a smaller one")
{
    Machine machine;
    machine.arch = "aarch64";
    machine.headers.config = {{"CONFIG_CC_IS_CLANG", "y"}, {"CONFIG_LD_IS_LLD", "y"}};
    machine.programs = {"clang", "ld.lld"};
    CHECK(machine.choose().compiler == "clang");
    CHECK(machine.choose().make_variables == " LLVM=1 ARCH=arm64");
    CHECK(machine.choose().strip() == "llvm-strip");

    machine.arch = GENERATE("i386", "i586", "i686");
    machine.headers.config.clear();
    machine.programs = {"gcc"};
    CHECK(machine.choose().compiler == "gcc");
    CHECK(machine.choose().make_variables == " ARCH=i386");
}

TEST_CASE("a kernel's own machine, also under another name, and one that nobody knows, need nothing")
{
    Machine machine;
    machine.programs = {"gcc"};
    machine.arch = GENERATE("x86_64", "amd64", "pdp11");
    CHECK(machine.choose().compiler == "gcc");
    CHECK(machine.choose().make_variables.empty());
    CHECK(machine.choose().kernel_arch.empty());
}
