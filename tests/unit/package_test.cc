// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/adopt_step.h"
#include "lib/package/load_step.h"
#include "lib/package/loaded.h"
#include "lib/tree/add_step.h"
#include "lib/tree/scan.h"
#include "tests/catch.h"
#include "tests/unit/archive_fixture.h"

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const ModuleId foo{"foo", "1.0"};
const KernelId kernel_5{"5.10.0-1-test", "aarch64"};

Options forced()
{
    Options options;
    options.force = true;
    return options;
}

/// What a load request does: its own step, then what that asks for.
class Load {
public:
    Load(const System& system, const fs::path& path, const Options& options = {})
        : system_(system), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC))
    {
        loading_.kind = StepKind::load;
        loading_.options = options;
    }

    /// The load step alone.
    Outcome look()
    {
        StepRun run(system_, loading_);
        run.work().handle = file_.number();
        try {
            Outcome outcome = run(make_load_step);
            keep(run);
            return outcome;
        } catch (const Error&) {
            keep(run);
            throw;
        }
    }

    void operator()()
    {
        for (const Step& step : look().follow_up) {
            StepRun run(system_, step);
            kinds.push_back(step.kind);
            run(step.kind == StepKind::adopt ? make_adopt_step : make_add_step);
            keep(run);
        }
    }

    Error error()
    {
        return error_of([this] { (*this)(); });
    }

    std::vector<Event> events(EventKind kind) const
    {
        std::vector<Event> found;
        for (const Event& event : events_)
            if (event.kind == kind) found.push_back(event);
        return found;
    }

    std::vector<StepKind> kinds;

private:
    void keep(const StepRun& run)
    {
        for (Event& event : run.events()) events_.push_back(std::move(event));
    }

    const System& system_;
    Descriptor file_;
    Step loading_;
    std::vector<Event> events_;
};

fs::path archive_of(const System& system, const std::vector<Packed>& entries)
{
    return put_archive(system.path() / "foo.dkms.tar.gz", entries, archive_write_add_filter_gzip);
}

bool is_added(const System& system)
{
    const auto status = scan_module(system.places, foo);
    return status && !status->broken;
}

std::string built(const System& system, const KernelId& kernel)
{
    return text_of_file(system.layout().built_modules(foo, kernel) / "foo.ko");
}

/// Nothing of ours is left over.
bool is_tidy(const System& system)
{
    const auto beside = system.places.source_tree / ".dkmsd-foo-1.0";
    return fs::is_empty(system.layout().staging()) && !fs::exists(fs::symlink_status(beside));
}

} // namespace

TEST_CASE("an archive of mktarball gives the module with its source and all its builds")
{
    const System system;
    Load load(system, archive_of(system, dkms_entries(foo, {kernel_6.text(), kernel_5.text()})));
    load();
    CHECK(is_added(system));
    CHECK(fs::read_symlink(system.layout().source_link(foo)) == "/usr/src/foo-1.0");
    CHECK(text_of_file(system.layout().source_in_source_tree(foo) / "Makefile") == "all:\n");
    CHECK(fs::is_directory(system.layout().build(foo)));
    CHECK(built(system, kernel_6) == "built for " + kernel_6.text());
    CHECK(built(system, kernel_5) == "built for " + kernel_5.text());
    CHECK(fs::exists(system.layout().make_log(foo, kernel_5)));
    CHECK(scan_module(system.places, foo)->kernels.size() == 2);
    CHECK(is_tidy(system));

    REQUIRE(load.events(EventKind::loading).size() == 1);
    CHECK(load.events(EventKind::loading).front().text("module") == "foo/1.0");
    CHECK(load.events(EventKind::source_loaded).front().text("path") == system.layout().source_in_source_tree(foo));
    REQUIRE(load.events(EventKind::build_loaded).size() == 2);
    CHECK(load.events(EventKind::build_loaded).back().text("path") == system.layout().kernel(foo, kernel_6));
    CHECK(load.events(EventKind::build_loaded).back().facts.at("skipped") == false);
    CHECK(load.events(EventKind::source_linked).size() == 1);
}

TEST_CASE("a hand-made archive is loaded: no root entry, a tree version, modules only")
{
    const System system;
    Load load(system, put_archive(system.path() / "nvidia.tar",
                                  {{"dkms_main_tree/dkms_dbversion", "2.0.0"},
                                   {"dkms_main_tree/" + kernel_6.text() + "/log/make.log", "log"},
                                   {"dkms_main_tree/" + kernel_6.text() + "/module/foo.ko", "module"},
                                   {"dkms_source_tree/dkms.conf", conf_text(foo)},
                                   {"dkms_source_tree/foo/foo.c", "int x;"}}));
    load();
    CHECK(is_added(system));
    CHECK(built(system, kernel_6) == "module");
}

TEST_CASE("builds of dkms 1.x are taken for the running architecture, with a warning")
{
    const System system;
    Load load(system, archive_of(system, dkms_entries(foo, {"6.1.0-1-test"})));
    load();
    CHECK(built(system, {"6.1.0-1-test", running_architecture()}) == "built for 6.1.0-1-test");
    CHECK(load.events(EventKind::warning).front().text("name") == "no-architecture");
}

TEST_CASE("a plain source is added under the name that its configuration has")
{
    const System system;
    Load load(system, archive_of(system, {directory_entry("whatever/"),
                                          {"whatever/dkms.conf", conf_text(foo)},
                                          {"whatever/sub/foo.c", "int x;"},
                                          {"README", "not of the module"}}));
    load();
    CHECK(is_added(system));
    CHECK(fs::exists(system.layout().source_in_source_tree(foo) / "sub/foo.c"));
    CHECK_FALSE(fs::exists(system.layout().source_in_source_tree(foo) / "README"));
    CHECK(is_tidy(system));
}

TEST_CASE("a configuration that asks for its own name gets it")
{
    const System system;
    auto entries = dkms_entries(foo);
    entries.back().content = "PACKAGE_NAME=foo\nPACKAGE_VERSION=1.0\nBUILT_MODULE_NAME=foo\n"
                             "DEST_MODULE_LOCATION=/extra\nMAKE=\"make $module-$module_version\"\n";
    Load load(system, archive_of(system, entries));
    load();
    CHECK(is_added(system));
}

TEST_CASE("an archive with a configuration alone makes a module without source")
{
    const System system;
    const auto archive = archive_of(system, {directory_entry("./dkms_main_tree/"),
                                             {"./dkms_main_tree/" + kernel_6.text() + "/module/foo.ko", "module"},
                                             {"./dkms_binaries_only/PACKAGE_NAME", "foo\n"},
                                             {"./dkms_binaries_only/dkms.conf", conf_text(foo)}});
    Load load(system, archive);
    SECTION("where there is no source")
    {
        load();
        CHECK(fs::is_directory(fs::symlink_status(system.layout().source_link(foo))));
        CHECK(text_of_file(system.layout().source_link(foo) / "dkms.conf") == conf_text(foo));
        CHECK(load.events(EventKind::source_loaded).front().facts.at("conf_only") == true);
        CHECK(load.events(EventKind::source_linked).empty());
    }
    SECTION("where there is one")
    {
        system.put_source(foo, {"foo"});
        load();
        CHECK(fs::is_symlink(fs::symlink_status(system.layout().source_link(foo))));
        CHECK(load.events(EventKind::source_loaded).empty());
    }
    CHECK(is_added(system));
    CHECK(built(system, kernel_6) == "module");
    CHECK(is_tidy(system));
}

TEST_CASE("a module that is there already stays as it is, and the exit code says what was loaded")
{
    const System system;
    system.put_module("foo", "1.0");
    const auto before = System::contents(system.places.dkms_tree / "foo");
    const auto source = System::contents(system.places.source_tree);
    SECTION("archive")
    {
        Load load(system, archive_of(system, dkms_entries(foo, {kernel_6.text()})));
        const Error error = load.error();
        CHECK(load.events(EventKind::loading).empty());
        CHECK(error.code() == ErrorCode::already_added);
        CHECK(error.exit_code(Verb::load) == 8);
    }
    SECTION("plain source")
    {
        const Error error = Load(system, archive_of(system, {{"dkms.conf", conf_text(foo)}})).error();
        CHECK(error.code() == ErrorCode::already_added);
        CHECK(error.exit_code(Verb::load) == 3);
    }
    CHECK(System::contents(system.places.dkms_tree / "foo") == before);
    CHECK(System::contents(system.places.source_tree) == source);
    CHECK(is_tidy(system));
}

TEST_CASE("force replaces the source and the builds of a module that is there")
{
    const System system;
    system.put_module("foo", "1.0");
    system.put_built(foo, "foo.ko", "kept", kernel_5);
    put_file(system.layout().source_in_source_tree(foo) / "old", "old");
    Load load(system, archive_of(system, dkms_entries(foo, {kernel_6.text()})), forced());
    load();
    CHECK(is_added(system));
    CHECK(built(system, kernel_6) == "built for " + kernel_6.text());
    CHECK(built(system, kernel_5) == "kept");
    CHECK_FALSE(fs::exists(system.layout().source_in_source_tree(foo) / "old"));
    CHECK(load.events(EventKind::forcing).front().text("what") == "add");
    CHECK(is_tidy(system));
}

TEST_CASE("a source replaces a module that was without one, when forced")
{
    const System system;
    put_file(system.layout().source_link(foo) / "dkms.conf", conf_text(foo));
    Load load(system, archive_of(system, dkms_entries(foo)), forced());
    load();
    CHECK(fs::is_symlink(fs::symlink_status(system.layout().source_link(foo))));
    CHECK(is_tidy(system));
}

TEST_CASE("what a crash left is mended; builds that are there stay")
{
    const System system;
    system.put_built(foo, "foo.ko", "there before");
    put_file(system.places.source_tree / ".dkmsd-foo-1.0/x", "left");
    Load load(system, archive_of(system, dkms_entries(foo, {kernel_6.text(), kernel_5.text()})));
    load();
    CHECK(is_added(system));
    CHECK(built(system, kernel_6) == "there before");
    CHECK(built(system, kernel_5) == "built for " + kernel_5.text());
    CHECK(load.events(EventKind::build_loaded).back().facts.at("skipped") == true);
    CHECK(is_tidy(system));
}

TEST_CASE("a source that is there but not added is completed by the new one, not emptied")
{
    const System system;
    put_file(system.layout().source_in_source_tree(foo) / "Makefile", "old");
    put_file(system.layout().source_in_source_tree(foo) / "extra", "kept");
    Load load(system, archive_of(system, dkms_entries(foo)));
    load();
    CHECK(text_of_file(system.layout().source_in_source_tree(foo) / "Makefile") == "all:\n");
    CHECK(text_of_file(system.layout().source_in_source_tree(foo) / "extra") == "kept");
    CHECK(is_tidy(system));
}

TEST_CASE("a directory is copied, with its links, without its pipes")
{
    const System system;
    const auto directory = system.path() / "work";
    put_file(directory / "dkms.conf", conf_text(foo));
    put_file(directory / "sub/run.sh", "#!/bin/sh\n", 0777);
    put_file(directory / ".hidden", "x", 0600);
    fs::create_symlink("sub/run.sh", directory / "link");
    ::mkfifo((directory / "pipe").c_str(), 0600);
    Load load(system, directory);
    load();
    CHECK(load.kinds == std::vector<StepKind>{StepKind::adopt});
    const auto source = system.layout().source_in_source_tree(foo);
    CHECK(is_added(system));
    CHECK(System::contents(source).size() == 5);
    CHECK(fs::read_symlink(source / "link") == "sub/run.sh");
    struct stat facts {};
    ::stat((source / "sub/run.sh").c_str(), &facts);
    CHECK((facts.st_mode & 07777) == 0755);
    CHECK(load.events(EventKind::loading).size() == 1);
    CHECK(Load(system, directory).error().exit_code(Verb::load) == 3);
    Load(system, directory, forced())();
    CHECK(is_tidy(system));
}

TEST_CASE("a directory that is the module's own place is added where it is")
{
    const System system;
    system.put_source(foo, {"foo"});
    Load load(system, system.layout().source_in_source_tree(foo));
    load();
    CHECK(load.kinds == std::vector<StepKind>{StepKind::add});
    CHECK(is_added(system));
    CHECK(Load(system, system.layout().source(foo)).error().code() == ErrorCode::already_added);
    CHECK_NOTHROW(Load(system, system.layout().source_in_source_tree(foo), forced())());
}

TEST_CASE("what cannot be loaded changes nothing and leaves nothing behind")
{
    const System system;
    fs::path path;
    ErrorCode code = ErrorCode::archive_refused;
    int exit_code = 3;
    SECTION("hostile") { path = archive_of(system, {{"dkms.conf", conf_text(foo)}, {"../x", "x"}}); }
    SECTION("truncated")
    {
        path = archive_of(system, dkms_entries(foo, {kernel_6.text()}));
        fs::resize_file(path, fs::file_size(path) - 20);
        code = ErrorCode::archive_unreadable;
    }
    SECTION("no module")
    {
        path = archive_of(system, {{"README", "x"}});
        code = ErrorCode::archive_without_module;
    }
    SECTION("a name with slashes")
    {
        path = archive_of(system, dkms_entries({"../foo", "1.0"}));
        code = ErrorCode::conf_invalid;
        exit_code = 8;
    }
    SECTION("a bad configuration")
    {
        path = archive_of(system, {{"x/dkms.conf", "PACKAGE_NAME=foo\n"}});
        code = ErrorCode::conf_invalid;
        exit_code = 8;
    }
    SECTION("a directory without configuration")
    {
        path = system.path() / "empty";
        fs::create_directories(path);
        code = ErrorCode::conf_missing;
        exit_code = 9;
    }
    SECTION("a later tree")
    {
        auto entries = dkms_entries(foo);
        entries.push_back({"./dkms_main_tree/dkms_dbversion", "3.0.0"});
        path = archive_of(system, entries);
        code = ErrorCode::archive_too_new;
        exit_code = 9;
    }
    const Error error = Load(system, path).error();
    INFO(error.message());
    CHECK(error.code() == code);
    CHECK(error.exit_code(Verb::load) == exit_code);
    CHECK(error.message().find(system.layout().staging().string()) == std::string::npos);
    CHECK(system.listing().empty());
    CHECK(fs::is_empty(system.places.source_tree));
    if (fs::exists(system.layout().staging())) CHECK(is_tidy(system));
}

TEST_CASE("a load whose second half never comes leaves nothing that can be seen")
{
    const System system;
    const Outcome outcome = Load(system, archive_of(system, dkms_entries(foo, {kernel_6.text()}))).look();
    REQUIRE(outcome.follow_up.size() == 1);
    CHECK(outcome.follow_up.front().module == foo);
    CHECK(system.listing().empty());
    CHECK(fs::is_empty(system.places.source_tree));
    fs::remove_all(system.layout().staging()); // as the next owner of the tree does
    StepRun run(system, outcome.follow_up.front());
    CHECK(error_of([&] { run(make_adopt_step); }).code() == ErrorCode::interrupted);
}

TEST_CASE("adopt that is cancelled in POST_ADD takes everything back")
{
    const System system;
    auto entries = dkms_entries(foo, {kernel_6.text()});
    entries.back().content += "POST_ADD=after.sh\n";
    // It runs in a process group of its own; the parent is the process that runs the step.
    entries.push_back(
        {"./dkms_source_tree/after.sh", "#!/bin/sh\nkill -TERM $PPID; exec sleep 1000\n", AE_IFREG, 0755});
    const auto archive = archive_of(system, entries);
    SECTION("of a new module")
    {
        CHECK(Load(system, archive).error().code() == ErrorCode::cancelled);
        CHECK(system.listing().empty());
        CHECK(fs::is_empty(system.places.source_tree));
    }
    SECTION("of one that is replaced")
    {
        system.put_module("foo", "1.0");
        const auto before = System::contents(system.places.dkms_tree / "foo");
        const auto source = System::contents(system.places.source_tree);
        CHECK(Load(system, archive, forced()).error().code() == ErrorCode::cancelled);
        CHECK(System::contents(system.places.dkms_tree / "foo") == before);
        CHECK(System::contents(system.places.source_tree) == source);
    }
    CHECK(is_tidy(system));
}

TEST_CASE("POST_ADD of what was loaded runs, and its failure leaves the module added")
{
    const System system;
    auto entries = dkms_entries(foo, {kernel_6.text()});
    entries.back().content += "POST_ADD=after.sh\n";
    entries.push_back({"./dkms_source_tree/after.sh", "#!/bin/sh\nexit 5\n", AE_IFREG, 0755});
    const Error error = Load(system, archive_of(system, entries)).error();
    CHECK(error.exit_code(Verb::load) == 5);
    CHECK(is_added(system));
    CHECK(built(system, kernel_6) == "built for " + kernel_6.text());
    CHECK(is_tidy(system));
}
