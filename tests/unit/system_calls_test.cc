// SPDX-License-Identifier: LGPL-2.1-or-later
// The filter of system calls, run as the kernel would run it: what it says of calls that this kernel does not have.
#include "lib/process/system_calls.h"
#include "tests/catch.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

using namespace dkms;

namespace {

/// What the filter says of a call.
std::uint32_t verdict(const std::string& filter, const seccomp_data& call)
{
    std::vector<sock_filter> code(filter.size() / sizeof(sock_filter));
    std::memcpy(code.data(), filter.data(), filter.size());
    std::uint32_t loaded = 0;
    for (std::size_t at = 0; at < code.size(); ++at) {
        const sock_filter& one = code[at];
        const auto jump = [&](bool holds) { at += holds ? one.jt : one.jf; };
        switch (one.code) {
        case BPF_LD | BPF_W | BPF_ABS:
            REQUIRE(one.k + sizeof loaded <= sizeof call);
            std::memcpy(&loaded, reinterpret_cast<const char*>(&call) + one.k, sizeof loaded);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            loaded &= one.k;
            break;
        case BPF_JMP | BPF_JA:
            at += one.k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            jump(loaded == one.k);
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            jump(loaded > one.k);
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            jump(loaded >= one.k);
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            jump((loaded & one.k) != 0);
            break;
        case BPF_RET | BPF_K:
            return one.k;
        default:
            FAIL("an instruction that is not known: " << one.code);
        }
    }
    FAIL("the filter has no end");
    return 0;
}

constexpr std::uint32_t does_not_exist = SECCOMP_RET_ERRNO | ENOSYS;

/// The machine's own architecture is the first that the filter compares with.
std::uint32_t native_architecture(const std::string& filter)
{
    sock_filter second{};
    std::memcpy(&second, filter.data() + sizeof second, sizeof second);
    return second.k;
}

} // namespace

TEST_CASE("calls that are not known do not exist, nor do those of machine code that is not known")
{
    const std::string filter = system_call_filter({});
    if (filter.empty()) return; // a kernel without filters
    CHECK(filter.size() / sizeof(sock_filter) < BPF_MAXINSNS);
    seccomp_data call{};
    call.arch = native_architecture(filter);
    call.nr = SYS_read;
    CHECK(verdict(filter, call) == SECCOMP_RET_ALLOW);
    for (const int number : {900, 100000, 0x40000000, 0x40000000 + SYS_read, -1}) {
        call.nr = number;
        CHECK(verdict(filter, call) == does_not_exist);
    }
    call.nr = SYS_read;
    call.arch = AUDIT_ARCH_ALPHA;
    CHECK(verdict(filter, call) == does_not_exist);
}

TEST_CASE("only a network lets a machine's own programs make sockets by a call that cannot be seen through")
{
    const std::string closed = system_call_filter({});
    const std::string open = system_call_filter({true});
    if (closed.empty()) return;
    seccomp_data call{};
    call.arch = AUDIT_ARCH_I386;
    call.nr = 102; // socketcall
    call.args[0] = 1;
#ifdef __x86_64__
    CHECK(verdict(closed, call) == (SECCOMP_RET_ERRNO | EAFNOSUPPORT));
    CHECK(verdict(open, call) == (SECCOMP_RET_ERRNO | EAFNOSUPPORT));
#endif
#ifdef __i386__
    CHECK(verdict(closed, call) == (SECCOMP_RET_ERRNO | EAFNOSUPPORT));
    CHECK(verdict(open, call) == SECCOMP_RET_ALLOW);
#endif
    CHECK(open.size() > 0);
}
