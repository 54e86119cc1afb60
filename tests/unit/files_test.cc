// SPDX-License-Identifier: LGPL-2.1-or-later
// Trees that others could write in: walking, copying, the gate, deleting.
#include "lib/files/as_user.h"
#include "lib/files/copy_tree.h"
#include "lib/files/file_kind.h"
#include "lib/files/gate.h"
#include "lib/files/inside.h"
#include "lib/files/remove_tree.h"
#include "lib/files/roots_own.h"
#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "tests/catch.h"
#include "tests/unit/file_fixture.h"
#include "tests/unit/scratch.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

constexpr uid_t stranger = 12345;

std::pair<uid_t, gid_t> myself() { return {::geteuid(), ::getegid()}; }

Descriptor opened(const fs::path& path) { return Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

template <typename Run>
std::string reason_of(Run run)
{
    const Error error = error_of(run);
    CHECK(error.code() == ErrorCode::result_refused);
    return error.parameter("reason");
}

/// A directory in which many directories lie in each other; made from the inside, since no path would be long enough.
void nest(const fs::path& directory, int levels)
{
    Descriptor current = opened(directory);
    for (int i = 0; i < levels; ++i) {
        REQUIRE(::mkdirat(current.number(), "deeper", 0700) == 0);
        Descriptor next(::openat(current.number(), "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        current = std::move(next);
    }
}

} // namespace

TEST_CASE("a source is copied with its modes, times and links")
{
    const Scratch scratch;
    const fs::path from = scratch.path() / "from";
    const fs::path to = scratch.path() / "to";
    put_file(from / "a.c", "text");
    put_file(from / "sub/run.sh", "#!/bin/sh\n", 04755);
    fs::create_symlink("../nowhere", from / "sub/link");
    REQUIRE(::mkfifo((from / "fifo").c_str(), 0600) == 0);
    const timespec times[2]{{1000, 0}, {2000, 5}};
    ::utimensat(AT_FDCWD, (from / "a.c").c_str(), times, 0);

    copy_tree(from, to, myself());
    CHECK(text_of_file(to / "a.c") == "text");
    CHECK(mode_of(to / "sub/run.sh") == 0755);
    CHECK(fs::read_symlink(to / "sub/link") == "../nowhere");
    CHECK_FALSE(fs::exists(to / "fifo"));
    CHECK(fs::last_write_time(to / "a.c") == fs::last_write_time(from / "a.c"));

    SECTION("and what lies over it replaces it")
    {
        const fs::path over = scratch.path() / "over";
        put_file(over / "a.c", "patched");
        put_file(over / "sub/link", "a file now");
        copy_tree(over, to, myself());
        CHECK(text_of_file(to / "a.c") == "patched");
        CHECK(text_of_file(to / "sub/link") == "a file now");
        CHECK(fs::exists(to / "sub/run.sh"));
    }
    CHECK(error_of([&] { copy_tree(scratch.path() / "missing", to, myself()); }).code() ==
          ErrorCode::source_unreadable);
}

TEST_CASE("what a build leaves is opened inside its directory only")
{
    const Scratch scratch;
    const fs::path build = scratch.path() / "build";
    put_file(build / "sub/a.ko", "module");
    put_file(scratch.path() / "secret", "secret");
    fs::create_symlink("../secret", build / "out.ko");
    fs::create_symlink(scratch.path() / "secret", build / "absolute.ko");
    fs::create_symlink("..", build / "up");
    fs::create_directories(build / "dir.ko");
    CHECK(open_inside(build, "sub/a.ko"));
    CHECK_FALSE(open_inside(build, "out.ko"));
    CHECK_FALSE(open_inside(build, "absolute.ko"));
    CHECK_FALSE(open_inside(build, "up/secret"));
    CHECK_FALSE(open_inside(build, "../secret"));
    CHECK_FALSE(open_inside(build, "dir.ko"));
    CHECK_FALSE(open_inside(build, "missing.ko"));
    CHECK_FALSE(open_inside(scratch.path() / "missing", "a.ko"));
}

TEST_CASE("a copy follows no link in its target, and is the owner's to change")
{
    const Scratch scratch;
    const fs::path from = scratch.path() / "from";
    const fs::path to = scratch.path() / "to";
    put_file(from / "patches/a.patch", "new", 0444);
    put_file(scratch.path() / "elsewhere/a.patch", "untouched");
    fs::create_directories(to);
    fs::create_symlink("../elsewhere", to / "patches");
    copy_tree(from, to, myself(), CopiedModes::owner_writes);
    CHECK(text_of_file(scratch.path() / "elsewhere/a.patch") == "untouched");
    CHECK(text_of_file(to / "patches/a.patch") == "new");
    CHECK(mode_of(to / "patches/a.patch") == 0644);
    CHECK(fs::is_directory(fs::symlink_status(to / "patches")));
}

TEST_CASE("a source that is nested without end is refused")
{
    const Scratch scratch;
    fs::create_directories(scratch.path() / "from");
    nest(scratch.path() / "from", 300);
    CHECK(error_of([&] { copy_tree(scratch.path() / "from", scratch.path() / "to", myself()); }).code() ==
          ErrorCode::source_unreadable);
    CHECK(error_of([&] { walk(scratch.path() / "from", [](const Found&) {}); }).code() == ErrorCode::read_failed);
    remove_tree(scratch.path() / "from");
    remove_tree(scratch.path() / "to");
}

TEST_CASE("the gate lets plain files of the builder through, and nothing else")
{
    const Scratch scratch;
    const fs::path build = scratch.path() / "build";
    const fs::path into = scratch.path() / "into";
    fs::create_directories(into);
    put_file(build / "sub/a.ko", "module", 0600);
    put_file(scratch.path() / "secret/a.ko", "secret");
    const Descriptor target = opened(into);
    const Gate gate(build, ::geteuid(), "m/1");
    const auto take = [&](const char* name) { return gate.take(name, target.number(), "a.ko"); };

    SECTION("a file becomes a new one of ours, whatever was there")
    {
        fs::create_symlink("../secret/a.ko", into / "a.ko");
        CHECK(take("sub/a.ko"));
        CHECK(text_of_file(into / "a.ko") == "module");
        CHECK(mode_of(into / "a.ko") == 0644);
        CHECK(text_of_file(scratch.path() / "secret/a.ko") == "secret");
    }
    SECTION("one that is missing is no error")
    {
        CHECK_FALSE(take("b.ko"));
        CHECK_FALSE(take("nowhere/b.ko"));
        CHECK_FALSE(take("sub/a.ko/b.ko"));
        CHECK(fs::is_empty(into));
    }
    SECTION("links, on the way or at its end, are refused")
    {
        fs::create_symlink("../secret/a.ko", build / "link.ko");
        fs::create_symlink("sub/a.ko", build / "inner.ko");
        fs::create_symlink("../secret", build / "up");
        for (const char* name : {"link.ko", "inner.ko", "up/a.ko"})
            CHECK(reason_of([&] { take(name); }).find("link") != std::string::npos);
        CHECK(reason_of([&] { take("../secret/a.ko"); }).find("outside") != std::string::npos);
    }
    SECTION("what is no regular file is refused, and nothing blocks")
    {
        REQUIRE(::mkfifo((build / "fifo.ko").c_str(), 0600) == 0);
        fs::create_directories(build / "dir.ko");
        const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const fs::path place = build / "socket.ko";
        std::copy_n(place.c_str(), place.string().size() + 1, static_cast<char*>(address.sun_path));
        REQUIRE(::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        for (const char* name : {"fifo.ko", "dir.ko", "socket.ko"})
            CHECK(reason_of([&] { take(name); }) == "it is not a regular file");
    }
    SECTION("a size that no module has is refused before a byte is copied")
    {
        put_file(build / "huge.ko", "");
        REQUIRE(::truncate((build / "huge.ko").c_str(), off_t{1} << 40) == 0);
        CHECK(reason_of([&] { take("huge.ko"); }).find("larger than 2048 MiB") != std::string::npos);
        CHECK(fs::is_empty(into));
    }
    SECTION("files of others are refused: a link may have made them appear here")
    {
        const Gate strange(build, stranger, "m/1");
        CHECK(reason_of([&] { strange.open("sub/a.ko"); }).find("belongs to user") != std::string::npos);
    }
    SECTION("the directory itself is no link")
    {
        fs::create_symlink("build", scratch.path() / "swapped");
        CHECK(error_of([&] { Gate(scratch.path() / "swapped", ::geteuid(), "m/1"); }).code() == ErrorCode::read_failed);
    }
}

TEST_CASE("of a flat directory plain files come, in bounds")
{
    const Scratch scratch;
    const fs::path build = scratch.path() / "build";
    const fs::path into = scratch.path() / "into";
    fs::create_directories(into);
    for (const char* name : {"b.rpm", "a.rpm", ".hidden", "odd\xff.rpm", "odd\n.rpm"}) put_file(build / name, name);
    fs::create_symlink("/etc/passwd", build / "link.rpm");
    fs::create_directories(build / "directory");
    const Descriptor target = opened(into);
    const Gate gate(build, ::geteuid(), "m/1");
    const auto flat = gate.take_flat(".", target.number(), 2, 1000);
    CHECK(flat.taken == std::vector<std::string>{"a.rpm", "b.rpm"});
    CHECK(flat.ignored == 5);
    CHECK(text_of_file(into / "a.rpm") == "a.rpm");
    CHECK(gate.take_flat("missing", target.number(), 2, 1000).taken.empty());
    CHECK(reason_of([&] { gate.take_flat(".", target.number(), 1, 1000); }).find("more than 1 files") !=
          std::string::npos);
    put_file(build / "c.rpm", "c");
    REQUIRE(::truncate((build / "c.rpm").c_str(), off_t{1} << 40) == 0);
    reason_of([&] { gate.take_flat(".", target.number(), 3, 1000); });
}

TEST_CASE("any tree can be deleted")
{
    const Scratch scratch;
    const fs::path top = scratch.path() / "top";
    put_file(scratch.path() / "outside/file", "stays");
    fs::create_directories(top);
    SECTION("2000 levels, and side branches on each of the last") { nest(top, 2000); }
    SECTION("with modes that forbid it, links, pipes and odd names")
    {
        put_file(top / "a/b/c", "");
        fs::create_symlink("../outside", top / "a/link");
        REQUIRE(::mkfifo((top / "a/fifo").c_str(), 0) == 0);
        put_file(top / "a/odd\xff\n", "");
        fs::create_directories(top / "closed/inner");
        fs::permissions(top / "closed", fs::perms::none);
        fs::permissions(top / "a/b", fs::perms::owner_read);
    }
    SECTION("many entries")
    {
        const Descriptor directory = opened(top);
        for (int i = 0; i < 20000; ++i)
            REQUIRE(Descriptor(::openat(directory.number(), std::to_string(i).c_str(), O_CREAT | O_WRONLY, 0600)));
    }
    remove_tree(top);
    CHECK_FALSE(fs::exists(fs::symlink_status(top)));
    CHECK(text_of_file(scratch.path() / "outside/file") == "stays");
    remove_tree(top); // what does not exist is no error
}

TEST_CASE("what cannot be deleted is told")
{
    if (::geteuid() != 0) return; // needs a second user: files of ours where another user deletes
    const Scratch scratch;
    const fs::path private_directory = scratch.path() / "private";
    const fs::path build = private_directory / "build";
    put_file(build / "theirs/file", "");
    put_file(build / "ours/file", "root's");
    for (const char* each : {"", "theirs", "theirs/file"})
        REQUIRE(::chown((build / each).c_str(), stranger, stranger) == 0);
    const Error error = error_of([&] { remove_private_directory(private_directory); });
    CHECK(error.code() == ErrorCode::leftovers_remain);
    CHECK(error.parameter("reason") == "Permission denied");
    CHECK(text_of_file(build / "ours/file") == "root's");

    SECTION("and what is only the other user's goes")
    {
        fs::remove_all(build / "ours");
        put_file(private_directory / "make.log", "root's");
        remove_private_directory(private_directory);
        CHECK_FALSE(fs::exists(private_directory));
    }
}

TEST_CASE("a walk that cannot see all of a tree fails")
{
    if (::geteuid() == 0) return; // root may read all
    const Scratch scratch;
    put_file(scratch.path() / "closed/file", "");
    fs::permissions(scratch.path() / "closed", fs::perms::none);
    CHECK(error_of([&] { walk(scratch.path(), [](const Found&) {}); }).code() == ErrorCode::read_failed);
    fs::permissions(scratch.path() / "closed", fs::perms::owner_all);
    walk(scratch.path() / "missing", [](const Found&) { FAIL("there is nothing"); });
}

TEST_CASE("a walk leaves out what it is told to, and ends when it is told to")
{
    const Scratch scratch;
    for (const char* file : {"a/1", "b/2", "c/3"}) put_file(scratch.path() / file, "");
    std::vector<std::string> seen;
    walk(
        scratch.path(), [&](const Found& found) { seen.push_back(found.path); },
        [](const Found& found) { return found.name != "b"; });
    CHECK(seen == std::vector<std::string>{"a", "a/1", "b", "c", "c/3"});
    seen.clear();
    walk(scratch.path(), [&](const Found& found) {
        if (found.path == "b") throw EnoughSeen();
        seen.push_back(found.path);
    });
    CHECK(seen == std::vector<std::string>{"a", "a/1"});
}

TEST_CASE("only what is not there is not found")
{
    const Scratch scratch;
    put_file(scratch.path() / "file", "");
    fs::create_symlink("file", scratch.path() / "link");
    fs::create_symlink("circle", scratch.path() / "circle");
    CHECK(kind_of_file(scratch.path() / "file") == fs::file_type::regular);
    CHECK(kind_of_file(scratch.path() / "link") == fs::file_type::symlink);
    CHECK(kind_behind(scratch.path() / "link") == fs::file_type::regular);
    CHECK(kind_of_file(scratch.path()) == fs::file_type::directory);
    CHECK(kind_of_file(scratch.path() / "missing") == fs::file_type::not_found);
    CHECK(kind_of_file(scratch.path() / "file/below") == fs::file_type::not_found);
    CHECK(error_of([&] { kind_behind(scratch.path() / "circle"); }).code() == ErrorCode::read_failed);
}

TEST_CASE("another user's rights are all that is left")
{
    const Scratch scratch;
    const bool root = ::geteuid() == 0;
    const std::pair<uid_t, gid_t> user = root ? std::pair<uid_t, gid_t>{stranger, stranger} : myself();
    const Descriptor told(::open((scratch.path() / "told").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    as_user(user, [&] {
        std::string ids;
        for (const auto id : {::getuid(), ::geteuid(), ::getgid(), ::getegid()}) ids += std::to_string(id) + " ";
        if (::getgroups(0, nullptr) == 0) ids += "no groups ";
        if (::setresuid(0, 0, 0) == 0) ids += "root again";
        write_all(told.number(), ids);
    });
    const std::string uid = std::to_string(user.first) + " ";
    const std::string gid = std::to_string(user.second) + " ";
    const std::string said = text_of_file(scratch.path() / "told");
    CHECK(said.starts_with(uid + uid + gid + gid));
    CHECK(said.find("root again") == std::string::npos);
    if (root) CHECK(said.ends_with("no groups "));

    // What it throws comes out as it was.
    const Error thrown(ErrorCode::leftovers_remain, {{"path", "/a b"}, {"reason", "because"}});
    CHECK(error_of([&] { as_user(user, [&] { throw thrown; }); }) == thrown);
    if (!root) return; // the rest is about the other process
    CHECK(error_of([&] { as_user(user, [] { throw std::runtime_error("odd"); }); }).parameter("reason") == "odd");
    CHECK(error_of([&] { as_user(user, [] { ::_exit(7); }); }).code() == ErrorCode::internal);
    Cancellation cancellation;
    REQUIRE(::raise(SIGTERM) == 0);
    const auto wait_for_ever = [] {
        for (;;) ::pause();
    };
    CHECK(error_of([&] { as_user(user, wait_for_ever, &cancellation); }).code() == ErrorCode::cancelled);
}

TEST_CASE("root's own is what no one else could have written")
{
    const Scratch scratch;
    const fs::path top = scratch.path() / "top";
    fs::create_directories(top / "a/b");
    put_file(top / "a/b/file", "x");
    fs::create_symlink("/etc", top / "link");
    const auto part = [&](const fs::path& path) {
        const Descriptor opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        REQUIRE(opened);
        return foreign_part(opened.number(), path.string());
    };
    if (::geteuid() != 0) {
        CHECK(part(top) == "belongs to another user than root");
        return;
    }
    for (const char* one : {"", "a", "a/b", "a/b/file"}) REQUIRE(::chmod((top / one).c_str(), 0755) == 0);
    CHECK(part(top).empty());
    CHECK(part(top / "a/b/file").empty());
    SECTION("a file further below")
    {
        REQUIRE(::lchown((top / "a/b/file").c_str(), 65534, 0) == 0);
        CHECK(part(top) == "holds a/b/file, which belongs to another user than root");
    }
    SECTION("a link")
    {
        REQUIRE(::lchown((top / "link").c_str(), 65534, 0) == 0);
        CHECK(part(top) == "holds link, which belongs to another user than root");
    }
    SECTION("modes")
    {
        for (const mode_t mode : {0775U, 0757U, 01777U}) {
            REQUIRE(::chmod((top / "a").c_str(), mode) == 0);
            CHECK(part(top) == "holds a, which can be written by other users than root");
            CHECK(part(top / "a") == "can be written by other users than root");
        }
    }
    SECTION("what is not for everyone to read")
    {
        REQUIRE(::chmod((top / "a/b/file").c_str(), 0640) == 0);
        CHECK(part(top) == "holds a/b/file, which cannot be read by every user");
        REQUIRE(::chmod((top / "a").c_str(), 0711) == 0);
        CHECK(part(top) == "holds a, which cannot be read by every user");
    }
    SECTION("what keeps no files")
    {
        CHECK_FALSE(part("/dev/null").empty());
        CHECK_FALSE(part("/proc/1/cmdline").empty());
        CHECK_FALSE(part("/proc/sys").empty());
    }
}
