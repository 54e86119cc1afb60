// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/archive_layout.h"
#include "lib/package/archive_reader.h"
#include "lib/package/inner_path.h"
#include "tests/catch.h"
#include "tests/unit/archive_fixture.h"

#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

/// A directory to unpack to, beside one that nothing may get into.
class Target {
public:
    Target() { fs::create_directories(inside()); }
    fs::path inside() const { return scratch_.path() / "outside/inside"; }
    fs::path path() const { return scratch_.path(); }

    void unpack(const fs::path& archive, const ArchiveLimits& limits = {}) const
    {
        const Descriptor file(::open(archive.c_str(), O_RDONLY | O_CLOEXEC));
        StagedTree tree(inside());
        dkms::unpack(file.number(), "a.tar", tree, limits);
    }
    Error error(const std::vector<Packed>& entries, const ArchiveLimits& limits = {}) const
    {
        const auto archive = put_archive(path() / "a.tar", entries);
        return error_of([&] { unpack(archive, limits); });
    }
    /// Whether nothing was written but below inside().
    bool is_clean() const
    {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry : fs::directory_iterator(path() / "outside")) ++count;
        return count == 1;
    }

private:
    Scratch scratch_;
};

} // namespace

TEST_CASE("an archive is unpacked, whatever it is compressed with")
{
    const Target target;
    const std::vector<Packed> entries{directory_entry("./"),
                                      directory_entry("./a/"),
                                      {"./a/run", "text", AE_IFREG, 06755 & 01777},
                                      {"./a/b/c", "deep", AE_IFREG, 0600},
                                      {"./ä", "name", AE_IFREG, 0666},
                                      link_entry("./a/up", "../a/run"),
                                      hard_link_entry("./a/same", "./a/run")};
    const auto filter =
        GENERATE(archive_write_add_filter_none, archive_write_add_filter_gzip, archive_write_add_filter_bzip2,
                 archive_write_add_filter_xz, archive_write_add_filter_zstd, archive_write_add_filter_lzma);
    target.unpack(put_archive(target.path() / "named-otherwise.zip", entries, filter));
    const auto contents = System::contents(target.inside());
    CHECK(contents.at("a/run") == "text");
    CHECK(contents.at("a/same") == "text");
    CHECK(contents.at("a/b/c") == "deep");
    CHECK(contents.at("ä") == "name");
    CHECK(contents.at("a/up") == "-> ../a/run");
    struct stat facts {};
    ::stat((target.inside() / "a/run").c_str(), &facts);
    CHECK((facts.st_mode & 07777) == 0755);
    CHECK(facts.st_mtime == 1'000'000'000);
    ::stat((target.inside() / "a/b/c").c_str(), &facts);
    CHECK((facts.st_mode & 07777) == 0644);
    CHECK(facts.st_uid == ::geteuid());
    ::stat((target.inside() / "ä").c_str(), &facts);
    CHECK((facts.st_mode & 07777) == 0644);
}

TEST_CASE("a hostile archive is refused, and nothing gets out")
{
    const Target target;
    std::vector<Packed> entries;
    SECTION("absolute path") { entries = {{"/tmp/x", "x"}}; }
    SECTION("..") { entries = {{"../x", "x"}}; }
    SECTION(".. in the middle") { entries = {{"a/../../x", "x"}}; }
    SECTION("absolute link") { entries = {link_entry("x", "/etc/passwd")}; }
    SECTION("link that leaves") { entries = {link_entry("a/x", "../../x")}; }
    SECTION("link that leaves by another")
    {
        entries = {link_entry("a/b/up", "../.."), link_entry("x", "a/b/up/../../y")};
    }
    SECTION("empty link") { entries = {link_entry("x", "")}; }
    SECTION("file through a link") { entries = {link_entry("a", "."), {"a/x", "x"}}; }
    SECTION("hard link that leaves") { entries = {hard_link_entry("x", "../../a.tar")}; }
    SECTION("hard link to what is not there") { entries = {hard_link_entry("x", "y")}; }
    SECTION("hard link through a link") { entries = {link_entry("a", "."), hard_link_entry("x", "a/a")}; }
    SECTION("hard link to itself") { entries = {{"x", "x"}, hard_link_entry("x", "x")}; }
    SECTION("device") { entries = {{"x", "", AE_IFCHR}}; }
    SECTION("block device") { entries = {{"x", "", AE_IFBLK}}; }
    SECTION("pipe") { entries = {{"x", "", AE_IFIFO}}; }
    SECTION("setuid") { entries = {{"x", "x", AE_IFREG, 04755}}; }
    SECTION("setgid") { entries = {{"x", "x", AE_IFREG, 02755}}; }
    SECTION("name that is not UTF-8") { entries = {{"a\xff", "x"}}; }
    SECTION("control character") { entries = {{"a\x1b[0m", "x"}}; }
    SECTION("newline in a link") { entries = {link_entry("x", "a\nb")}; }
    SECTION("long name") { entries = {{std::string(300, 'x'), "x"}}; }
    SECTION("deep path")
    {
        entries = {{[] {
                        std::string path;
                        for (int i = 0; i < 200; ++i) path += "d/";
                        return path + "x";
                    }(),
                    "x"}};
    }
    SECTION("directory in the place of a file") { entries = {{"x", "x"}, directory_entry("x")}; }
    SECTION("file in the place of a directory") { entries = {directory_entry("x"), {"x", "x"}}; }
    SECTION("root is a file") { entries = {{"./", "x"}}; }
    const Error error = target.error(entries);
    INFO(error.message());
    CHECK(error.code() == ErrorCode::archive_refused);
    CHECK(error.exit_code(Verb::load) == 3);
    CHECK(target.is_clean());
}

TEST_CASE("an archive that becomes too much is refused")
{
    const Target target;
    ArchiveLimits limits;
    limits.entries = 10;
    limits.bytes = 1 << 20;
    limits.ratio = 50;
    limits.ratio_from = 1 << 16;
    SECTION("entries")
    {
        CHECK(target.error(std::vector<Packed>(11, {"x", "x"}), limits).code() == ErrorCode::archive_refused);
    }
    SECTION("directories on the way to one")
    {
        CHECK(target.error({{"1/2/3/4/5/6/7/8/9/10/x", "x"}, {"y", "y"}}, limits).code() == ErrorCode::archive_refused);
    }
    SECTION("bytes")
    {
        CHECK(
            target.error({{"x", "", AE_IFREG, 0644, 600 << 10}, {"y", "", AE_IFREG, 0644, 600 << 10}}, limits).code() ==
            ErrorCode::archive_refused);
    }
    SECTION("one file")
    {
        CHECK(target.error({{"x", "", AE_IFREG, 0644, 2 << 20}}, limits).code() == ErrorCode::archive_refused);
    }
    SECTION("ratio")
    {
        const auto archive =
            put_archive(target.path() / "a", {{"x", "", AE_IFREG, 0644, 1000 << 10}}, archive_write_add_filter_xz);
        CHECK(error_of([&] { target.unpack(archive, limits); }).parameters().at("reason").find("times its size") !=
              std::string::npos);
    }
    SECTION("enough") { target.unpack(put_archive(target.path() / "a", {{"x", "", AE_IFREG, 0644, 1 << 19}}), limits); }
}

TEST_CASE("an archive within an archive's compression is refused")
{
    const Target target;
    const auto twice = [](archive* writer) {
        archive_write_add_filter_gzip(writer);
        return archive_write_add_filter_xz(writer);
    };
    const auto archive = put_archive(target.path() / "a", {{"x", "x"}}, twice);
    CHECK(error_of([&] { target.unpack(archive); }).code() == ErrorCode::archive_refused);
}

TEST_CASE("what is damaged or no archive is unreadable")
{
    const Target target;
    const auto archive = target.path() / "a.tar.gz";
    SECTION("truncated")
    {
        put_archive(archive, {{"x", std::string(100'000, 'x')}}, archive_write_add_filter_gzip);
        fs::resize_file(archive, fs::file_size(archive) / 2);
    }
    SECTION("truncated without compression")
    {
        put_archive(archive, {{"x", std::string(100'000, 'x')}});
        fs::resize_file(archive, 50'000);
    }
    SECTION("text") { put_file(archive, std::string(5000, 'x')); }
    SECTION("no archive in the compression") { put_file(archive, "\x1f\x8b\x08\x00 this is not deflated"); }
    SECTION("empty") { put_file(archive, ""); }
    const Error error = error_of([&] { target.unpack(archive); });
    INFO(error.message());
    CHECK(error.code() == ErrorCode::archive_unreadable);
    CHECK(error.exit_code(Verb::load) == 3);
}

TEST_CASE("what comes later counts, as tar has it")
{
    const Target target;
    target.unpack(
        put_archive(target.path() / "a", {{"x", "first"}, link_entry("y", "x"), {"x", "second"}, {"y", "third"}}));
    CHECK(System::contents(target.inside()) == std::map<std::string, std::string>{{"x", "second"}, {"y", "third"}});
}

TEST_CASE("links stay when they climb only in front, and not too far")
{
    CHECK(link_stays(0, "a/b"));
    CHECK(link_stays(2, "../../a"));
    CHECK(link_stays(1, "./../a"));
    CHECK_FALSE(link_stays(1, "../../a"));
    CHECK_FALSE(link_stays(5, "a/../b"));
    CHECK_FALSE(link_stays(5, "/a"));
    CHECK_FALSE(link_stays(5, ""));
}

namespace {

/// What is seen in an archive of these entries.
class Seen {
public:
    explicit Seen(const std::vector<Packed>& entries) { target_.unpack(put_archive(target_.path() / "a", entries)); }
    ArchiveLayout operator()() const { return layout_of_archive(target_.inside(), "a.tar"); }
    Error error() const
    {
        return error_of([this] { (*this)(); });
    }
    std::string inner(const fs::path& path) const { return path.lexically_relative(target_.inside()).string(); }

private:
    Target target_;
};

const ModuleId foo{"foo", "1.0"};

} // namespace

TEST_CASE("the layout of dkms is recognized")
{
    auto entries = dkms_entries(foo, {"6.1.0/x86_64", "6.1.0/i686", "5.10/x86_64"});
    entries.push_back({"./dkms_main_tree/6.1.0/broken/log/make.log", "log"});
    const Seen seen(entries);
    const ArchiveLayout found = seen();
    CHECK(found.of_dkms);
    CHECK(seen.inner(found.source) == "dkms_source_tree");
    REQUIRE(found.builds.size() == 3);
    CHECK(found.builds[0].kernel.text() == "5.10/x86_64");
    CHECK(found.builds[1].kernel.text() == "6.1.0/i686");
    CHECK(found.left == std::vector<std::string>{"6.1.0/broken"});
}

TEST_CASE("builds of dkms 1.x have no architecture")
{
    const Seen seen(dkms_entries(foo, {"2.4.21"}));
    REQUIRE(seen().builds.size() == 1);
    CHECK(seen().builds[0].kernel == KernelId{"2.4.21", ""});
}

TEST_CASE("a plain source is where its dkms.conf lies least deep")
{
    const Seen seen({{"foo-1.0/deep/down/dkms.conf", ""},
                     {"foo-1.0/sub/dkms.conf", conf_text(foo)},
                     {"foo-1.0/sub2/dkms.conf", ""}});
    CHECK_FALSE(seen().of_dkms);
    CHECK(seen.inner(seen().source) == "foo-1.0/sub");
}

TEST_CASE("archives without a module are told apart by exit code")
{
    CHECK(Seen(std::vector<Packed>{{"README", "x"}}).error().exit_code(Verb::load) == 3);
    CHECK(Seen({directory_entry("dkms_main_tree"), {"dkms_source_tree/Makefile", "x"}}).error().exit_code(Verb::load) ==
          7);
    CHECK(Seen({directory_entry("dkms_main_tree"), {"x/dkms.conf", "x"}}).error().code() ==
          ErrorCode::archive_without_module);
}

TEST_CASE("trees of a later kind are refused, those up to 2.0.0 are not")
{
    auto entries = dkms_entries(foo);
    const auto with = [&](const std::string& version) {
        auto all = entries;
        all.push_back({"./dkms_main_tree/dkms_dbversion", version});
        return all;
    };
    CHECK_NOTHROW(Seen(with("2.0.0\n"))());
    CHECK_NOTHROW(Seen(with("1.0"))());
    const Error error = Seen(with("2.0.1\n")).error();
    CHECK(error.code() == ErrorCode::archive_too_new);
    CHECK(error.exit_code(Verb::load) == 9);
    CHECK(Seen(with(std::string(1000, '1'))).error().code() == ErrorCode::archive_refused);
}

TEST_CASE("what would be no kernel, and links out of a part, are refused")
{
    CHECK(Seen(dkms_entries(foo, {"source/x86_64"})).error().code() == ErrorCode::archive_refused);
    CHECK(Seen(dkms_entries(foo, {"-k/x86_64"})).error().code() == ErrorCode::archive_refused);
    CHECK(Seen(dkms_entries(foo, {"6.1.0/x 86"})).error().code() == ErrorCode::archive_refused);
    auto entries = dkms_entries(foo, {"6.1.0/x86_64"});
    SECTION("source") { entries.push_back(link_entry("./dkms_source_tree/x", "../dkms_main_tree")); }
    SECTION("build") { entries.push_back(link_entry("./dkms_main_tree/6.1.0/x86_64/module/bar.ko", "../../../x")); }
    CHECK(Seen(entries).error().code() == ErrorCode::archive_refused);
}

TEST_CASE("every sample is taken or refused as its name says, and stays inside")
{
    const char* data = std::getenv("DKMS_TEST_DATA");
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(data != nullptr ? data : "tests/data") / "archive")) {
        const std::string name = entry.path().filename();
        INFO(name);
        const Target target;
        const Error error = error_of([&] {
            target.unpack(entry.path());
            layout_of_archive(target.inside(), name);
        });
        const auto is = [&](const char* prefix) { return name.compare(0, std::string(prefix).size(), prefix) == 0; };
        const ErrorCode expected = is("hostile")     ? ErrorCode::archive_refused
                                   : is("truncated") ? ErrorCode::archive_unreadable
                                   : is("newer")     ? ErrorCode::archive_too_new
                                                     : ErrorCode::internal; // none was thrown
        CHECK(error.code() == expected);
        CHECK(target.is_clean());
        ++count;
    }
    CHECK(count >= 16);
}
