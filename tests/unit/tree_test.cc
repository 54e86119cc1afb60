// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/directory.h"
#include "lib/tree/install_history.h"
#include "lib/tree/lock.h"
#include "lib/tree/scan.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

#include <algorithm>
#include <array>
#include <csignal>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

void activate(const System& system, const ModuleId& module, const std::string& target = {})
{
    const std::string usual = module.version + "/" + kernel_6.release + "/" + kernel_6.arch;
    fs::create_symlink(target.empty() ? usual : target, system.layout().active_link(module.name, kernel_6));
}

KernelStatus only_kernel(const System& system, ScanDepth depth = ScanDepth::full)
{
    const auto found = scan(system.places, {}, depth);
    REQUIRE(found.size() == 1);
    REQUIRE(found.front().kernels.size() == 1);
    return found.front().kernels.front();
}

} // namespace

TEST_CASE("layout names what old programs know")
{
    Places places;
    const Layout layout(places);
    const ModuleId module{"v4l2loopback", "0.12.7"};
    CHECK(layout.source_link(module) == "/var/lib/dkms/v4l2loopback/0.12.7/source");
    CHECK(layout.source_in_source_tree(module) == "/usr/src/v4l2loopback-0.12.7");
    CHECK(layout.built_modules(module, kernel_6) == "/var/lib/dkms/v4l2loopback/0.12.7/6.1.0-1-test/x86_64/module");
    CHECK(layout.active_link("v4l2loopback", kernel_6) == "/var/lib/dkms/v4l2loopback/kernel-6.1.0-1-test-x86_64");
    CHECK(layout.lock() == "/var/lib/dkms/.dkmsd/lock");
}

TEST_CASE("records are read back, and wrong ones are none")
{
    const System system;
    const ModuleId module = system.put_module("foo", "1.0");
    const Layout layout = system.layout();

    BuildRecord built;
    built.modules.push_back({"foo.ko.xz", "abc", "/kernel/extra", {"bar"}, {"pci:*"}});
    built.build_seconds = 1.5;
    put_file(layout.build_record(module, kernel_6), text_of(built));
    const auto read = read_build_record(layout, module, kernel_6);
    REQUIRE(read);
    CHECK(read->modules.front().file == "foo.ko.xz");
    CHECK(read->modules.front().depends == std::vector<std::string>{"bar"});
    CHECK(read->build_seconds > 1.4);

    InstallRecord installed{"1.0", {{"foo", "kernel/extra/foo.ko.xz"}}, {"/x"}, "/etc/modprobe.d/dkms-foo.conf"};
    write_install_record(layout, "foo", kernel_6, installed);
    const auto install_read = read_install_record(layout, "foo", kernel_6);
    REQUIRE(install_read);
    CHECK(install_read->files.front().path == "kernel/extra/foo.ko.xz");
    CHECK(install_read->weak_links == std::vector<std::string>{"/x"});

    write_trouble_record(layout, module, kernel_6,
                         {KernelState::waiting, "no headers", 41, Error(ErrorCode::internal)});
    CHECK(read_trouble_record(layout, module, kernel_6)->job == 41);
    remove_trouble_record(layout, module, kernel_6);
    CHECK(!read_trouble_record(layout, module, kernel_6));

    for (const char* wrong : {"", "{", "[]", "{\"version\":7,\"files\":[]}"}) {
        put_file(layout.install_record("foo", kernel_6), wrong);
        CHECK(!read_install_record(layout, "foo", kernel_6));
    }
}

TEST_CASE("the lock is held by one, who is named, and is free again when its holder dies")
{
    const System system;
    const Layout layout = system.layout();
    Pipe ready = make_pipe();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        TreeLock theirs(layout, "service");
        const bool taken = theirs.try_take();
        write_all(ready.write.number(), taken ? "y" : "n");
        for (;;) ::pause();
    }
    char taken = 0;
    REQUIRE(::read(ready.read.number(), &taken, 1) == 1);
    CHECK(taken == 'y');

    TreeLock ours(layout, "stdio");
    CHECK(!ours.try_take());
    CHECK(ours.holder().pid == child);
    CHECK(ours.holder().mode == "service");
    CHECK(!ours.held_by_ancestor());

    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    CHECK(ours.try_take());
    CHECK(ours.try_take());
    CHECK(ours.holder().pid == ::getpid());
    CHECK((::fcntl(ours.descriptor(), F_GETFL) & O_ACCMODE) == O_RDONLY);

    struct stat facts {};
    REQUIRE(::stat(layout.lock().c_str(), &facts) == 0);
    CHECK((facts.st_mode & 07777) == 0600);
    REQUIRE(::stat(layout.own().c_str(), &facts) == 0);
    CHECK((facts.st_mode & 07777) == 0711);
}

TEST_CASE("a process that a step has started knows that the lock is held for it")
{
    const System system;
    TreeLock ours(system.layout(), "service");
    REQUIRE(ours.try_take());
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const TreeLock theirs(system.layout(), "stdio");
        ::_exit(theirs.held_by_ancestor() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
}

TEST_CASE("who started a unit is in its name")
{
    for (const char* kind : {"tree", "build", "build-network", "build-root", "build-root-network", "script"})
        CHECK(starter_of_unit("0::/dkms.slice/dkms-" + std::string(kind) + "@3-1234-995.service\n") == 1234);
    CHECK(starter_of_unit("0::/dkms.slice/dkms-tree@3-1234_88-995.service\n") == 1234);
    CHECK(starter_of_unit("0::/user.slice/dkms-tree@3-1234-995.service\n") == 0);
    CHECK(starter_of_unit("0::/system.slice/dkmsd.service\n") == 0);
}

TEST_CASE("a child that keeps the lock's descriptor keeps the lock")
{
    const System system;
    Pipe end = make_pipe();
    pid_t child = 0;
    {
        TreeLock ours(system.layout(), "service");
        REQUIRE(ours.try_take());
        child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            end.write.close();
            char byte = 0;
            ::_exit(::read(end.read.number(), &byte, 1) == 0 ? 0 : 1);
        }
        ours.release();
    }
    TreeLock next(system.layout(), "stdio");
    CHECK(!next.try_take());
    end.write.close();
    ::waitpid(child, nullptr, 0);
    CHECK(next.try_take());
}

TEST_CASE("scan: an empty or missing tree has no modules")
{
    const System system;
    CHECK(scan(system.places).empty());
    Places missing = system.places;
    missing.dkms_tree = system.path() / "nothing";
    CHECK(scan(missing).empty());
    CHECK(!scan_module(missing, {"foo", "1"}));
}

TEST_CASE("scan: added, built, installed")
{
    const System system;
    const ModuleId module = system.put_module("foo", "1.0");
    CHECK(only_kernel(system).state == KernelState::built);
    CHECK(only_kernel(system).log.empty());
    put_file(system.layout().make_log(module, kernel_6), "log");
    CHECK(only_kernel(system).log == system.layout().make_log(module, kernel_6).string());
    CHECK(!active_version(system.layout(), "foo", kernel_6));

    activate(system, module);
    CHECK(active_version(system.layout(), "foo", kernel_6) == "1.0");
    CHECK(only_kernel(system).state == KernelState::installed);
    CHECK(only_kernel(system).missing);
    CHECK(!only_kernel(system, ScanDepth::quick).missing);

    fs::remove_all(system.layout().version(module) / kernel_6.release);
    const auto status = scan_module(system.places, module);
    REQUIRE(status);
    CHECK(status->kernels.empty());
    CHECK(!status->broken);
    CHECK(status->source == system.layout().source_in_source_tree(module).string());
    CHECK(!active_version(system.layout(), "foo", kernel_6));
}

namespace {

void check_found_and_compared(const std::string& distribution, const std::string& place, bool recorded)
{
    INFO(distribution << " " << place);
    const System system(distribution);
    const ModuleId module = system.put_module("foo", "1.0");
    activate(system, module);
    if (recorded) write_install_record(system.layout(), "foo", kernel_6, {"1.0", {{"foo", place}}, {}, {}});
    const std::string content = text_of_file(system.layout().built_modules(module, kernel_6) / "foo.ko");
    CHECK(only_kernel(system).missing);
    put_file(system.installed(place), content);
    CHECK(!only_kernel(system).missing);
    CHECK(!only_kernel(system).differs);

    std::string other = content;
    other.back() = 'x';
    put_file(system.installed(place), other);
    CHECK(only_kernel(system).differs);
    put_file(system.installed(place), content + "more");
    CHECK(only_kernel(system).differs);

    // Of large files the ends tell.
    const auto built = system.layout().built_modules(module, kernel_6) / "foo.ko";
    std::string large = content + std::string(1 << 20, 'm') + "signature";
    put_file(built, large);
    put_file(system.installed(place), large);
    CHECK(!only_kernel(system).differs);
    large.back() = 'x';
    put_file(system.installed(place), large);
    CHECK(only_kernel(system).differs);
}

} // namespace

TEST_CASE("scan: an installed file is found where the distribution, the configuration or the record says, and compared")
{
    check_found_and_compared("ID=gentoo", "kernel/extra/foo.ko", false);
    check_found_and_compared("ID=debian", "kernel/extra/foo.ko", false);
    check_found_and_compared("ID=debian", "updates/dkms/foo.ko", false);
    check_found_and_compared("ID=debian", "odd/foo.ko", true);
}

TEST_CASE("scan: a tree behind a symbolic link, and absolute links, show as installed")
{
    const System system;
    const ModuleId module = system.put_module("foo", "1.0");
    Places linked = system.places;
    linked.dkms_tree = system.path() / "linked";
    fs::create_directory_symlink(system.places.dkms_tree, linked.dkms_tree);
    SECTION("relative") { activate(system, module); }
    SECTION("absolute") { activate(system, module, system.layout().kernel(module, kernel_6)); }
    SECTION("absolute through the link") { activate(system, module, Layout(linked).kernel(module, kernel_6)); }
    for (const Places& places : {system.places, linked}) {
        CHECK(scan(places, {}, ScanDepth::quick).front().kernels.front().state == KernelState::installed);
        CHECK(active_version(Layout(places), "foo", kernel_6) == "1.0");
    }
}

TEST_CASE("scan: a link to another version, or to one that is gone, installs nothing")
{
    const System system;
    const ModuleId one = system.put_module("foo", "1.0");
    system.put_module("foo", "2.0");
    activate(system, one);
    const auto found = scan(system.places);
    REQUIRE(found.size() == 2);
    CHECK(found[0].kernels.front().state == KernelState::installed);
    CHECK(found[1].kernels.front().state == KernelState::built);
    fs::remove_all(system.layout().version(one));
    CHECK(only_kernel(system).state == KernelState::built);
    CHECK(!active_version(system.layout(), "foo", kernel_6));
}

TEST_CASE("scan: broken when the source is missing or its link dangles; a real directory is good")
{
    const System system;
    const ModuleId module = system.put_module("foo", "1.0");
    const auto status = [&] { return scan_module(system.places, module); };
    SECTION("the source was purged")
    {
        fs::remove_all(system.layout().source_in_source_tree(module));
        CHECK(status()->broken);
        CHECK(status()->source.empty());
    }
    SECTION("the link is missing, the source is there")
    {
        fs::remove(system.layout().source_link(module));
        CHECK(status()->broken);
    }
    SECTION("link and source are missing, a build is there")
    {
        fs::remove(system.layout().source_link(module));
        fs::remove_all(system.layout().source_in_source_tree(module));
        CHECK(status()->broken);
    }
    SECTION("a real directory")
    {
        fs::remove(system.layout().source_link(module));
        put_file(system.layout().source_link(module) / "dkms.conf", "");
        CHECK(!status()->broken);
        CHECK(status()->source == system.layout().source_link(module).string());
    }
}

TEST_CASE("scan: foreign entries are no modules")
{
    const System system;
    const ModuleId module = system.put_module("foo", "1.0");
    const auto tree = system.places.dkms_tree;
    put_file(tree / "mok.key", "key");
    put_file(tree / "dkms_dbversion", "2.0.0\n");
    fs::create_directories(tree / "vbox-temp/some/thing");
    fs::create_directories(tree / ".dkmsd/build");
    fs::create_directories(tree / "foo/original_module/6.1.0-1-test/x86_64");
    fs::create_directories(tree / "foo/1.0/6.1.0-1-test/.tmp_x86_64_AbCd/module");
    fs::create_directories(tree / "foo/1.0/tarball");
    fs::create_directories(tree / "foo/1.0/2.4.20-old/module");
    fs::create_directories(tree / "foo/1.0/6.2.0-half/x86_64");
    const auto found = scan(system.places);
    REQUIRE(found.size() == 1);
    CHECK(found.front().module == module);
    REQUIRE(found.front().kernels.size() == 1);
    CHECK(found.front().kernels.front().kernel == kernel_6);
}

/// What is thrown in a process of another user than root, who may read all.
template <typename Function>
std::string refused_of_user(Function function)
{
    Pipe pipe = make_pipe();
    const pid_t child = ::fork();
    if (child == 0) {
        std::string said = "nothing was refused";
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) said = "root stays root";
        try {
            function();
        } catch (const Error& error) {
            said = std::string(error.name()) + " " + error.parameter("path");
        }
        write_all(pipe.write.number(), said);
        ::_exit(0);
    }
    pipe.write.close();
    std::array<char, 4096> said{};
    const ssize_t size = ::read(pipe.read.number(), said.data(), said.size());
    ::waitpid(child, nullptr, 0);
    return {said.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

TEST_CASE("scan: what is there and cannot be read is not said to be absent")
{
    const System system;
    const ModuleId module = system.put_module("foo", "1.0");
    fs::permissions(system.path(), fs::perms(0755));
    const auto look = [&] { (void)scan(system.places); };
    const auto look_at_module = [&] { (void)scan_module(system.places, module); };
    const auto restricted = [](const fs::path& path, auto function) {
        fs::permissions(path, fs::perms(0700));
        if (::geteuid() != 0) fs::permissions(path, fs::perms::none);
        const std::string said = refused_of_user(function);
        fs::permissions(path, fs::perms(0755));
        return said;
    };
    const Layout layout = system.layout();
    for (const fs::path& path : {layout.tree(), layout.module("foo"), layout.version(module)})
        CHECK(restricted(path, look) == "ReadFailed " + path.string());
    CHECK(restricted(layout.tree(), look_at_module) == "ReadFailed " + layout.module("foo").string());
    CHECK(restricted(layout.version(module), look_at_module) == "ReadFailed " + layout.version(module).string());

    fs::create_symlink("circle", layout.tree() / "circle");
    fs::create_symlink("nowhere", layout.tree() / "dangling");
    for (const char* name : {".dkmsd", "lost+found"}) {
        fs::create_directory(layout.tree() / name);
        CHECK(restricted(layout.tree() / name, look) == "nothing was refused");
    }
    CHECK(restricted(system.places.source_tree, [&] {
              if (scan(system.places).front().broken) throw Error(ErrorCode::broken_module);
          }) == "nothing was refused");
}

TEST_CASE("scan: in order, and with a filter")
{
    const System system;
    for (const char* version : {"1.10", "1.9", "1.9~rc1"}) system.put_module("foo", version);
    const ModuleId bar = system.put_module("Bar-2", "1");
    for (const char* release : {"6.10.0-test", "6.9.0-test", "linus+"})
        system.put_built(bar, "bar.ko", "x", {release, "x86_64"});
    system.put_built(bar, "bar.ko", "x", {"6.9.0-test", "i686"});

    std::string order;
    for (const auto& module : scan(system.places)) order += module.module.text() + " ";
    CHECK(order == "Bar-2/1 foo/1.9 foo/1.9~rc1 foo/1.10 ");
    order.clear();
    const auto all = scan(system.places);
    for (const auto& kernel : all.front().kernels) order += kernel.kernel.text() + " ";
    CHECK(order == "6.1.0-1-test/x86_64 6.9.0-test/i686 6.9.0-test/x86_64 6.10.0-test/x86_64 linus+/x86_64 ");

    StatusFilter filter;
    filter.module = "foo";
    CHECK(scan(system.places, filter).size() == 3);
    filter.version = "1.9";
    CHECK(scan(system.places, filter).size() == 1);
    filter = {};
    filter.kernel = "6.9*";
    filter.arch = "i686";
    const auto found = scan(system.places, filter);
    CHECK(found.size() == 4);
    REQUIRE(found.front().kernels.size() == 1);
    CHECK(found.front().kernels.front().kernel == KernelId{"6.9.0-test", "i686"});
}

TEST_CASE("scan: troubles of kernels for which nothing is built, and notes on those that are")
{
    const System system;
    const ModuleId module = system.put_module("foo", "1.0");
    const KernelId other{"6.12.117-amd64", "x86_64"};
    const Layout layout = system.layout();
    write_trouble_record(layout, module, other,
                         {KernelState::failed, "build: boom", 41, Error(ErrorCode::build_failed)});
    put_file(layout.failed_log(module, other), "boom");
    write_trouble_record(layout, module, kernel_6,
                         {KernelState::failed, "install: no", 42, Error(ErrorCode::internal)});
    const auto kernels = scan(system.places).front().kernels;
    REQUIRE(kernels.size() == 2);
    CHECK(kernels[0].state == KernelState::built);
    CHECK(kernels[0].note == "install: no");
    CHECK(kernels[1].kernel == other);
    CHECK(kernels[1].state == KernelState::failed);
    CHECK(kernels[1].note == "build: boom");
    CHECK(kernels[1].job == JobId{41});
    CHECK(kernels[1].log == layout.failed_log(module, other).string());
}

TEST_CASE("scan: a build that is unsigned and should not be says so until it is built again")
{
    const System system;
    const ModuleId module = system.put_module("foo", "1.0");
    BuildRecord record;
    record.unsigned_reason = "/key is missing";
    put_file(system.layout().build_record(module, kernel_6), text_of(record));
    CHECK(read_build_record(system.layout(), module, kernel_6)->unsigned_reason == "/key is missing");
    CHECK(only_kernel(system).note == "unsigned: /key is missing");
    activate(system, module);
    CHECK(only_kernel(system).note == "unsigned: /key is missing");
    put_file(system.layout().build_record(module, kernel_6), text_of(BuildRecord()));
    CHECK(only_kernel(system).note.empty());
}

TEST_CASE("scan: originals and weak links")
{
    const System system;
    const ModuleId module = system.put_module("foo", "1.0");
    activate(system, module);
    CHECK(!only_kernel(system).originals);
    put_file(system.layout().originals("foo", kernel_6) / "foo.ko", "old");
    CHECK(only_kernel(system).originals);

    const KernelId other{"6.1.0-2-test", "x86_64"};
    const auto link = system.installed("weak-updates/foo.ko", other);
    write_install_record(system.layout(), "foo", kernel_6, {"1.0", {}, {link}, {}});
    put_file(link, "x");
    const auto kernels = scan(system.places).front().kernels;
    REQUIRE(kernels.size() == 2);
    CHECK(kernels[1].kernel == other);
    CHECK(kernels[1].state == KernelState::installed_weak);
    CHECK(kernels[1].weak_from == kernel_6.release);
}

TEST_CASE("directories are made with what is missing above them")
{
    const Scratch scratch;
    const auto made = make_directories(scratch.path() / "a/b/c");
    CHECK(made == std::vector<fs::path>{scratch.path() / "a", scratch.path() / "a/b", scratch.path() / "a/b/c"});
    CHECK(make_directories(scratch.path() / "a/b/c").empty());
    put_file(scratch.path() / "file", "");
    CHECK(error_of([&] { make_directories(scratch.path() / "file/x"); }).code() == ErrorCode::tree_not_writable);
    CHECK(unique_name("x-") != unique_name("x-"));
}

TEST_CASE("a history knows which version was before, and which one was chosen")
{
    InstallHistory history;
    const auto add = [&](Verb request, const std::string& version, const std::string& replaced = {},
                         const std::string& newest = "9") {
        HistoryEntry entry{{"m", version}, {"k", "a"}};
        entry.request = request;
        entry.installed = request != Verb::uninstall;
        entry.replaced = replaced;
        history.add(entry, newest);
    };
    CHECK(history.before("").empty());
    add(Verb::install, "1");
    CHECK(history.before("1").empty());
    add(Verb::install, "2", "1");
    CHECK(history.before("2") == "1");
    add(Verb::rebuild, "2", "2"); // the same again is no other version
    CHECK(history.before("2") == "1");
    add(Verb::roll_back, "1", "2");
    CHECK(history.before("1") == "2");
    CHECK(history.choice == Choice{"1", "9"});
    add(Verb::autoinstall, "1", "1");
    add(Verb::uninstall, "1");
    add(Verb::install, "1");
    CHECK(history.choice == Choice{"1", "9"});
    CHECK(history.before("1") == "2");
    add(Verb::uninstall, "1");
    add(Verb::install, "3"); // as when a package is upgraded
    CHECK_FALSE(history.choice);
    CHECK(history.before("3") == "1");
    CHECK(history.before("4") == "3"); // a program that writes no history has installed 4
    for (int i = 0; i < 100; ++i) add(Verb::rebuild, "3", "3");
    CHECK(history.entries.size() == InstallHistory::most_entries);
    CHECK(history.before("3") == "1");
}
