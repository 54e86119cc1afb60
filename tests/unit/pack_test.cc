// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/adopt_step.h"
#include "lib/package/archive_name.h"
#include "lib/package/archive_reader.h"
#include "lib/package/archive_writer.h"
#include "lib/package/load_step.h"
#include "lib/package/manifest.h"
#include "lib/package/pack_step.h"
#include "lib/process/child.h"
#include "lib/tree/build_origin.h"
#include "tests/catch.h"
#include "tests/unit/archive_fixture.h"

#include <nlohmann/json.hpp>

#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const ModuleId foo{"foo", "1.0"};
const KernelId kernel_5{"5.10.0-1-test", "aarch64"};

Step packing(std::vector<KernelId> kernels, Options options = {})
{
    Step step;
    step.kind = StepKind::pack;
    step.module = foo;
    step.kernels = std::move(kernels);
    step.options = std::move(options);
    return step;
}

/// A module with a source of several kinds of files and two builds.
void put_module_of_all_kinds(const System& system)
{
    system.put_module("foo", "1.0");
    system.put_built(foo, "foo.ko.xz", "for 5", kernel_5);
    put_file(system.layout().build_record(foo, kernel_5), "{}");
    const auto source = system.layout().source_in_source_tree(foo);
    put_file(source / "sub/run.sh", "#!/bin/sh\n", 0755);
    put_file(source / ".hidden/ä", "x");
    fs::create_symlink("sub/run.sh", source / "link");
    fs::create_directories(source / "empty");
}

fs::path tarball(const System& system, const std::string& name)
{
    return system.layout().version(foo) / "tarball" / name;
}

/// Names of the entries, as they stand in the archive.
std::vector<std::string> names_in(const fs::path& path)
{
    archive* reader = archive_read_new();
    archive_read_support_filter_all(reader);
    archive_read_support_format_tar(reader);
    archive_read_open_filename(reader, path.c_str(), 10240);
    std::vector<std::string> names;
    for (archive_entry* entry = nullptr; archive_read_next_header(reader, &entry) == ARCHIVE_OK;) {
        names.emplace_back(archive_entry_pathname(entry));
        CHECK(archive_entry_uid(entry) == 0);
    }
    archive_read_free(reader);
    return names;
}

std::map<std::string, std::string> contents_of(const System& system, const fs::path& path)
{
    const auto directory = system.path() / "unpacked";
    fs::remove_all(directory);
    fs::create_directories(directory);
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    StagedTree tree(directory);
    unpack(file.number(), "archive", tree);
    return System::contents(directory);
}

} // namespace

TEST_CASE("an archive has the layout that everybody knows")
{
    const System system;
    put_module_of_all_kinds(system);
    StepRun run(system, packing({kernel_6, kernel_5}));
    CHECK(run(make_pack_step).result == Result::done);
    const auto path = tarball(system, archive_name(foo, {kernel_6, kernel_5}));
    REQUIRE(fs::exists(path));
    const auto names = names_in(path);
    CHECK(names.at(0) == "./");
    CHECK(names.at(1) == "./dkms_main_tree/");
    CHECK(names.at(2) == "./dkms_main_tree/dkms_dbversion");
    const auto contents = contents_of(system, path);
    CHECK(contents.at("dkms_main_tree/dkms_dbversion") == "2.0.0\n");
    CHECK(contents.at("dkms_main_tree/5.10.0-1-test/aarch64/module/foo.ko.xz") == "for 5");
    CHECK(contents.at("dkms_main_tree/5.10.0-1-test/aarch64/.dkmsd.json") == "{}");
    CHECK(contents.count("dkms_main_tree/6.1.0-1-test/x86_64/module/foo.ko") == 1);
    CHECK(contents.at("dkms_source_tree/link") == "-> sub/run.sh");
    CHECK(contents.at("dkms_source_tree/.hidden/ä") == "x");
    CHECK(contents.at("dkms_source_tree/empty") == "directory");
    CHECK(contents.count("dkms_binaries_only") == 0);

    const auto marks = run.events(EventKind::packing);
    REQUIRE(marks.size() == 3);
    CHECK(marks.at(0).text("kernel") == kernel_6.text());
    CHECK(marks.at(2).text("what") == "source");
    CHECK(marks.at(2).text("path") == system.layout().source_link(foo));
    CHECK(run.events(EventKind::packed).front().text("path") == path);
}

TEST_CASE("the same tree gives the same bytes, whenever and in whatever order it was made")
{
    const auto compressor = GENERATE("a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.tar.zst", "a.tgz");
    std::vector<std::string> bytes;
    for (const bool later : {false, true}) {
        const System system;
        put_module_of_all_kinds(system);
        const auto source = system.layout().source_in_source_tree(foo);
        if (later) {
            fs::rename(source / "Makefile", source / "x");
            fs::rename(source / "x", source / "Makefile");
            ::chmod((source / "Makefile").c_str(), 0600);
        }
        for (const auto& top : {system.places.dkms_tree, source})
            for (const auto& entry : fs::recursive_directory_iterator(top))
                if (!entry.is_symlink() && entry.is_regular_file())
                    fs::last_write_time(entry.path(), fs::file_time_type() - std::chrono::hours(24));
        Options options;
        options.archive = compressor;
        StepRun(system, packing({kernel_6, kernel_5}, options))(make_pack_step);
        bytes.push_back(text_of_file(tarball(system, compressor)));
    }
    CHECK(bytes.at(0).size() > 200);
    CHECK(bytes.at(0) == bytes.at(1));
}

TEST_CASE("the caller's SOURCE_DATE_EPOCH is the time of everything")
{
    const System system;
    put_module_of_all_kinds(system);
    StepRun run(system, packing({}));
    run.work().settings["SOURCE_DATE_EPOCH"] = "86400";
    run(make_pack_step);
    const auto path = tarball(system, "foo-1.0-source-only.dkms.tar.gz");
    contents_of(system, path);
    struct stat facts {};
    ::stat((system.path() / "unpacked/dkms_source_tree/Makefile").c_str(), &facts);
    CHECK(facts.st_mtime == 86400);
}

TEST_CASE("a packed module that is loaded elsewhere is the same, and packs to the same bytes")
{
    const System here;
    put_module_of_all_kinds(here);
    StepRun(here, packing({kernel_6, kernel_5}))(make_pack_step);
    const auto path = tarball(here, archive_name(foo, {kernel_6, kernel_5}));

    const System there;
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    Step loading;
    loading.kind = StepKind::load;
    StepRun load(there, loading);
    load.work().handle = file.number();
    StepRun(there, load(make_load_step).follow_up.at(0))(make_adopt_step);
    CHECK(System::contents(there.places.source_tree) == System::contents(here.places.source_tree));
    for (const KernelId& kernel : {kernel_6, kernel_5}) {
        auto loaded = System::contents(there.layout().kernel(foo, kernel));
        CHECK(loaded.erase(archive_note) == 1); // where it came from is known
        CHECK(loaded == System::contents(here.layout().kernel(foo, kernel)));
    }
    StepRun(there, packing({kernel_5, kernel_6}))(make_pack_step);
    CHECK(text_of_file(tarball(there, archive_name(foo, {kernel_5, kernel_6}))) == text_of_file(path));
}

TEST_CASE("an archive has a manifest of what is in it, and one that is not as it says is refused")
{
    const System here;
    put_module_of_all_kinds(here);
    StepRun(here, packing({kernel_6, kernel_5}))(make_pack_step);
    const auto path = tarball(here, archive_name(foo, {kernel_6, kernel_5}));
    contents_of(here, path);
    const auto unpacked = here.path() / "unpacked";
    const auto manifest = nlohmann::json::parse(text_of_file(unpacked / "dkms_manifest.json"));
    CHECK(manifest.at("format") == 1);
    CHECK(manifest.at("module") == "foo");
    CHECK(manifest.at("version") == "1.0");
    CHECK(manifest.at("source").at("files") == 5); // dkms.conf, Makefile, run.sh, ä, link
    REQUIRE(manifest.at("builds").size() == 2);
    const auto& build = manifest.at("builds").at(0);
    CHECK(build.at("kernel") == "5.10.0-1-test");
    CHECK(build.at("arch") == "aarch64");
    CHECK(build.at("modules").at(0).at("file") == "foo.ko.xz");
    CHECK(build.at("modules").at(0).at("sha256") == "a7e6c45dfba399b4bc9e57c0eb704cfc339e3e267a960bb6049b27666445c966");

    const auto refusal = [&] { return error_of([&] { check_manifest(unpacked, "a.tar"); }).message(); };
    check_manifest(unpacked, "a.tar");
    SECTION("a file of the source is another")
    {
        put_file(unpacked / "dkms_source_tree/Makefile", "all: ;\n");
        CHECK(refusal() == "a.tar is refused: its source is not as its manifest says.");
    }
    SECTION("a link leads elsewhere")
    {
        fs::remove(unpacked / "dkms_source_tree/link");
        fs::create_symlink("Makefile", unpacked / "dkms_source_tree/link");
        CHECK(refusal() == "a.tar is refused: its source is not as its manifest says.");
    }
    SECTION("a file has come")
    {
        put_file(unpacked / "dkms_source_tree/more.c", "");
        CHECK(refusal() == "a.tar is refused: its source is not as its manifest says.");
    }
    SECTION("a module is another, or is not there")
    {
        const auto module = unpacked / "dkms_main_tree/5.10.0-1-test/aarch64/module/foo.ko.xz";
        if (GENERATE(false, true))
            fs::remove(module);
        else
            put_file(module, "for 6");
        CHECK(refusal() == "a.tar is refused: the modules for 5.10.0-1-test/aarch64 are not as its manifest says.");
    }
    SECTION("modules have come, or a source")
    {
        put_file(unpacked / "dkms_main_tree/6.6.6/x86_64/module/foo.ko", "");
        CHECK(refusal() == "a.tar is refused: it has modules for 6.6.6/x86_64 that its manifest does not name.");
        fs::remove_all(unpacked / "dkms_main_tree/6.6.6");
        nlohmann::json less = manifest;
        less.erase("source");
        put_file(unpacked / "dkms_manifest.json", less.dump());
        CHECK(refusal() == "a.tar is refused: it has a source that its manifest does not name.");
    }
    SECTION("the manifest is none")
    {
        put_file(unpacked / "dkms_manifest.json", GENERATE("", "[", "[]", "{\"format\":\"1\"}"));
        CHECK(refusal() == "a.tar is refused: its manifest cannot be read.");
    }
    SECTION("the manifest is of a later format")
    {
        put_file(unpacked / "dkms_manifest.json", "{\"format\":2}");
        CHECK(refusal() == "a.tar is refused: it has a manifest of a later format.");
    }
    SECTION("there is none: archives of other programs")
    {
        fs::remove(unpacked / "dkms_manifest.json");
        fs::remove(unpacked / "dkms_source_tree/Makefile");
        CHECK_NOTHROW(check_manifest(unpacked, "a.tar"));
    }
}

TEST_CASE("an archive is written to the handle, if there is one")
{
    const System system;
    put_module_of_all_kinds(system);
    const auto path = system.path() / "out.tar.zst";
    put_file(path, std::string(100'000, 'x'));
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    Options options;
    options.archive = "out.tar.zst";
    SECTION("source only")
    {
        options.source_only = true;
        StepRun run(system, packing({kernel_6}, options));
        run.work().handle = file.number();
        run(make_pack_step);
        const auto contents = contents_of(system, path);
        CHECK(contents.count("dkms_main_tree") == 1);
        CHECK(contents.count("dkms_main_tree/6.1.0-1-test") == 0);
        CHECK(contents.count("dkms_source_tree/dkms.conf") == 1);
        CHECK(run.events(EventKind::packed).front().text("path") == path);
    }
    SECTION("binaries only, with a configuration of another name")
    {
        options.binaries_only = true;
        options.conf_file = system.path() / "other.conf";
        put_file(options.conf_file, conf_text(foo, "# other\n"));
        StepRun run(system, packing({kernel_5}, options));
        run.work().handle = file.number();
        run(make_pack_step);
        const auto contents = contents_of(system, path);
        CHECK(contents.at("dkms_binaries_only/dkms.conf") == conf_text(foo, "# other\n"));
        CHECK(contents.at("dkms_binaries_only/PACKAGE_NAME") == "foo\n");
        CHECK(contents.at("dkms_binaries_only/PACKAGE_VERSION") == "1.0\n");
        CHECK(contents.count("dkms_source_tree") == 0);
        CHECK(run.events(EventKind::packing).back().text("what") == "binaries-structure");
    }
    CHECK_FALSE(fs::exists(system.layout().version(foo) / "tarball"));
}

TEST_CASE("what is not there cannot be packed, and nothing is left behind")
{
    const System system;
    put_module_of_all_kinds(system);
    const auto before = system.listing();
    StepRun other(system, packing({{"9.9", "x86_64"}}));
    CHECK(error_of([&] { other(make_pack_step); }).code() == ErrorCode::not_built);
    const auto conf = system.layout().source_in_source_tree(foo) / "dkms.conf";
    fs::rename(conf, system.path() / "conf");
    StepRun without(system, packing({kernel_6}));
    CHECK(error_of([&] { without(make_pack_step); }).code() == ErrorCode::conf_missing);
    fs::rename(system.path() / "conf", conf);
    fs::remove(system.layout().source_link(foo));
    StepRun broken(system, packing({kernel_6}));
    CHECK(error_of([&] { broken(make_pack_step); }).code() == ErrorCode::broken_module);
    fs::create_symlink(system.layout().source_in_source_tree(foo), system.layout().source_link(foo));
    if (::getuid() != 0) {
        put_file(system.layout().source_in_source_tree(foo) / "secret", "x", 0);
        StepRun unreadable(system, packing({kernel_6}));
        CHECK(error_of([&] { unreadable(make_pack_step); }).code() == ErrorCode::source_unreadable);
    }
    CHECK(system.listing() == before);
}

TEST_CASE("an archive that was given up does not look whole")
{
    for (const std::string name : {"a.tar.gz", "a.tar.zst", "a.tar.xz"}) {
        INFO(name);
        const bool whole = GENERATE(true, false);
        const Scratch scratch;
        const Descriptor file(::open((scratch.path() / name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        {
            ArchiveWriter writer(file.number(), name, 0);
            writer.text("text", std::string(100'000, 'x'));
            if (whole) writer.close();
        }
        Command list;
        list.argv = {"tar", "-tf", (scratch.path() / name).string()};
        list.environment = base_environment();
        CHECK(run(list).ok() == whole);
    }
}

TEST_CASE("a full device is told, not passed over")
{
    const System system;
    put_module_of_all_kinds(system);
    const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    REQUIRE(full);
    StepRun run(system, packing({kernel_6}));
    run.work().handle = full.number();
    CHECK(error_of([&] { run(make_pack_step); }).code() == ErrorCode::disk_full);
}

TEST_CASE("archives are called by what is in them")
{
    CHECK(archive_name(foo, {}) == "foo-1.0-source-only.dkms.tar.gz");
    CHECK(archive_name(foo, {kernel_6}) == "foo-1.0-kernel6.1.0-1-test-x86_64.dkms.tar.gz");
    CHECK(archive_name(foo, {kernel_6, kernel_5}) ==
          "foo-1.0-kernel6.1.0-1-test-x86_64-kernel5.10.0-1-test-aarch64.dkms.tar.gz");
    const KernelId long_one{std::string(192, '6'), "a"};
    CHECK(archive_name(foo, {{std::string(191, '6'), "a"}}).find("manykernels") == std::string::npos);
    CHECK(archive_name(foo, {long_one, kernel_6}) == "foo-1.0-manykernels.dkms.tar.gz");
}
