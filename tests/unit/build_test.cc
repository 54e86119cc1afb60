// SPDX-License-Identifier: LGPL-2.1-or-later
// What a build is told, and what is read out of it: texts only.
#include "lib/build/first_error.h"
#include "lib/build/make_command.h"
#include "lib/build/make_log.h"
#include "lib/build/patches.h"
#include "lib/build/trouble.h"
#include "lib/build/verify.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"

#include <elf.h>

using namespace dkms;

TEST_CASE("make commands are completed, or left alone")
{
    MakeSettings settings;
    settings.release = "6.1.0";
    settings.source_dir = "/k";
    settings.build = "/t/m/1/build";
    settings.jobs = MakeJobs{true, 4};

    struct Row {
        std::string written, jobs_of_its_own, with_clang;
    };
    const std::vector<Row> rows{
        {"", "make -j4 KERNELRELEASE=6.1.0 -C /k M=/t/m/1/build",
         "make -j4 KERNELRELEASE=6.1.0 -C /k M=/t/m/1/build LLVM=1"},
        {"make", "make -j4 KERNELRELEASE=6.1.0", "make -j4 KERNELRELEASE=6.1.0 LLVM=1"},
        {"make -C src all", "make -j4 KERNELRELEASE=6.1.0 -C src all",
         "make -j4 KERNELRELEASE=6.1.0 -C src all LLVM=1"},
        {"make a && make b", "make -j4 KERNELRELEASE=6.1.0 a && make b", "make -j4 KERNELRELEASE=6.1.0 a && make b"},
        {"'make' -C src", "'make' -C src", "'make' -C src LLVM=1"},
        {"'make' a; true", "'make' a; true", "'make' a; true"},
        {"make_it.sh", "make_it.sh", "make_it.sh"},
        {"./build.sh make", "./build.sh make", "./build.sh make"},
        {"cd src; make", "cd src; make", "cd src; make"},
    };
    for (const Row& row : rows) {
        settings.variables = "";
        CHECK(make_command(row.written, settings) == row.jobs_of_its_own);
        settings.variables = " LLVM=1";
        CHECK(make_command(row.written, settings) == row.with_clang);
    }
    settings.variables = "";
    settings.jobs = MakeJobs{false, 0};
    CHECK(make_command("make x", settings) == "make -j KERNELRELEASE=6.1.0 x");
    settings.jobs.reset(); // a jobserver is shared
    CHECK(make_command("make x", settings) == "make KERNELRELEASE=6.1.0 x");
}

TEST_CASE("kernels before 2.6 have another rule")
{
    MakeSettings settings;
    settings.release = "2.4.20-8";
    settings.source_dir = "/k";
    settings.build = "/b";
    settings.jobs = MakeJobs{true, 1};
    CHECK(make_command("", settings) == "make -j1 KERNELRELEASE=2.4.20-8 -C /k SUBDIRS=/b modules");
    CHECK(is_before_2_6("2.4.20-8"));
    CHECK_FALSE(is_before_2_6("2.6.18"));
    CHECK_FALSE(is_before_2_6("10.0"));
    CHECK(begins_with_make(""));
    CHECK_FALSE(begins_with_make("'make'"));
}

TEST_CASE("the number of jobs that a command has of its own")
{
    for (const char* one : {"make", "'make' all", "./build.sh -jolly", "cc -o x --jobsite", ""})
        CHECK(jobs_of(one) == 1);
    for (const char* four : {"make -j4", "'make' -j 4 all", "x && make --jobs=4", "make -j2 a; make -j4 b"})
        CHECK(jobs_of(four) == 4);
    for (const char* open : {"make -j", "make -j all", "make -j$(nproc)", "make --jobs"}) CHECK(jobs_of(open) == 0);
}

TEST_CASE("a number of jobs that DKMS has filled in is taken out again where make shares a jobserver")
{
    CHECK(without_jobs_of_dkms("unset A; 'make' -j8 NV=1 modules", "unset A; 'make' -j9 NV=1 modules") ==
          "unset A; 'make' NV=1 modules");
    CHECK(without_jobs_of_dkms("make -j 8 && make --jobs=8", "make -j 9 && make --jobs=9") == "make && make");
    CHECK_FALSE(without_jobs_of_dkms("make -j8", "make -j8"));           // the author's
    CHECK_FALSE(without_jobs_of_dkms("JOBS=8 ./b.sh", "JOBS=9 ./b.sh")); // used for something else
    CHECK_FALSE(without_jobs_of_dkms("make -j8 N=8", "make -j9 N=9"));
}

TEST_CASE("make.log is written as dkms writes it")
{
    const Scratch scratch;
    const auto file = scratch.path() / "make.log";
    const Descriptor follower(::memfd_create("follower", MFD_CLOEXEC));
    MakeLog log(file, {"hello", "1.0"}, {"6.1.0", "x86_64"}, follower.number());
    log.begin("Building module(s)", "make -j2");
    log.output("CC foo.o\n");
    CHECK(log.last_output() == "CC foo.o\n");
    log.end(0, 67.9);
    log.begin("Running the post_build script", "post.sh");
    log.output("no newline");
    log.end(3, 3600);

    const std::string text = text_of_file(file);
    const std::string line(64, '-');
    const auto date = text.find('\n') + 1;
    CHECK(text.substr(0, date) == "DKMS (dkms-3.4.3) make.log for hello/1.0 for kernel 6.1.0 (x86_64)\n");
    const auto rest = text.find('\n', date) + 1;
    CHECK(text.substr(rest) == "\nBuilding module(s)\n# command: make -j2\nCC foo.o\n\n# exit code: 0\n"
                               "# elapsed time: 00:01:07\n" +
                                   line +
                                   "\n\nRunning the post_build script\n# command: post.sh\nno newline\n\n"
                                   "# exit code: 3\n# elapsed time: 01:00:00\n" +
                                   line + "\n");
    CHECK(text_of_file("/proc/self/fd/" + std::to_string(follower.number())) == text);
}

TEST_CASE("a log that grows without end is cut")
{
    const Scratch scratch;
    MakeLog log(scratch.path() / "make.log", {"m", "1"}, {"6.1", "x86_64"});
    log.begin("Building module(s)", "yes");
    const std::string block(1 << 20, 'y');
    for (int i = 0; i < 80; ++i) log.output(block);
    log.end(0, 1);
    CHECK(std::filesystem::file_size(log.path()) < (65U << 20));
    CHECK(log.last_output().size() == (16U << 20));
}

TEST_CASE("the first error of a build is found")
{
    const std::string build = "/var/lib/dkms/m/1/build";
    const auto first = [&](const std::string& output) { return first_error(output, build); };

    CHECK(first("  CC [M]  /var/lib/dkms/m/1/build/a.o\n"
                "/var/lib/dkms/m/1/build/driver/a.c: In function ‘f’:\n"
                "/var/lib/dkms/m/1/build/driver/a.c:3124:9: error: too few arguments to function ‘hid_report’\n"
                "/var/lib/dkms/m/1/build/driver/a.c:3125:9: error: another\n"
                "make[1]: *** [scripts/Makefile.build:250: a.o] Error 1\nmake: *** [Makefile:2012: x] Error 2\n") ==
          "driver/a.c:3124:9: error: too few arguments to function 'hid_report'");
    CHECK(first("a.c:1:10: fatal error: linux/gone.h: No such file or directory\ncompilation terminated.\n") ==
          "a.c:1:10: fatal error: linux/gone.h: No such file or directory");
    CHECK(first("ERROR: modpost: \"gone\" [/var/lib/dkms/m/1/build/a.ko] undefined!\nmake[2]: *** [x] Error 1\n") ==
          "ERROR: modpost: \"gone\" [a.ko] undefined!");
    CHECK(first("/bin/sh: 1: flex: not found\nmake: *** [Makefile:1: all] Error 127\n") ==
          "/bin/sh: 1: flex: not found");
    CHECK(first("Makefile:3: *** this kernel is too old.  Stop.\n") ==
          "Makefile:3: *** this kernel is too old.  Stop.");
    CHECK(first("make: *** No rule to make target 'modules'.  Stop.\n") ==
          "make: *** No rule to make target 'modules'.  Stop.");
    CHECK(first("\033[1ma.c:1:2: \033[31merror: \033[mred\n") == "a.c:1:2: error: red");
    CHECK(first("something\nlast words\n\n") == "last words");
    CHECK(first("").empty());
    CHECK(first("x: error: " + std::string(1000, 'e')).size() < 310);
    CHECK(complaint_of("a.c:1: error: red") == "red");
    CHECK(complaint_of("last words") == "last words");
    CHECK(tells_of_full_disk("cc1: error: a.s: No space left on device\n"));
    CHECK_FALSE(tells_of_full_disk("error"));
}

TEST_CASE("patches are for the kernels that they match")
{
    const std::vector<ConfPatch> patches{
        {2, "always.patch", ""}, {0, "old.patch", "^2\\.4\\."}, {1, "new.patch", "^6\\.(1|2)\\."}};
    const auto names = [](const std::vector<ConfPatch>& meant) {
        std::string text;
        for (const ConfPatch& patch : meant) text += patch.file + " ";
        return text;
    };
    CHECK(names(patches_for(patches, "6.1.0")) == "new.patch always.patch ");
    CHECK(names(patches_for(patches, "2.4.20")) == "old.patch always.patch ");
    CHECK(error_of([] { patches_for({{0, "x", "("}}, "6.1"); }).code() == ErrorCode::conf_invalid);
}

TEST_CASE("a module for another kernel or machine is not taken")
{
    KernelHeaders headers;
    const Scratch scratch;
    headers.source_dir = scratch.path();
    headers.config = {
        {"CONFIG_MODULES", "y"}, {"CONFIG_SMP", "y"}, {"CONFIG_PREEMPT_BUILD", "y"}, {"CONFIG_MODVERSIONS", "y"}};
    put_file(scratch.path() / "Module.symvers", "0x0000002a\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n"
                                                "0x0000002b\tof_another_module\tdrivers/x/y\tEXPORT_SYMBOL\t\n"
                                                "0x00000000\twithout_crc\tvmlinux\tEXPORT_SYMBOL\t\n");
    const Verifier verifier({"6.1.0", "x86_64"}, headers);
    const auto verdict = [&](const ModuleFacts& module) {
        const Error error = error_of([&] { verifier.check(module, "a.ko"); });
        return error.code() == ErrorCode::verify_failed ? error.parameters().at("reason") : "good";
    };
    ModuleFacts facts;
    facts.vermagic = "6.1.0 SMP preempt modversions ";
    facts.elf_machine = EM_X86_64;
    facts.elf_class = ELFCLASS64;
    facts.symbol_versions = {{"printk", 42}, {"of_another_module", 7}, {"without_crc", 5}};
    CHECK(verdict(facts) == "good");
    const auto with = [&](auto change) {
        ModuleFacts changed = facts;
        change(changed);
        return verdict(changed);
    };
    CHECK(with([](ModuleFacts& one) { one.symbol_versions["printk"] = 43; }) ==
          "it wants another version of the kernel's symbol printk");
    CHECK(with([](ModuleFacts& one) { one.symbol_versions.clear(); }) == "it has no versions of the symbols it uses");
    CHECK(with([](ModuleFacts& one) { one.elf_machine = EM_AARCH64; }) == "it is not for x86_64 (ELF machine 183)");
    CHECK(with([](ModuleFacts& one) { one.elf_class = ELFCLASS32; }) == "it is not for x86_64 (ELF class 1)");
    CHECK(with([](ModuleFacts& one) { one.vermagic = "6.1.0-other SMP preempt modversions "; }) ==
          "it was built for kernel 6.1.0-other");
    CHECK(with([](ModuleFacts& one) { one.vermagic = "6.1.0 SMP preempt_rt modversions "; }) ==
          "it lacks 'preempt' in its vermagic, which the kernel has");
    CHECK(with([](ModuleFacts& one) { one.vermagic += "mod_unload "; }) ==
          "it has 'mod_unload' in its vermagic, which the kernel lacks");

    // The kernel's own modules say it exactly.
    const Verifier exact({"6.1.0", "x86_64"}, headers, "SMP preempt modversions own ");
    const auto objections = exact.objections(facts);
    REQUIRE(objections.size() == 1);
    CHECK(objections.front().reason == "its vermagic is 'SMP preempt modversions ', and the kernel's is "
                                       "'SMP preempt modversions own '");
    CHECK(objections.front().can_be_forced);
}

TEST_CASE("notes say in one line why a module is not there")
{
    CHECK(note_for(Error(ErrorCode::build_failed, {{"excerpt", "a.c:1: error: too few arguments"}})) ==
          "build: too few arguments");
    CHECK(note_for(Error(ErrorCode::no_kernel_headers, {{"package", "linux-headers-6.1"}})) ==
          "no headers; install linux-headers-6.1");
    CHECK(note_for(Error(ErrorCode::build_excluded, {{"reason", "BUILD_EXCLUSIVE_ARCH=arm"}})) ==
          "excluded by BUILD_EXCLUSIVE_ARCH=arm");
    CHECK_FALSE(note_for(Error(ErrorCode::make_missing, {{"program", "make"}})).empty());
}
