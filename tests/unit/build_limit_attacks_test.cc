// SPDX-License-Identifier: LGPL-2.1-or-later
// Builds that take all they can get.
#include "lib/build/build_step.h"
#include "lib/process/descendants.h"
#include "lib/process/sandbox.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"

#include <sys/resource.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const KernelId kernel{"6.1.0", "x86_64"};
const ModuleId greedy{"greedy", "1"};

/// What becomes of a build with this script as PRE_BUILD, when the administrator has said this about it.
struct Attempt {
    Attempt(const std::string& policy, const std::string& script, const std::string& more = "",
            const std::string& large = {})
    {
        const fs::path source = trees.layout().source_in_source_tree(greedy);
        put_file(source / "dkms.conf", "PACKAGE_NAME=greedy\nPACKAGE_VERSION=1\nBUILT_MODULE_NAME=greedy\n"
                                       "DEST_MODULE_LOCATION=/extra\nPRE_BUILD=take.sh\n" +
                                           more);
        put_file(source / "take.sh", "#!/bin/sh\n" + script, 0755);
        put_file(source / "large", large);
        trees.link(greedy);
        put_file(trees.places.install_tree / kernel.release / "build/include/x.h", "");
        put_file(trees.places.install_tree / kernel.release / "build/.config", "");
        put_file(trees.places.config_dir / "policy.conf", "greedy " + policy + "\n");
        Step step;
        step.kind = StepKind::build;
        step.module = greedy;
        step.kernel = kernel;
        StepRun run(trees, step);
        error = error_of([&] { run(make_build_step); });
        peak_memory = run.work().commands.peak_memory;
    }

    bool has_left_nothing() const
    {
        const Layout layout = trees.layout();
        std::error_code missing;
        return descendants_of(::getpid(), 100).processes.empty() &&
               (!fs::exists(layout.builds()) || fs::is_empty(layout.builds(), missing));
    }

    Trees trees;
    Error error = Error(ErrorCode::internal);
    std::uint64_t peak_memory = 0;
};

} // namespace

TEST_CASE("a build that takes more than it may ends, and its error says what to do")
{
    struct Case {
        const char* policy;
        const char* script;
        const char* limit;
        const char* setting;
    };
    const std::vector<Case> cases{
        {"time 1s", "setsid sleep 1000 &\nsleep 1000\n", "1 second of time", "greedy time 2s"},
        {"processes 300", "bomb() { bomb | bomb & }\nwhile :; do bomb; done\n", "300 processes",
         "greedy processes 600"},
        {"memory 200M", "tail /dev/zero\n", "200 MiB of memory", "greedy memory 400M"},
        {"space 100M", "cat /dev/zero >full\n", "100 MiB of space on disk", "greedy space 200M"},
        {"space 100M", "exec 3>gone\nrm gone\ncat /dev/zero >&3\n", "100 MiB of space on disk", "greedy space 200M"},
        {"space 4M",
         "i=0; d=.; while [ $i -lt 300 ]; do d=$d/deep; i=$((i+1)); done; mkdir -p $d && cd $d && "
         "seq 1500 | xargs touch; sleep 1000\n",
         "4 MiB of space on disk", "greedy space 8M"},
        {"file-size 10M", "head -c 30M /dev/zero >large\n", "10 MiB in one file", "greedy file-size 20M"},
        {"output 3M", "yes\n", "3 MiB of output", "greedy output 6M"},
    };
    const Case one = GENERATE_REF(from_range(cases));
    DYNAMIC_SECTION(one.policy << ": " << one.script)
    {
        const Attempt attempt(one.policy, one.script);
        INFO(attempt.error.message());
        CHECK(attempt.error.code() == ErrorCode::build_limit);
        CHECK(attempt.error.parameter("limit") == one.limit);
        CHECK(attempt.error.parameter("setting") == one.setting);
        CHECK(attempt.has_left_nothing());
    }
}

TEST_CASE("what a build has in files in memory is its memory, too")
{
    if (available_sandbox() == SandboxKind::none) return;
    const Attempt attempt("memory 200M", "cat /dev/zero >/tmp/full\n");
    CHECK(attempt.error.parameter("setting") == "greedy memory 400M");
    CHECK(attempt.peak_memory > (std::uint64_t{200} << 20));
    CHECK(attempt.has_left_nothing());
}

TEST_CASE("what we have copied is not what a build has written")
{
    // The two copies of the source alone are more than the limit, and so is what is here after it has written.
    const std::string large(std::size_t{15} << 20, 'x');
    const Attempt modest("space 20M\ngreedy time 1s", "cat large >copy; sleep 1000\n", "", large);
    CHECK(modest.error.parameter("setting") == "greedy time 2s");
    const Attempt beyond("space 20M", "cat large large >copy; sleep 1000\n", "", large);
    CHECK(beyond.error.parameter("setting") == "greedy space 40M");
}

TEST_CASE("a limit of the caller's own is not blamed on ours")
{
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit lower{rlim_t{5} << 20, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &lower);
    const Attempt attempt("file-size 10M", "head -c 30M /dev/zero >large; exit 5\n");
    ::setrlimit(RLIMIT_FSIZE, &before);
    CHECK(attempt.error.code() == ErrorCode::script_failed);
}

TEST_CASE("modules that consist of holes are measured before root fills the disk with them")
{
    const Attempt attempt("space 100M", "truncate -s 60M greedy.ko second.ko\n",
                          "BUILT_MODULE_NAME[1]=second\nDEST_MODULE_LOCATION[1]=/extra\nMAKE=true\nSTRIP=no\n");
    CHECK(attempt.error.code() == ErrorCode::result_refused);
    CHECK(attempt.error.parameter("reason").starts_with("the modules together are larger than 100 MiB"));
    CHECK(attempt.has_left_nothing());
}

TEST_CASE("without a limit a build may take its time")
{
    const Attempt attempt("time unlimited", "exit 5\n");
    CHECK(attempt.error.code() == ErrorCode::script_failed);
}

TEST_CASE("a build that wants a local socket is told why it gets none")
{
    if (available_sandbox() == SandboxKind::none) return;
    const Attempt attempt("optional", "exec python3 -c 'import socket; socket.socket(socket.AF_UNIX)'\n");
    CHECK(attempt.error.code() == ErrorCode::sandbox_restriction);
    CHECK(attempt.error.hint().find("'greedy sandbox off'") != std::string::npos);
}
