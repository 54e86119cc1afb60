// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/compression.h"
#include "lib/kernel/headers.h"
#include "lib/kernel/rooted_path.h"
#include "lib/kernel/symvers.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"

using namespace dkms;
namespace fs = std::filesystem;

namespace {

/// A system of its own below a scratch directory.
struct System {
    System() : places(Places::under(scratch.path())) { release_file("ID=debian\n"); }

    void release_file(const std::string& text) const { put_file(scratch.path() / "etc/os-release", text); }
    /// Headers below /usr/src, and the absolute link to them that distributions make.
    void headers(const std::string& release) const
    {
        put_file(scratch.path() / "usr/src" / release / "include/linux/version.h", "");
        put_file(scratch.path() / "usr/src" / release / ".config", "CONFIG_MODULES=y\n");
        fs::create_directories(places.install_tree / release);
        fs::create_symlink("/usr/src/" + release, places.install_tree / release / "build");
    }
    std::string package(const std::string& release) const { return headers_package({release, "x86_64"}, places); }

    Scratch scratch;
    Places places;
};

const KernelId kernel{"6.1.0-1-amd64", "x86_64"};

} // namespace

TEST_CASE("links are followed below the root and never out of it")
{
    const Scratch scratch;
    const fs::path root = scratch.path();
    fs::create_directories(root / "a/b");
    fs::create_symlink("/a", root / "absolute");
    fs::create_symlink("../../../../../a", root / "a/up");
    fs::create_symlink("loop", root / "loop");
    CHECK(resolve_below(root, root / "absolute/b") == root / "a/b");
    CHECK(resolve_below(root, root / "a/up/b") == root / "a/b");
    CHECK(resolve_below(root, root / "a/missing/c") == root / "a/missing/c");
    CHECK(resolve_below(root, root / "a/../absolute") == root / "a");
    CHECK(resolve_below(root, root / "loop").filename() == "loop");
    CHECK(resolve_below("/nowhere", root / "a") == root / "a");
    CHECK(resolve_below("/", root / "a/./b") == root / "a/b");
}

TEST_CASE("a kernel's configuration is read")
{
    const KernelConfig config =
        parse_kernel_config("# comment\nCONFIG_A=y\nCONFIG_B=m\r\n# CONFIG_C is not set\n"
                            "CONFIG_TEXT=\"gcc-12 (\\\"x\\\") 12.2.0\"\nCONFIG_N=0x10\nnonsense\nCONFIG_LAST=y");
    CHECK(config == KernelConfig{{"CONFIG_A", "y"},
                                 {"CONFIG_B", "m"},
                                 {"CONFIG_TEXT", "gcc-12 (\"x\") 12.2.0"},
                                 {"CONFIG_N", "0x10"},
                                 {"CONFIG_LAST", "y"}});
    CHECK(read_kernel_config("/nowhere/.config").empty());
}

TEST_CASE("headers are found where the kernel's link leads")
{
    const System system;
    system.headers(kernel.release);
    const KernelHeaders headers = find_headers(kernel, system.places, {});
    CHECK(headers.source_dir == system.scratch.path() / "usr/src" / kernel.release);
    CHECK(headers.config_file == headers.source_dir / ".config");
    CHECK(headers.config.at("CONFIG_MODULES") == "y");
    CHECK(headers_directory(kernel, system.places, {}) == headers.source_dir);

    SECTION("auto.conf says what is built, so it goes before .config")
    {
        put_file(headers.source_dir / "include/config/auto.conf", "CONFIG_MODULES=m\n");
        CHECK(find_headers(kernel, system.places, {}).config.at("CONFIG_MODULES") == "m");
    }
    SECTION("options name other ones")
    {
        Options options;
        options.kernel_source_dir = system.scratch.path() / "mine";
        options.kernel_config = system.scratch.path() / "my.config";
        put_file(options.kernel_source_dir / "include/x.h", "");
        put_file(options.kernel_config, "CONFIG_MINE=y\n");
        const KernelHeaders own = find_headers({"9.9", "x86_64"}, system.places, options);
        CHECK(own.source_dir == options.kernel_source_dir);
        CHECK(own.config.at("CONFIG_MINE") == "y");
        fs::remove_all(options.kernel_source_dir);
        CHECK(error_of([&] { find_headers(kernel, system.places, options); }).code() == ErrorCode::no_kernel_headers);
    }
}

TEST_CASE("the running system's headers keep the name that people know")
{
    CHECK(headers_directory(kernel, Places{}, {}) == "/lib/modules/6.1.0-1-amd64/build");
}

TEST_CASE("headers that are not there each have an error of their own")
{
    const System system;
    const auto fault = [&] { return error_of([&] { find_headers(kernel, system.places, {}); }); };
    CHECK(fault().code() == ErrorCode::no_such_kernel);
    CHECK(fault().exit_code(Verb::build) == 21);

    const fs::path directory = system.places.install_tree / kernel.release;
    fs::create_directories(directory);
    CHECK(fault().code() == ErrorCode::no_kernel_headers);
    CHECK(fault().parameters().at("package") == "linux-headers-6.1.0-1-amd64");
    CHECK(fault().parameters().at("path") == directory / "build");

    fs::create_symlink("/usr/src/gone", directory / "build");
    CHECK(fault().code() == ErrorCode::kernel_directory_dangling);
    CHECK(fault().parameters().at("target") == system.scratch.path() / "usr/src/gone");

    fs::create_directories(system.scratch.path() / "usr/src/gone");
    CHECK(fault().code() == ErrorCode::no_kernel_headers);

    fs::remove(directory / "build");
    fs::create_directories(directory / "source/include");
    CHECK(find_headers(kernel, system.places, {}).source_dir == directory / "source");
}

TEST_CASE("installed kernels are listed oldest first")
{
    const System system;
    system.headers("6.10.1");
    system.headers("6.9.2");
    fs::create_directories(system.places.install_tree / "6.2.0");
    fs::create_directories(system.places.install_tree / ".hidden");
    put_file(system.places.install_tree / "file", "");
    std::vector<std::string> all;
    for (const KernelId& one : installed_kernels(system.places, false)) all.push_back(one.release);
    CHECK(all == std::vector<std::string>{"6.2.0", "6.9.2", "6.10.1"});
    CHECK(installed_kernels(system.places, true).size() == 2);
    CHECK(installed_kernels(Places::under("/nowhere"), false).empty());
}

TEST_CASE("every distribution has its own name for the headers")
{
    const System system;
    CHECK(system.package("6.1.0-1-amd64") == "linux-headers-6.1.0-1-amd64");
    system.release_file("ID=fedora\n");
    CHECK(system.package("6.5.6-300.fc39.x86_64") == "kernel-devel-6.5.6-300.fc39.x86_64");
    CHECK(system.package("6.5.6-300.fc39.x86_64+debug") == "kernel-debug-devel-6.5.6-300.fc39.x86_64");
    system.release_file("ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n");
    CHECK(system.package("6.4.0-150600.23-default") == "kernel-default-devel");
    system.release_file("ID=arch\n");
    CHECK(system.package("6.6.1-arch1-1") == "linux-headers");
    CHECK(system.package("6.6.1-1-lts") == "linux-lts-headers");
}

TEST_CASE("compression is that of the kernel's own modules")
{
    const System system;
    const fs::path modules = system.places.install_tree / kernel.release;
    CHECK(compression_of(kernel, system.places) == Compression::none);
    put_file(modules / "updates/dkms/mine.ko.gz", "");
    CHECK(compression_of(kernel, system.places) == Compression::gzip);
    put_file(modules / "kernel/drivers/a.ko", "");
    CHECK(compression_of(kernel, system.places) == Compression::none);
    put_file(modules / "kernel/drivers/b.ko.xz", "");
    CHECK(compression_of(kernel, system.places) == Compression::xz);
    put_file(modules / "kernel/fs/c.ko.zst", "");
    put_file(modules / "kernel/fs/d.ko.gz", "");
    put_file(modules / "kernel/not-a-module.zst", "");
    CHECK(compression_of(kernel, system.places) == Compression::zstd);
    CHECK(suffix_of(Compression::zstd) == ".zst");
    CHECK(suffix_of(Compression::none).empty());
}

TEST_CASE("each symbol of a Module.symvers is found, and no other")
{
    const auto name = [](int i) { return "symbol_" + std::to_string(i); };
    std::string text = "0x00000001\tfirst\tvmlinux\tEXPORT_SYMBOL\t\n0x2\tfirst\tdriver/foo\tEXPORT_SYMBOL\t\n"
                       "0x3\tof_nobody\t\tEXPORT_SYMBOL\t\nno symbol\n\n";
    for (int i = 0; i < 3000; ++i)
        text += "0x" + std::to_string(i) + "\t" + name(i) + "\t" + (i % 2 == 0 ? "vmlinux" : "driver/foo") + "\tE\n";
    const Symvers symvers(text + "0xffffffff\tlast\tvmlinux");
    CHECK(symvers.find("first")->crc == 1);
    CHECK(symvers.find("first")->of_kernel);
    CHECK(symvers.find("last")->crc == 0xffffffff);
    bool all = true;
    for (int i = 0; i < 3000; ++i) {
        const auto found = symvers.find(name(i));
        all = all && found && found->of_kernel == (i % 2 == 0) &&
              found->crc == std::stoul(std::to_string(i), nullptr, 16);
    }
    CHECK(all);
    for (const char* other : {"", "of_nobody", "symbol", "symbol_3000", "vmlinux", "symbol_1\tdriver/foo"})
        CHECK_FALSE(symvers.find(other));
    CHECK(symvers.lists_modules());
    CHECK_FALSE(symvers.empty());
    const Symvers nothing("");
    CHECK(nothing.empty());
    CHECK_FALSE(nothing.find("first"));
    CHECK_FALSE(Symvers("0x1\tfirst\tvmlinux\tE\n").lists_modules());
}
