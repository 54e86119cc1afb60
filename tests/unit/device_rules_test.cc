// SPDX-License-Identifier: LGPL-2.1-or-later
// Devices whose modules a kernel lacks: the text of rules, which modules are in it, and which devices are looked at
// again.
#include "daemon/device_modules.h"
#include "daemon/device_search.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

using namespace dkms;

namespace {

const std::string by_itself = "AUTOINSTALL=yes\n";
const KernelId kernel_5{"5.10.0-1-test", "x86_64"};
const KernelId kernel_4{"4.19.0-1-test", "x86_64"};

/// A build for an earlier kernel; the higher `age`, the newer.
void put_record(const System& system, const ModuleId& module, const KernelId& kernel, std::vector<std::string> aliases,
                int age = 0)
{
    BuildRecord record;
    record.modules.push_back({module.name + ".ko", "", "", {}, std::move(aliases)});
    const auto file = system.layout().build_record(module, kernel);
    put_file(file, text_of(record));
    std::filesystem::create_directories(system.layout().built_modules(module, kernel));
    std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() + std::chrono::hours(age));
}

ModuleId put_added(const System& system, const std::string& name, const std::string& version = "1",
                   const std::string& more = by_itself)
{
    const ModuleId module{name, version};
    system.put_source(module, {name}, more);
    system.link(module);
    return module;
}

void mark_installed(const System& system, const ModuleId& module, const KernelId& kernel)
{
    std::filesystem::create_directories(system.layout().built_modules(module, kernel));
    std::filesystem::create_symlink(module.version + "/" + kernel.release + "/" + kernel.arch,
                                    system.layout().active_link(module.name, kernel));
}

std::vector<DeviceModule> found(const System& system) { return modules_for_devices(system.places, kernel_6); }

} // namespace

TEST_CASE("a device that has an alias of a missing module starts the unit of that module; others are skipped at once")
{
    CHECK(rules_text({{"edu", {"pci:v00001234d000011E8sv*sd*bc*sc*i*", "pci:v00001234d000011E9sv*"}},
                      {"rtl88", {"usb:v0BDAp8179d0[0-4]*dc*"}}}) ==
          "# Made by dkms-device-rules: devices whose modules the running kernel lacks.\n"
          "ACTION!=\"add\", GOTO=\"dkms_end\"\n"
          "ENV{MODALIAS}!=\"?*\", GOTO=\"dkms_end\"\n"
          "ENV{MODALIAS}==\"pci:v00001234d000011E8sv*sd*bc*sc*i*\", TAG+=\"systemd\", "
          "ENV{SYSTEMD_WANTS}+=\"dkms-device@edu.service\"\n"
          "ENV{MODALIAS}==\"pci:v00001234d000011E9sv*\", TAG+=\"systemd\", "
          "ENV{SYSTEMD_WANTS}+=\"dkms-device@edu.service\"\n"
          "ENV{MODALIAS}==\"usb:v0BDAp8179d0[0-4]*dc*\", TAG+=\"systemd\", "
          "ENV{SYSTEMD_WANTS}+=\"dkms-device@rtl88.service\"\n"
          "LABEL=\"dkms_end\"\n");
}

TEST_CASE("without aliases there are no rules")
{
    CHECK(rules_text({}).empty());
    CHECK(rules_text({{"a", {}}, {"b", {"net-pf-10"}}}).empty());
}

TEST_CASE("a module whose name would have to be escaped is left out")
{
    CHECK(device_unit("xtables-addons_2.x") == "dkms-device@xtables-addons_2.x.service");
    for (const char* name : {"a+b",
                             "gr\xC3\xB6\xC3\x9F"
                             "e",
                             "a\\b", "a\"b", "a%b", "a b"}) {
        CHECK(device_unit(name).empty());
        CHECK(rules_text({{name, {"pci:*"}}}).empty());
    }
}

TEST_CASE("aliases are foreign text: what is not known to be harmless is refused")
{
    for (const char* good : {"pci:v00001234d000011E8sv*sd*bc*sc*i*", "usb:v05ACp8242d01[0-4]*", "acpi*:PNP0C0A:*",
                             "of:N*T*Cvendor,some-chip", "virtio:d00000001v*", "hid:b0003g*v0000046Dp0000C52B",
                             "dmi:bvnDell*:svn*(TM):*", "platform:foo_bar", "i2c:a=b", "x:?"})
        CHECK(is_device_alias(good));
    for (const char* bad : {"",        "net-pf-10",   "fs-ext4",   "devname:fuse", "symbol:hello",
                            "*",       "*:*",         ":x",        "pci:a\"b",     "pci:a\\b",
                            "pci:a|b", "pci:$kernel", "pci:%k",    "pci:a b",      "pci:a\nACTION==\"add\"",
                            "pci:{x}", "pci:ö",       "pci:a\x7f", "pci:'a'",      "pci:#",
                            "pci:`a`", "pci:a;b"})
        CHECK_FALSE(is_device_alias(bad));
    CHECK_FALSE(is_device_alias("pci:" + std::string(2000, 'a')));
}

TEST_CASE("the aliases of rules can be read from them")
{
    const std::vector<DeviceModule> modules{{"a", {"pci:b*", "pci:a*"}}, {"b", {"usb:c"}}};
    CHECK(aliases_in(rules_text(modules)) == std::set<std::string>{"pci:a*", "pci:b*", "usb:c"});
    CHECK(aliases_in("").empty());
    CHECK(aliases_in("anything\nENV{MODALIAS}==\"pci:x").size() == 1);
}

TEST_CASE("modules that the kernel lacks are found with the aliases of earlier builds")
{
    const System system;
    put_record(system, put_added(system, "edu"), kernel_5, {"pci:edu*"});
    put_record(system, put_added(system, "demand", "1", ""), kernel_5, {"usb:demand*"});
    put_added(system, "never-built");
    const ModuleId there = put_added(system, "there");
    put_record(system, there, kernel_5, {"pci:there*"});
    mark_installed(system, there, kernel_6);
    CHECK(found(system) == std::vector<DeviceModule>{{"demand", {"usb:demand*"}}, {"edu", {"pci:edu*"}}});
}

TEST_CASE("modules that could not be installed are left out")
{
    const System system;
    put_record(system, put_added(system, "other", "1", by_itself + "BUILD_EXCLUSIVE_KERNEL_MIN=99\n"), kernel_5,
               {"pci:a"});
    put_record(system, put_added(system, "late", "1", by_itself + "BUILD_DEPENDS[0]=stranger\n"), kernel_5, {"pci:b"});
    const ModuleId lost = put_added(system, "lost");
    put_record(system, lost, kernel_5, {"pci:c"});
    std::filesystem::remove_all(system.layout().source_in_source_tree(lost));
    CHECK(found(system).empty());
}

TEST_CASE("the newest build of any version says what a module is for")
{
    const System system;
    const ModuleId old = put_added(system, "edu", "1");
    put_added(system, "edu", "2");
    put_record(system, old, kernel_4, {"pci:new"}, 2);
    put_record(system, old, kernel_5, {"pci:old"}, 1);
    CHECK(found(system) == std::vector<DeviceModule>{{"edu", {"pci:new"}}});
    SECTION("a version that is older is as good as installed")
    {
        mark_installed(system, old, kernel_6);
        CHECK(found(system).empty());
    }
}

TEST_CASE("where nothing is installed by itself, nothing is for devices")
{
    const System system;
    put_record(system, put_added(system, "edu"), kernel_5, {"pci:edu*"});
    put_file(system.places.config_dir / "no-autoinstall", "");
    CHECK(found(system).empty());
}

TEST_CASE("devices without a driver are looked for by their modalias")
{
    const Scratch scratch;
    const auto sys = scratch.path() / "sys";
    const auto put_device = [&](const std::string& bus, const std::string& name, const std::string& modalias,
                                bool driven = false) {
        const auto device = sys / "devices" / name;
        put_file(device / "modalias", modalias + "\n");
        if (driven) std::filesystem::create_symlink("../../bus/pci/drivers/x", device / "driver");
        if (driven) std::filesystem::create_directories(sys / "bus/pci/drivers/x");
        std::filesystem::create_directories(sys / "bus" / bus / "devices");
        std::filesystem::create_symlink("../../../devices/" + name, sys / "bus" / bus / "devices" / name);
        return std::filesystem::canonical(device);
    };
    const auto edu = put_device("pci", "0000:00:04.0", "pci:v00001234d000011E8sv1sd2bc00sc00i00");
    put_device("pci", "0000:00:05.0", "pci:v00001234d000011E8sv1sd2bc00sc00i00", true);
    put_device("pci", "0000:00:06.0", "pci:v00009999d000011E8sv1sd2bc00sc00i00");
    put_device("usb", "1-1:1.0", "");
    std::filesystem::create_directories(sys / "bus/cpu/devices/cpu0");
    CHECK(devices_without_driver(sys, {"pci:v00001234d*", "usb:*"}) == std::vector<std::filesystem::path>{edu});
    CHECK(devices_without_driver(sys, {}).empty());
    CHECK(devices_without_driver(scratch.path() / "nowhere", {"pci:*"}).empty());
}
