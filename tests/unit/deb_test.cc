// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/archive_writer.h"
#include "lib/package/deb_control.h"
#include "lib/package/deb_names.h"
#include "lib/package/payload_tree.h"
#include "tests/catch.h"
#include "tests/unit/archive_fixture.h"

#include <sstream>

#include <sys/stat.h>

using namespace dkms;
namespace fs = std::filesystem;

TEST_CASE("names of Debian packages hold only what dpkg allows")
{
    CHECK(deb_name("v4l2loopback") == "v4l2loopback");
    CHECK(deb_name("Acpi_Call") == "acpi-call");
    CHECK(deb_name("_x") == "x");
    CHECK(deb_name("6.1.0-1+deb12~1") == "6.1.0-1+deb12-1");
    CHECK(modules_package_name({"a_b", "1"}, {"6.1.0-1-amd64", "x86_64"}) == "a-b-modules-6.1.0-1-amd64");
}

TEST_CASE("versions become such as dpkg reads")
{
    CHECK(deb_version("1.2~rc1+git-1") == "1.2~rc1+git-1");
    CHECK(deb_version("1_2:3") == "1.2.3");
    CHECK(deb_version("v3") == "0+v3");
    CHECK(deb_version("3c7623f") == "3c7623f");
}

TEST_CASE("machines have the names that dpkg has for them")
{
    CHECK(deb_architecture("x86_64") == "amd64");
    CHECK(deb_architecture("aarch64") == "arm64");
    CHECK(deb_architecture("i686") == "i386");
    CHECK(deb_architecture("ppc64le") == "ppc64el");
    CHECK(deb_architecture("s390x") == "s390x");
    CHECK(deb_architecture("amd64") == "amd64");
}

TEST_CASE("a control file has its fields in lines that are short enough")
{
    DebPackage package = dkms_package({"a_module_with_a_rather_long_name", "1.0"}, "all");
    std::istringstream lines(binary_control(package, 17));
    std::map<std::string, std::string> fields;
    std::size_t folded = 0;
    for (std::string line; std::getline(lines, line);) {
        CHECK(line.size() <= 90);
        CHECK_FALSE(line.empty());
        const auto colon = line.find(": ");
        if (line.front() == ' ') {
            CHECK(line.size() <= 80);
            CHECK(line.at(1) != ' ');
            ++folded;
        } else {
            fields[line.substr(0, colon)] = line.substr(colon + 2);
        }
    }
    CHECK(folded > 1);
    CHECK(fields.at("Package") == "a-module-with-a-rather-long-name-dkms");
    CHECK(fields.at("Installed-Size") == "17");
    CHECK(fields.at("Provides") == "a-module-with-a-rather-long-name-modules (= 1.0)");
    CHECK(fields.count("Source") == 0);
}

TEST_CASE("a source's control file has a paragraph for the source and one for the package")
{
    const std::string text = source_control(dkms_package({"foo", "1.0"}, "all"));
    CHECK(text.starts_with("Source: foo-dkms\n"));
    CHECK(text.find("Rules-Requires-Root: no\n\nPackage: foo-dkms\n") != std::string::npos);
}

TEST_CASE("dates do not depend on where they are written")
{
    CHECK(date_text(0) == "Thu, 01 Jan 1970 00:00:00 +0000");
    CHECK(changelog(dkms_package({"foo", "1.0"}, "all"), 0).find(">  Thu, 01 Jan 1970") != std::string::npos);
}

TEST_CASE("names in maintainer scripts are words for the shell")
{
    CHECK(dkms_postinst({"a;b", "$(c)"}).find("name='a;b' version='$(c)'\n") != std::string::npos);
    CHECK(dkms_prerm({"a'b", "1"}).find("a;b") == std::string::npos);
}

TEST_CASE("what a package brings has one time and the modes of packages")
{
    const System system;
    Cancellation cancellation;
    const auto root = system.path() / "payload";
    put_file(system.path() / "from/sub/run", "x", 0700);
    put_file(system.path() / "from/plain", "y", 0600);
    fs::create_symlink("plain", system.path() / "from/link");
    PayloadTree tree(root, 86400, cancellation);
    tree.tree("usr/src", Descriptor(::open((system.path() / "from").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
    tree.filled("etc/filled", [](int file) { write_all(file, "z"); });
    tree.text("bin/tool", "t", 0700);
    tree.finish();
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        struct stat facts {};
        REQUIRE(::lstat(entry.path().c_str(), &facts) == 0);
        CHECK(facts.st_mtime == 86400);
        const bool runs = entry.is_directory() || entry.path().filename() == "run" || entry.path().filename() == "tool";
        if (!entry.is_symlink()) CHECK((facts.st_mode & 07777U) == (runs ? 0755U : 0644U));
    }
    CHECK(fs::read_symlink(root / "usr/src/link") == "plain");
}

TEST_CASE("archives for installers have the format that these know")
{
    const System system;
    const auto [format, magic, at] = GENERATE(std::tuple{ArchiveFormat::ustar, std::string("ustar\0", 6), 257},
                                              std::tuple{ArchiveFormat::gnu_tar, std::string("ustar "), 257},
                                              std::tuple{ArchiveFormat::newc, std::string("070701"), 0});
    const auto path = system.path() / "archive";
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ArchiveWriter writer(file.number(), "archive", 86400, format);
    writer.directory("linux");
    writer.text("linux/x", "content");
    writer.close();
    const std::string bytes = read_file(path);
    CHECK(bytes.substr(static_cast<std::size_t>(at), magic.size()) == magic);
    CHECK((bytes.find("./linux") != std::string::npos) == (format == ArchiveFormat::gnu_tar));
}
