// SPDX-License-Identifier: LGPL-2.1-or-later
// What programs in a sandbox can and cannot do, by programs that try: needs bubblewrap and a C compiler.
#include "lib/model/error.h"
#include "lib/process/descendants.h"
#include "lib/process/sandbox.h"
#include "lib/process/system_calls.h"
#include "tests/catch.h"
#include "tests/unit/scratch.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include <linux/keyctl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

/// A directory that a sandbox shows as it is, gone when it ends.
class VisibleDirectory {
public:
    VisibleDirectory()
    {
        std::string name = "/var/tmp/dkms-test-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) FAIL("mkdtemp: " << std::strerror(errno));
        path_ = name;
        fs::permissions(path_, fs::perms(0755));
    }
    ~VisibleDirectory() { fs::remove_all(path_); }
    VisibleDirectory(const VisibleDirectory&) = delete;
    VisibleDirectory& operator=(const VisibleDirectory&) = delete;
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

Command command_of(std::vector<std::string> argv)
{
    Command command;
    command.argv = std::move(argv);
    command.environment = base_environment();
    return command;
}

fs::path compiled(const std::string& name, const fs::path& directory, std::vector<std::string> flags = {})
{
    const char* data = std::getenv("DKMS_TEST_DATA");
    const fs::path source = fs::path(data != nullptr ? data : "tests/data") / "attacks" / (name + ".c");
    std::vector<std::string> argv{"cc", "-o", directory / name, source};
    argv.insert(argv.end(), flags.begin(), flags.end());
    const Captured said = capture(command_of(argv));
    INFO(said.output);
    REQUIRE(said.status.ok());
    return directory / name;
}

/// A service that everyone may talk to, wherever its socket lies.
Descriptor service(const fs::path& path, int type)
{
    Descriptor socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    if (type == SOCK_STREAM) REQUIRE(::listen(socket.number(), 8) == 0);
    fs::permissions(path, fs::perms::all);
    return socket;
}

bool has_heard(const Descriptor& socket)
{
    pollfd source{socket.number(), POLLIN, 0};
    return ::poll(&source, 1, 0) != 0;
}

/// Lines "NAME ERRNO".
std::map<std::string, int> results_in(const std::string& text)
{
    std::map<std::string, int> results;
    std::istringstream lines(text);
    std::string name;
    for (int number = 0; lines >> name >> number;) results[name] = number;
    return results;
}

std::map<std::string, int> expected()
{
    std::map<std::string, int> all;
    for (const char* name : {"unix-stream", "unix-stream-high-bits", "unix-datagram", "vsock", "packet", "alg"})
        all[name] = EAFNOSUPPORT;
    for (const char* name : {"pair-datagram", "pair-raw", "netlink-audit", "sctp"}) all[name] = EPROTONOSUPPORT;
    all["pair-reconnect"] = EISCONN;
    for (const char* name : {"raw", "unshare-user", "unshare-time", "clone-user", "clone-net", "setns", "mount",
                             "open_tree", "fsopen", "bpf", "io_uring_setup", "perf_event_open", "userfaultfd",
                             "add_key", "request_key", "keyctl", "finit_module", "kexec_load", "syslog"})
        all[name] = EPERM;
    for (const char* name : {"clone3", "unknown"}) all[name] = ENOSYS;
    for (const char* name : {"tcp", "udp", "addresses", "pair", "files", "clone"}) all[std::string("good:") + name] = 0;
#ifdef __x86_64__
    for (const char* name : {"32:socketcall", "32:socketcall-pair", "32:socket"}) all[name] = EAFNOSUPPORT;
    for (const char* name : {"32:unshare", "32:mount", "32:bpf", "32:keyctl", "32:io_uring_setup"}) all[name] = EPERM;
    all["32:getpid"] = 0;
    for (const char* name : {"x32:getpid", "x32:unshare"}) all[name] = ENOSYS;
#endif
    return all;
}

} // namespace

TEST_CASE("a program in a sandbox reaches no service and nothing of the kernel that it has no use for")
{
    if (available_sandbox() == SandboxKind::none) return;
    REQUIRE_FALSE(system_call_filter({}).empty());
    const VisibleDirectory place;
    const fs::path attack = compiled("system_calls", place.path());
    const Descriptor streams = service(place.path() / "streams", SOCK_STREAM);
    const Descriptor datagrams = service(place.path() / "datagrams", SOCK_DGRAM);
    for (const bool network : {false, true}) {
        Sandbox sandbox;
        sandbox.network = network;
        const Captured said =
            capture(sandboxed(command_of({attack, place.path() / "streams", place.path() / "datagrams"}), sandbox));
        INFO((network ? "with network\n" : "without network\n") + said.output);
        CHECK(said.status.ok());
        CHECK(results_in(said.output) == expected());
    }
    CHECK_FALSE(has_heard(streams));
    CHECK_FALSE(has_heard(datagrams));
}

TEST_CASE("compilers, make, Python and 32-bit programs work in a sandbox")
{
    if (available_sandbox() == SandboxKind::none) return;
    const VisibleDirectory place;
    const auto [uid, gid] = sandbox_owner();
    if (::geteuid() == 0) REQUIRE(::chown(place.path().c_str(), uid, gid) == 0);
    std::ofstream(place.path() / "small.c")
        << "void _start(void) { __asm__ volatile(\"int $0x80\" :: \"a\"(1), \"b\"(0)); }\n";
    std::ofstream(place.path() / "Makefile")
        << "all: a b c d\na b c d:\n\t@sh -c 'sleep 0 & wait; (exec true) | cat'\n";
    std::ofstream(place.path() / "try.py")
        << "import asyncio, os, socket, subprocess, threading\n"
           "async def main():\n"
           "    child = await asyncio.create_subprocess_exec('true')\n"
           "    assert await child.wait() == 0\n"
           "    server = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0)\n"
           "    r, w = await asyncio.open_connection(*server.sockets[0].getsockname())\n"
           "    await r.read()\n"
           "asyncio.run(main())\n"
           "thread = threading.Thread(target=subprocess.check_call, args=(['true'],)); thread.start(); thread.join()\n";
    std::string script = "set -e; cd " + place.path().string() + "\nmake -s -j3\npython3 try.py\n";
#ifdef __x86_64__
    script += "cc -m32 -nostdlib -static -ffreestanding -fno-pie -no-pie -o small small.c\n./small\nlinux32 ./small\n";
#endif
    if (find_program("fakeroot"))
        script += "[ \"$(FAKEROOTDONTTRYCHOWN=1 fakeroot sh -c 'touch f && chown 0:0 f && stat -c %u f')\" = 0 ]\n";
    Sandbox sandbox;
    sandbox.writable = {{place.path(), place.path()}};
    const Captured said = capture(sandboxed(command_of({"sh", "-c", script}), sandbox));
    INFO(said.output);
    CHECK(said.status.ok());
}

TEST_CASE("a child with a keyring of its own does not find the keys of our session")
{
    const VisibleDirectory place;
    const fs::path attack = compiled("session_key", place.path());
    // In a process of its own, whose session is none that others have.
    const pid_t child = ::fork();
    if (child == 0) {
        if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0) ::_exit(errno == ENOSYS ? 0 : 2);
        const long key = ::syscall(SYS_add_key, "user", "dkms-test-key", "secret", 6, KEY_SPEC_SESSION_KEYRING);
        constexpr unsigned possessor_only = 0x3f000000;
        if (key < 0 || ::syscall(SYS_keyctl, KEYCTL_SETPERM, key, possessor_only) < 0) ::_exit(3);
        Command command = command_of({attack, "dkms-test-key"});
        if (capture(command).output != "secret\n") ::_exit(4);
        command.own_keyring = true;
        ::_exit(capture(command).status.code == 1 ? 0 : 5);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 0);
    if (available_sandbox() != SandboxKind::none) CHECK(sandboxed(command_of({"true"}), {}).own_keyring);
}

TEST_CASE("what a command leaves running ends with it")
{
    const VisibleDirectory place;
    const Pipe alive = make_pipe();
    {
        LeftBehind left_behind;
        Command command = command_of({"sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & exit 3"});
        command.inherit = {{alive.write.number(), 3}};
        CHECK(run(command).code == 3);
        const Descendants left = descendants_of(::getpid(), 1000);
        CHECK(left.processes.size() == 1);
        CHECK(left.tasks == 1);
    }
    CHECK(descendants_of(::getpid(), 1000).processes.empty());
}

TEST_CASE("memory in files of a sandbox counts as its memory")
{
    if (available_sandbox() == SandboxKind::none) return;
    Pipe ready = make_pipe();
    Command command =
        command_of({"sh", "-c", "dd if=/dev/zero of=/tmp/full bs=1M count=24 2>/dev/null; echo; sleep 1000"});
    command.output = ready.write.number();
    Child child = Child::start(sandboxed(command, {}));
    char byte = 0;
    REQUIRE(::read(ready.read.number(), &byte, 1) == 1);
    const Descendants all = descendants_of(::getpid(), 1000);
    REQUIRE_FALSE(all.processes.empty());
    CHECK(memory_in_files_of(all.processes.back()) >= (std::uint64_t{24} << 20));
    CHECK(memory_in_files_of(::getpid()) == 0);
}

TEST_CASE("memory that processes share counts once when it is counted exactly")
{
    Pipe ready = make_pipe();
    Command command = command_of({"python3", "-c",
                                  "import os, sys, time\n"
                                  "memory = b'x' * (32 << 20)\n"
                                  "for _ in range(3):\n"
                                  "    if os.fork() == 0: time.sleep(1000)\n"
                                  "print(flush=True)\n" // from here on their number, and so each one's share, stays
                                  "time.sleep(1000)\n"});
    command.output = ready.write.number();
    const LeftBehind left_behind;
    const Child child = Child::start(command);
    char byte = 0;
    REQUIRE(::read(ready.read.number(), &byte, 1) == 1);
    const Descendants all = descendants_of(::getpid(), 1000);
    const std::uint64_t exact = exact_memory_of(all.processes, 0);
    CHECK(exact >= (std::uint64_t{32} << 20));
    CHECK(exact < (std::uint64_t{96} << 20));
    CHECK(all.memory > exact);
}
