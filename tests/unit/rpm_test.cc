// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/builtin_specs.h"
#include "lib/package/kernel_symbols.h"
#include "lib/package/rpm_provides.h"
#include "lib/package/rpm_text.h"
#include "lib/package/spec_file.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

#include <algorithm>

using namespace dkms;

namespace {

ErrorCode error_of(const ModuleId& module)
{
    try {
        rpm_version(module, "The RPM");
    } catch (const Error& error) {
        CHECK(error.parameters().at("product") == "The RPM");
        return error.code();
    }
    return ErrorCode::internal;
}

PackedModule module_with(std::vector<std::string> aliases, std::string version = {})
{
    PackedModule module;
    module.facts.aliases = std::move(aliases);
    module.facts.version = std::move(version);
    return module;
}

} // namespace

TEST_CASE("words of a spec are filled in, others stay")
{
    const std::map<std::string, std::string> values{{"A", "x @B@"}, {"B", "y"}};
    CHECK(filled("@A@-@B@.", values) == "x @B@-y.");
    CHECK(filled("me@there.org @C@ @ @B@", values) == "me@there.org @C@ @ y");
    CHECK(filled("@", values) == "@");
    CHECK(filled("", values).empty());
}

TEST_CASE("the built-in specs have no words but those that are known")
{
    const std::map<std::string, std::string> known{
        {"MODULE", ""},   {"VERSION", ""},     {"RPM_VERSION", ""}, {"SOURCES", ""}, {"PROVIDES", ""},
        {"REQUIRES", ""}, {"KERNEL", ""},      {"KERNELS", ""},     {"FILES", ""},   {"KERNEL_VERSION", ""},
        {"RELEASE", ""},  {"DESCRIPTION", ""}, {"REGISTER", ""}};
    for (const auto spec : {dkms_spec(), dkms_spec_register(), kmod_spec(), kmp_spec()}) {
        REQUIRE(spec.size() > 500);
        // "$@" is the shell's.
        CHECK(std::count_if(spec.begin(), spec.end(), [](char c) { return c == '@'; }) % 2 == 0);
        CHECK(filled(spec, known).find('@') == std::string::npos);
    }
}

TEST_CASE("a module's version becomes an RPM's")
{
    CHECK(rpm_version({"hello", "1.0"}, "") == "1.0");
    CHECK(rpm_version({"a_b-c+d.e", "1.0-rc1-2"}, "") == "1.0~rc1~2");
    CHECK(rpm_version({"9p", "v1^git+5~x_y"}, "") == "v1^git+5~x_y");
    for (const ModuleId& module :
         {ModuleId{"a,b", "1"}, ModuleId{"a%b", "1"}, ModuleId{"a$(b)", "1"}, ModuleId{"ä", "1"}, ModuleId{"_a", "1"},
          ModuleId{"a", "1:2"}, ModuleId{"a", "1;2"}, ModuleId{"a", "~1"}})
        CHECK(error_of(module) == ErrorCode::packaging_failed);
}

TEST_CASE("a kernel's release in the dependencies and the release of an RPM")
{
    CHECK(rpm_dependency_version("5.14.0-70.el9.x86_64") == "5.14.0-70.el9.x86_64");
    CHECK(rpm_dependency_version("6.1.0-57-cloud-amd64") == "6.1.0-57_cloud_amd64");
    CHECK(rpm_dependency_version("1:2 3,(4)%") == "1_2_3__4__");
    CHECK(rpm_dependency_version("-1") == "_1");
    CHECK(rpm_dependency_version("1-") == "1-0");
    CHECK(rpm_release_part({"5.14.0-70.el9.x86_64", "x86_64"}) == "5.14.0_70.el9");
    CHECK(rpm_release_part({"6.1.0-57-amd64", "x86_64"}) == "6.1.0_57_amd64");
    CHECK(rpm_architecture("x86_64") == "x86_64");
    CHECK(rpm_architecture("arm64") == "aarch64");
}

TEST_CASE("aliases become what packages provide, and nothing else")
{
    const auto provides =
        modalias_provides({module_with({"pci:v*d*", "of:N*T*Ca,bC*", "x) = 1\nRequires: y", "a%{b}"}, "2 beta"),
                           module_with({"pci:v*d*", "usb:v1p[0-9]*"})},
                          "1.0");
    CHECK(provides == std::set<std::string>{"modalias(pci:v*d*) = 2_beta", "modalias(of:N*T*Ca?bC*) = 2_beta",
                                            "modalias(x?"
                                            "?=?1?Requires:?y) = 2_beta",
                                            "modalias(a??b?) = 2_beta", "modalias(pci:v*d*) = 1.0",
                                            "modalias(usb:v1p[0-9]*) = 1.0"});
    CHECK(dependency_lines("Provides", {"a = 1", "b"}) == "Provides: a = 1\nProvides: b");
    CHECK(dependency_lines("Provides", {}).empty());
}

TEST_CASE("the symbols of a Module.symvers")
{
    const auto symbols = symbols_of("0x92997ed8\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n"
                                    "0x00000000\tplain\tdriver/foo\tEXPORT_SYMBOL_GPL\tNS\n"
                                    "no symbol\n\n0xzz\tbad\tx\ty\n0x1\tbad name\tx\ty\n0xffffffff\tlast\tv\tE");
    CHECK(symbols == std::map<std::string, std::uint64_t>{{"_printk", 0x92997ed8}, {"plain", 0}, {"last", 0xffffffff}});
    CHECK(symbol_dependency("kernel", "_printk", 0x92997ed8) == "kernel(_printk) = 0x92997ed8");
    CHECK(symbol_dependency("ksym", "a", 0xab) == "ksym(a) = 0x000000ab");
}

TEST_CASE("the spec of the source comes before that of the configuration, and the one that is asked for before all")
{
    const System system;
    const ModuleId module = system.put_module("foo", "1.0");
    const auto source = system.layout().source_in_source_tree(module);
    const auto text = [&](const std::string& wanted = {}) {
        return foreign_spec({wanted, {"foo-a.spec", "foo-b.spec"}, {"template-a.spec", "template-b.spec"}}, module,
                            system.places, "The RPM");
    };
    CHECK_FALSE(text());
    put_file(system.path() / "elsewhere", "linked");
    std::filesystem::create_symlink(system.path() / "elsewhere", system.places.config_dir / "template-b.spec");
    CHECK(text() == "linked");
    put_file(system.places.config_dir / "template-a.spec", "template a");
    CHECK(text() == "template a");
    put_file(source / "foo-b.spec", "b");
    CHECK(text() == "b");
    put_file(source / "foo-a.spec", "a");
    CHECK(text() == "a");
    put_file(source / "other.spec", "other");
    CHECK(text("other.spec") == "other");

    // A link in the source does not lead out of it.
    std::filesystem::create_symlink(system.path() / "elsewhere", source / "secret.spec");
    for (const char* name : {"missing.spec", "secret.spec"}) {
        try {
            text(name);
            FAIL(name);
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::spec_missing);
            CHECK(error.parameters().at("path") == (system.layout().source_link(module) / name).string());
        }
    }
}
