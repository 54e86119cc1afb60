// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/crc_cpio.h"
#include "lib/package/disk_image.h"
#include "lib/package/disk_layout.h"
#include "lib/package/redhat_loader_disk.h"
#include "lib/package/suse_disk.h"
#include "tests/catch.h"
#include "tests/unit/archive_fixture.h"

using namespace dkms;

namespace {

const std::vector<std::string> one_arch{"x86_64"};

PackedModule module_named(const std::string& name, std::vector<std::string> depends = {},
                          std::vector<std::string> aliases = {}, const std::string& description = {})
{
    PackedModule module{name + ".ko", name, {}};
    module.facts.depends = std::move(depends);
    module.facts.aliases = std::move(aliases);
    module.facts.description = description;
    return module;
}

std::vector<std::string> names_of(const std::vector<PackedModule>& modules)
{
    std::vector<std::string> names;
    for (const PackedModule& module : modules) names.push_back(module.name);
    return names;
}

Conf conf_with(const std::vector<std::pair<std::string, std::string>>& modules)
{
    Conf conf;
    for (const auto& [name, location] : modules)
        conf.modules.push_back({static_cast<unsigned>(conf.modules.size()), name, "", name, location, true});
    return conf;
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("distributions are understood as the old program did, and some more")
{
    using T = DiskTarget;
    CHECK(disk_targets({"redhat"}, one_arch) == std::vector{T{DiskLayout::loader_v1, "redhat1", ""}});
    CHECK(disk_targets({"redhat"}, {"x86_64", "ia64"}) == std::vector{T{DiskLayout::loader_v2, "redhat2", ""}});
    CHECK(disk_targets({"redhat1"}, {"i386", "i686", "x86_64"}).size() == 1);
    CHECK(disk_targets({"suse/9.2"}, one_arch) == std::vector{T{DiskLayout::suse, "suse", "9.2"}});
    CHECK(disk_targets({"ubuntu"}, one_arch) == std::vector{T{DiskLayout::old_ubuntu, "ubuntu", ""}});
    CHECK(disk_targets({"ubuntu/jammy"}, one_arch) == std::vector{T{DiskLayout::debian, "ubuntu", "jammy"}});
    CHECK(disk_targets({"all/sles15", "all/bookworm", "redhat3"}, one_arch) ==
          std::vector{T{DiskLayout::anaconda, "redhat3", ""}, T{DiskLayout::suse, "suse", "sles15"},
                      T{DiskLayout::debian, "debian", "bookworm"}});
}

TEST_CASE("distributions that make no sense are refused")
{
    const auto words = GENERATE(Names{}, Names{"plan9"}, Names{"suse"}, Names{"UnitedLinux"}, Names{"debian"},
                                Names{"all/etch"}, Names{"suse/../x"}, Names{"suse/a/b"}, Names{"redhat3", "x"});
    CHECK_THROWS_AS(disk_targets(words, one_arch), Error);
    CHECK_THROWS_AS(disk_targets({"redhat1"}, {"x86_64", "ia64"}), Error);
}

TEST_CASE("a disk's name says what it is for")
{
    const ModuleId foo{"foo", "1.0"};
    const auto name = [&](const Names& distributions) {
        return disk_name(foo, {kernel_6}, disk_targets(distributions, one_arch));
    };
    CHECK(name({"redhat"}) == "foo-1.0-kernel6.1.0-1-test-x86_64-dd");
    CHECK(name({"redhat3"}) == "foo-1.0-dd");
    CHECK(name({"suse/sles9"}) == "foo-1.0-suse-sles9-dd");
    CHECK(name({"ubuntu"}) == "foo-1.0-ubuntu-dd");
    CHECK(name({"redhat2", "suse/sles9"}) == "foo-1.0-dd");
}

TEST_CASE("modules are loaded after those they need, else as dkms.conf has them")
{
    const Conf conf = conf_with({{"z", ""}, {"a", ""}, {"m-n", ""}});
    CHECK(names_of(in_load_order({module_named("a"), module_named("m_n"), module_named("z")}, conf)) ==
          Names{"z", "a", "m_n"});
    CHECK(names_of(in_load_order({module_named("a"), module_named("m_n"), module_named("z", {"m-n", "usbcore"})},
                                 conf)) == Names{"a", "m_n", "z"});
    CHECK(names_of(in_load_order({module_named("a", {"z"}), module_named("z", {"a"})}, conf)).size() == 2);
    CHECK(needed_from_outside({module_named("a", {"m-n", "crc8"}), module_named("m_n", {"crc8", "mii"})}) ==
          Names{"crc8", "mii"});
}

TEST_CASE("the old loader gets texts as it reads them")
{
    const std::vector<PackedModule> modules{
        module_named("net", {"mii"}, {"pci:v00008086d0000100Fsv*sd*bc*sc*i*", "pci:v00008086d*sv*", "usb:v1234p5678*"},
                     "The \"best\"\ncard"),
        module_named("other")};
    const Conf conf = conf_with({{"net", "/kernel/drivers/net/x"}, {"other", "/extra"}});
    CHECK(loader_modinfo(modules, conf) ==
          "Version 0\nnet\n\teth\n\t\"The 'best' card\"\nother\n\tother\n\t\"other\"\n");
    CHECK(loader_modules_dep(modules) == "net: mii\n");
    CHECK(loader_pcitable(modules) == "0x8086\t0x100f\t\"net\"\t\"The 'best' card\"\n");
    CHECK(loader_modules_alias({module_named("x", {}, {"usb:*"})}) == "alias usb:* x\n");
}

TEST_CASE("a cpio archive with checksums has them")
{
    CrcCpio archive(0x3b9aca00);
    archive.file("a/b", "abc");
    const std::string bytes = archive.finish();
    CHECK(bytes.size() % 512 == 0);
    CHECK(bytes.substr(0, 110) == "070702"
                                  "00000001"
                                  "000081A4"
                                  "00000000"
                                  "00000000"
                                  "00000001"
                                  "3B9ACA00"
                                  "00000003"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000004"
                                  "00000126");
    CHECK(bytes.substr(110, 10) == std::string("a/b\0\0\0abc\0", 10).substr(0, 10));
    CHECK(bytes.find("TRAILER!!!") == 120 + 110);
}

TEST_CASE("SUSE's installer has a kernel of flavour default")
{
    const KernelId old{"6.4.0-9-default", "x86_64"}, newer{"6.4.0-10-default", "x86_64"}, kvm{"6.9.0-1-kvm", "x86_64"};
    CHECK(installer_kernel({newer, kvm, old}) == newer);
    CHECK(installer_kernel({kvm, {"6.1.0-1-x", "x86_64"}}) == kvm);
}

TEST_CASE("media and labels that cannot be are refused")
{
    CHECK(disk_media("") == DiskMedia::img);
    CHECK(suffix_of(disk_media("cpio.gz")) == ".cpio.gz");
    CHECK_THROWS_AS(disk_media("usb"), Error);
    DiskImage image;
    image.media = DiskMedia::tar;
    image.label = GENERATE("has blank", "-n", "a/b", "a-label-that-is-longer-than-thirty-two");
    CHECK_THROWS_AS(check_image(image), Error);
    image.label = "OEMDRV";
    CHECK_NOTHROW(check_image(image));
}
