// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/process/sandbox.h"
#include "lib/process/unprivileged.h"
#include "tests/catch.h"

#include <csignal>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace dkms;

namespace {

/// Lines of /proc/self/status that say which privileges a process has.
std::string status_of_child()
{
    return run_unprivileged({}, [] {
        const std::string status = read_file("/proc/self/status");
        std::string found;
        for (const char* key : {"\nUid:", "\nGid:", "\nGroups:", "\nCapEff:", "\nCapPrm:", "\nNoNewPrivs:"}) {
            const auto at = status.find(key);
            if (at != std::string::npos) found += status.substr(at, status.find('\n', at + 1) - at);
        }
        return found;
    });
}

std::string number(uid_t value) { return std::to_string(value); }

} // namespace

TEST_CASE("foreign files are read in a process that may do nothing else")
{
    const std::string status = status_of_child();
    CHECK(status.find("CapEff:\t0000000000000000") != std::string::npos);
    CHECK(status.find("CapPrm:\t0000000000000000") != std::string::npos);
    CHECK(status.find("NoNewPrivs:\t1") != std::string::npos);
    const bool is_root = ::geteuid() == 0;
    const auto [user, group] = sandbox_owner(is_root ? SandboxKind::root : SandboxKind::user_namespace);
    if (is_root && read_file("/proc/self/uid_map").find("4294967295") != std::string::npos) {
        CHECK(status.find("Uid:\t" + number(user) + "\t" + number(user) + "\t" + number(user)) != std::string::npos);
        CHECK(status.find("Gid:\t" + number(group) + "\t") != std::string::npos);
        CHECK(status.find("Groups:\t \n") != std::string::npos);
    }

    const Descriptor kept(::memfd_create("kept", MFD_CLOEXEC));
    const Descriptor other(::memfd_create("other", MFD_CLOEXEC));
    CHECK(run_unprivileged({kept.number()}, [&] {
              const bool kept_is_open = ::fcntl(kept.number(), F_GETFD) >= 0;
              const bool other_is_open = ::fcntl(other.number(), F_GETFD) >= 0;
              return std::string(kept_is_open ? "kept " : "") + (other_is_open ? "other" : "");
          }) == "kept ");
    CHECK(run_unprivileged({}, [] {
              const pid_t child = ::fork();
              if (child == 0) ::_exit(0);
              return std::string(child < 0 ? "alone" : "forks");
          }) == "alone");
}

TEST_CASE("what the child says comes back, and so does how it ended")
{
    CHECK(run_unprivileged({}, [] { return std::string(); }).empty());
    const std::string long_text(3'000'000, 'x');
    CHECK(run_unprivileged({}, [&] { return long_text; }) == long_text);
    const auto error_of = [](auto work) {
        try {
            run_unprivileged({}, work);
        } catch (const Error& error) {
            return error;
        }
        return Error(ErrorCode::cancelled);
    };
    const Error said = error_of([]() -> std::string { throw Error(ErrorCode::verify_failed, {{"reason", "bad"}}); });
    CHECK(said.code() == ErrorCode::verify_failed);
    CHECK(said.parameter("reason") == "bad");
    CHECK(error_of([]() -> std::string { ::_exit(0); }).code() == ErrorCode::internal);
    CHECK(error_of([]() -> std::string { throw 1; }).code() == ErrorCode::internal);
    CHECK(error_of([]() -> std::string {
              ::kill(::getpid(), SIGKILL);
              return {};
          }).parameter("reason") == "the unprivileged reader was ended by signal 9");
}
