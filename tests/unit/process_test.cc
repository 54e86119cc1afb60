// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/error.h"
#include "lib/model/protocol_line.h"
#include "lib/process/cancel.h"
#include "lib/process/child.h"
#include "lib/process/descriptor.h"
#include "lib/process/jobserver.h"
#include "lib/process/refusal.h"
#include "lib/process/sandbox.h"
#include "lib/process/work.h"
#include "tests/catch.h"
#include "tests/unit/scratch.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

Command shell(const std::string& script)
{
    Command command;
    command.argv = {"sh", "-c", script};
    command.environment = base_environment();
    return command;
}

ErrorCode code_of(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Error& error) {
        return error.code();
    }
    throw std::runtime_error("nothing was thrown");
}

} // namespace

TEST_CASE("a child gets the words, environment and directory it was given, and nothing else")
{
    ::setenv("DKMS_TEST_LEAK", "yes", 1);
    Command command = shell("printf '%s|' \"$1\" \"$X\" \"${DKMS_TEST_LEAK-none}\"; pwd");
    command.argv.insert(command.argv.end(), {"sh", "a 'quoted' $word"});
    command.environment.push_back("X=1 2");
    command.directory = "/usr";
    const Captured captured = capture(command);
    CHECK(captured.status.ok());
    CHECK(captured.output == "a 'quoted' $word|1 2|none|/usr\n");
}

TEST_CASE("a child inherits the descriptors it was given under their numbers, and no other")
{
    Pipe given = make_pipe();
    const Descriptor not_given(::open("/dev/null", O_RDONLY)); // not close-on-exec
    Command command = shell("echo hello >&5; ls /proc/self/fd");
    command.inherit = {{given.write.number(), 5}};
    const Captured captured = capture(command);
    // ls itself opens the directory
    CHECK(captured.output == "0\n1\n2\n3\n5\n");
    std::string text(6, '\0');
    CHECK(::read(given.read.number(), text.data(), 6) == 6);
    CHECK(text == "hello\n");
}

TEST_CASE("descriptors may be passed on crosswise")
{
    Pipe one = make_pipe();
    Pipe two = make_pipe();
    Command command = shell("echo one >&3; echo two >&4");
    // whatever their numbers are here, each must arrive at the other's place at least once
    command.inherit = {{one.write.number(), 3}, {two.write.number(), 4}};
    CHECK(run(command).ok());
    std::string text(4, '\0');
    CHECK(::read(one.read.number(), text.data(), 4) == 4);
    CHECK(text == "one\n");
    CHECK(::read(two.read.number(), text.data(), 4) == 4);
    CHECK(text == "two\n");
}

TEST_CASE("how a child ended is told as shells tell it")
{
    CHECK(run(shell("exit 7")).code == 7);
    const ExitStatus killed = run(shell("kill -9 $$"));
    CHECK(killed.signal == SIGKILL);
    CHECK(killed.code == 137);
}

TEST_CASE("a program that is not there is an error with its number")
{
    Command command;
    command.argv = {"no-such-program-anywhere"};
    command.environment = base_environment();
    try {
        run(command);
        FAIL("it ran");
    } catch (const Error& error) {
        CHECK(error.parameters().at("errno") == "2");
    }
    command.argv = {"/etc"};
    CHECK(code_of([&] { run(command); }) == ErrorCode::system_failed);
}

TEST_CASE("output beyond the limit ends the child")
{
    const Captured captured = capture(shell("yes"), {1000, std::chrono::minutes(1)});
    CHECK(captured.truncated);
    CHECK(captured.output.size() == 1000);
}

TEST_CASE("time beyond the limit ends the child and what it started")
{
    const Captured captured = capture(shell("sleep 1000 & sleep 1000"), {1000, std::chrono::milliseconds(100)});
    CHECK(captured.timed_out);
    CHECK(captured.status.signal == SIGKILL);
}

TEST_CASE("a child that closes its output and goes on is waited for, up to the limit")
{
    CHECK(capture(shell("exec >&- 2>&-; sleep 1000"), {1000, std::chrono::milliseconds(100)}).timed_out);
    CHECK(capture(shell("exec >&- 2>&-; exit 3")).status.code == 3);
}

TEST_CASE("a cancelled run ends the child, also one that ignores SIGTERM, and says Cancelled")
{
    Cancellation cancellation;
    ::raise(SIGTERM);
    CHECK(cancellation.requested());
    CHECK(code_of([&] { run(shell("sleep 1000"), &cancellation); }) == ErrorCode::cancelled);
    CHECK(code_of([&] { capture(shell("trap '' TERM; sleep 1000"), {}, &cancellation); }) == ErrorCode::cancelled);
    CHECK(code_of([&] { cancellation.check(); }) == ErrorCode::cancelled);
}

TEST_CASE("the end of the parent's descriptor is a cancellation")
{
    Pipe parent = make_pipe();
    Cancellation cancellation(parent.read.number());
    CHECK_FALSE(cancellation.requested());
    parent.write.close();
    CHECK(cancellation.requested());
}

TEST_CASE("a child has no terminal, also when we have one")
{
    int terminal = -1;
    const pid_t ours = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    REQUIRE(ours >= 0);
    if (ours == 0) {
        const bool we_have = Descriptor(::open("/dev/tty", O_RDWR)).number() >= 0;
        const bool it_has = run(shell("(: < /dev/tty) 2>/dev/null")).ok();
        ::_exit(we_have && !it_has ? 0 : 1);
    }
    int status = 0;
    ::waitpid(ours, &status, 0);
    ::close(terminal);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("output of a command is told whole, however much it is")
{
    const Descriptor memory(::memfd_create("events", MFD_CLOEXEC));
    std::string text;
    while (text.size() < 200'000) text += "\"\n\x01 ä€";
    Reporter(memory.number()).command_output("make", "subject", text);
    std::istringstream lines(read_file("/proc/self/fd/" + std::to_string(memory.number())));
    std::string told;
    for (std::string line; std::getline(lines, line);) {
        CHECK(line.size() < longest_line);
        told += event_from_json(nlohmann::json::parse(line)).text("text");
    }
    CHECK(told == text);
}

TEST_CASE("children do not inherit blocked signals")
{
    Cancellation cancellation;
    CHECK(capture(shell("grep SigBlk /proc/self/status")).output == "SigBlk:\t0000000000000000\n");
}

TEST_CASE("a child that is given up is killed with its group")
{
    Pipe alive = make_pipe();
    {
        Command command = shell("sleep 1000 & sleep 1000");
        command.inherit = {{alive.write.number(), 3}};
        const Child child = Child::start(command);
        alive.write.close();
    }
    pollfd end{alive.read.number(), POLLIN, 0};
    CHECK(::poll(&end, 1, 10'000) == 1); // end of file: nobody has the other end any more
}

TEST_CASE("words are shown as a shell would need them")
{
    CHECK(text_of({"make", "-C", "/a b", "M='x'", ""}) == "make -C '/a b' 'M='\\''x'\\''' ''");
}

TEST_CASE("lines come out whole, however they arrive, and endless ones are refused")
{
    LineBuffer lines(10);
    std::string line;
    lines.add("ab");
    CHECK_FALSE(lines.next(line));
    lines.add("c\n\nde\nf");
    CHECK(lines.next(line));
    CHECK(line == "abc");
    CHECK(lines.next(line));
    CHECK(line.empty());
    CHECK(lines.next(line));
    CHECK(line == "de");
    CHECK_FALSE(lines.next(line));
    lines.add("0123456789x");
    CHECK_THROWS_AS(lines.next(line), Error);
}

TEST_CASE("a file is written whole or not at all")
{
    const Scratch scratch;
    const fs::path file = scratch.path() / "file";
    write_file_durably(file, "one", 0600);
    write_file_durably(file, "two", 0640);
    CHECK(read_file(file) == "two");
    CHECK((fs::status(file).permissions() & fs::perms::mask) == fs::perms(0640));
    CHECK(std::distance(fs::directory_iterator(scratch.path()), fs::directory_iterator()) == 1);
    CHECK(code_of([&] { write_file_durably(scratch.path() / "none/file", "x"); }) == ErrorCode::tree_not_writable);
    CHECK(code_of([&] { read_file(file, 2); }) == ErrorCode::read_failed);
}

TEST_CASE("a jobserver lends as many tokens as it has, and takes them back")
{
    const Jobserver jobserver = Jobserver::create(2);
    Cancellation cancellation;
    const auto left = [&] {
        pollfd tokens{jobserver.read_end(), POLLIN, 0};
        return ::poll(&tokens, 1, 0) == 1;
    };
    {
        const auto one = jobserver.take(cancellation);
        CHECK(left());
        const auto two = jobserver.take(cancellation);
        CHECK_FALSE(left());
        ::raise(SIGTERM);
        CHECK(code_of([&] { jobserver.take(cancellation); }) == ErrorCode::cancelled);
    }
    CHECK(left());
    {
        const auto one = jobserver.take_free(1);
        CHECK(one.size() == 1);
        CHECK(jobserver.take_free(0).empty());
        const auto rest = jobserver.take_free(7); // does not wait for the other six
        CHECK(rest.size() == 1);
        CHECK_FALSE(left());
        CHECK(jobserver.take_free(1).empty());
    }
    CHECK(jobserver.take_free(7).size() == 2);
    CHECK(left());
    {
        // A recipe may fill the pipe; who gives a token back then must not wait for somebody to read.
        const auto mine = jobserver.take_free(1);
        ::fcntl(jobserver.write_end(), F_SETFL, O_NONBLOCK);
        while (::write(jobserver.write_end(), "+", 1) == 1) {
        }
        ::fcntl(jobserver.write_end(), F_SETFL, 0);
    }
    CHECK(left());
    jobserver.take_out_surplus(); // that recipe has ended
    int there = 0;
    REQUIRE(::ioctl(jobserver.read_end(), FIONREAD, &there) == 0);
    CHECK(there == 2);
    CHECK(Jobserver::makeflags(6, 7) == " -j --jobserver-auth=6,7");
}

TEST_CASE("without a sandbox a command stays as it is")
{
    Sandbox sandbox;
    sandbox.empty = {"/mnt"};
    const Command plain = shell("true");
    CHECK(sandboxed(plain, sandbox, SandboxKind::none).argv == plain.argv);
    const Command wrapped = sandboxed(plain, sandbox, SandboxKind::user_namespace);
    CHECK(wrapped.argv.front() == "bwrap");
    CHECK(std::find(wrapped.argv.begin(), wrapped.argv.end(), "--unshare-net") != wrapped.argv.end());
}

TEST_CASE("only a file that is absent is absent")
{
    const Scratch scratch;
    const auto file = scratch.path() / "file";
    std::ofstream(file) << "text";
    CHECK(read_file_if_present(file) == "text");
    CHECK(!read_file_if_present(scratch.path() / "none"));
    CHECK(!read_file_if_present(file / "none"));
    CHECK(code_of([&] { read_file_if_present(scratch.path()); }) == ErrorCode::read_failed);
    std::filesystem::create_symlink("circle", scratch.path() / "circle");
    CHECK(code_of([&] { read_file_if_present(scratch.path() / "circle"); }) == ErrorCode::read_failed);
    REQUIRE(::mkfifo((scratch.path() / "fifo").c_str(), 0600) == 0);
    CHECK(code_of([&] { read_file_if_present(scratch.path() / "fifo"); }) ==
          ErrorCode::read_failed); // it does not block
    CHECK(code_of([&] { read_file(scratch.path() / "none"); }) == ErrorCode::read_failed);
}

TEST_CASE("a hint follows the errno, where it is the system's fault")
{
    const auto hint = [](int number) {
        try {
            refuse_change("/there", number);
        } catch (const Error& error) {
            return error.hint();
        }
    };
    CHECK(hint(EACCES).find("as root") != std::string::npos);
    for (const int number : {EROFS, EXDEV, ENOLCK, ENOSPC, EDQUOT, EIO, EMFILE}) {
        CHECK(hint(number).find("as root") == std::string::npos);
        CHECK(is_of_system(Error(ErrorCode::verify_failed, {{"errno", std::to_string(number)}})));
    }
    CHECK(!is_of_system(Error(ErrorCode::read_failed, {{"errno", std::to_string(EACCES)}})));
    CHECK(errno_in("depmod: ERROR: openat(/lib/modules): Read-only file system") == EROFS);
    CHECK(errno_in("no module") == 0);
}
