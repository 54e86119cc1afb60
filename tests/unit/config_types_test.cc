// SPDX-License-Identifier: LGPL-2.1-or-later
// What the values of a dkms.conf mean.
#include "tests/catch.h"

#include "lib/config/conf.h"
#include "lib/model/error.h"
#include "tests/unit/conf_data.h"

using namespace dkms;

namespace {

ConfVariables minimal()
{
    ConfVariables variables;
    variables["PACKAGE_NAME"][0] = "m";
    variables["PACKAGE_VERSION"][0] = "1";
    variables["BUILT_MODULE_NAME"][0] = "a";
    variables["DEST_MODULE_LOCATION"][0] = "/kernel/drivers/";
    return variables;
}

struct Setting {
    const char* name;
    unsigned index;
    const char* value; ///< nullptr: unset
};

ConfVariables minimal_with(std::initializer_list<Setting> settings)
{
    ConfVariables variables = minimal();
    for (const auto& [name, index, value] : settings) {
        if (value)
            variables[name][index] = value;
        else
            variables.erase(name);
    }
    return variables;
}

Conf typed(std::initializer_list<Setting> settings, Strictness strictness = Strictness::strict)
{
    return typed_conf("/x/dkms.conf", minimal_with(settings), ConfData::context(), strictness);
}

/// The sentence a configuration is refused with; empty if it is not.
std::string refusal(std::initializer_list<Setting> settings, Strictness strictness = Strictness::strict)
{
    try {
        typed(settings, strictness);
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::conf_invalid);
        CHECK(error.parameters().at("file") == "/x/dkms.conf");
        return error.parameters().at("reason");
    }
    return {};
}

Exclusion excluded(std::initializer_list<Setting> settings, const std::string& kernel = "6.8.0-31-generic",
                   const std::map<std::string, std::string>& config = {})
{
    return exclusion_for(typed(settings), {kernel, "x86_64"}, config);
}

} // namespace

TEST_CASE("a record's defaults are filled in")
{
    const Conf conf = typed({{"BUILT_MODULE_LOCATION", 0, "src/x"}});
    CHECK(conf.module.text() == "m/1");
    REQUIRE(conf.modules.size() == 1);
    const ConfModule& module = conf.modules.front();
    CHECK(module.built_name == "a");
    CHECK(module.built_location == "src/x/");
    CHECK(module.dest_name == "a");
    CHECK(module.dest_location == "/kernel/drivers");
    CHECK(module.strip);
    CHECK(conf.make.empty());
    CHECK_FALSE(conf.autoinstall);
    CHECK(conf.warnings.empty());
    CHECK(conf.deprecated.empty());
    CHECK(conf.variables == minimal_with({{"BUILT_MODULE_LOCATION", 0, "src/x"}}));
}

TEST_CASE("the only record is named after the package")
{
    CHECK(typed({{"BUILT_MODULE_NAME", 0, nullptr}}).modules.at(0).built_name == "m");
    CHECK(refusal({{"BUILT_MODULE_NAME", 0, nullptr}, {"DEST_MODULE_LOCATION", 1, "/extra"}}) ==
          "No 'BUILT_MODULE_NAME' directive specified for record #0.\n"
          "No 'BUILT_MODULE_NAME' directive specified for record #1.");
}

TEST_CASE("records that do not say whether they are stripped do as the first")
{
    const Conf conf = typed({{"BUILT_MODULE_NAME", 1, "b"},
                             {"DEST_MODULE_LOCATION", 1, "/extra"},
                             {"STRIP", 0, "no"},
                             {"STRIP", 1, "yes"}});
    REQUIRE(conf.modules.size() == 2);
    CHECK(conf.modules[1].index == 1);
    CHECK_FALSE(conf.modules[0].strip);
    CHECK(conf.modules[1].strip);
    CHECK_FALSE(typed({{"BUILT_MODULE_NAME", 1, "b"}, {"DEST_MODULE_LOCATION", 1, "/extra"}, {"STRIP", 0, "No"}})
                    .modules[1]
                    .strip);
}

TEST_CASE("a configuration without records is warned about")
{
    const std::initializer_list<Setting> none{{"BUILT_MODULE_NAME", 0, nullptr}, {"DEST_MODULE_LOCATION", 0, nullptr}};
    CHECK(typed(none).modules.empty());
    CHECK(typed(none).warnings == std::vector<std::string>{"Zero modules specified."});
    CHECK(typed(none, Strictness::lax).warnings.empty());
}

TEST_CASE("what is missing or wrong is refused with the sentence people know")
{
    CHECK(refusal({{"PACKAGE_NAME", 0, nullptr}}) == "No 'PACKAGE_NAME' directive specified.");
    CHECK(refusal({{"PACKAGE_VERSION", 0, ""}}) == "No 'PACKAGE_VERSION' directive specified.");
    CHECK(refusal({{"DEST_MODULE_LOCATION", 1, "/extra"}}) ==
          "No 'BUILT_MODULE_NAME' directive specified for record #1.");
    CHECK(refusal({{"BUILT_MODULE_NAME", 0, "a.ko"}}) ==
          "'BUILT_MODULE_NAME' directive ends in '.o' or '.ko' in record #0.");
    CHECK(refusal({{"DEST_MODULE_NAME", 0, "a.o"}}) ==
          "'DEST_MODULE_NAME' directive ends in '.o' or '.ko' in record #0.");
    CHECK(refusal({{"BUILT_MODULE_NAME", 1, "b"}}) == "No 'DEST_MODULE_LOCATION' directive specified for record #1.");
    CHECK(refusal({{"DEST_MODULE_LOCATION", 0, "/lib"}}) ==
          "Directive 'DEST_MODULE_LOCATION' does not begin with '/kernel', '/updates', or '/extra' in record #0.");
    CHECK(refusal({{"AUTOINSTALL", 0, "maybe"}}) == "Unsupported AUTOINSTALL value 'maybe'");
    CHECK(refusal({{"NO_WEAK_MODULES", 0, "1"}}) == "Unsupported NO_WEAK_MODULES value '1'");
    CHECK(refusal({{"AUTOINSTALL", 0, "maybe"}}, Strictness::lax).empty());
}

TEST_CASE("paths cannot leave the directories they belong to")
{
    CHECK(refusal({{"DEST_MODULE_LOCATION", 0, "/kernel/../updates/"}}).empty());
    CHECK_FALSE(refusal({{"DEST_MODULE_LOCATION", 0, "/kernel/../../etc"}}).empty());
    CHECK_FALSE(refusal({{"DEST_MODULE_NAME", 0, "../../x"}}).empty());
    CHECK_FALSE(refusal({{"BUILT_MODULE_LOCATION", 0, "../.."}}).empty());
    CHECK_FALSE(refusal({{"PACKAGE_NAME", 0, "../x"}}).empty());
    CHECK_FALSE(refusal({{"PACKAGE_VERSION", 0, "1/2"}}).empty());
    CHECK(refusal({{"BUILT_MODULE_NAME", 0, "master/ec_master"}}).empty());
    CHECK(refusal({{"DEST_MODULE_LOCATION", 0, "/extramodules"}}).empty());
}

TEST_CASE("duplicates are refused by the strict reading only")
{
    const std::initializer_list<Setting> same{{"BUILT_MODULE_NAME", 1, "a"}, {"DEST_MODULE_LOCATION", 1, "/extra"}};
    CHECK(refusal(same) == "Duplicate module 'a' in 'BUILT_MODULE_NAME[1]'.\n"
                           "Duplicate module 'a' in 'DEST_MODULE_NAME[1]'.");
    CHECK(typed(same, Strictness::lax).modules.size() == 2);
    CHECK(refusal({{"BUILT_MODULE_NAME", 1, "a"},
                   {"BUILT_MODULE_LOCATION", 1, "b"},
                   {"DEST_MODULE_LOCATION", 1, "/extra"}}) == "Duplicate module 'a' in 'DEST_MODULE_NAME[1]'.");
    CHECK(refusal({{"BUILT_MODULE_NAME", 1, "a"},
                   {"BUILT_MODULE_LOCATION", 1, "b"},
                   {"DEST_MODULE_NAME", 1, "c"},
                   {"DEST_MODULE_LOCATION", 1, "/extra"}})
              .empty());
}

TEST_CASE("yes and no are read in any case")
{
    for (const char* yes : {"yes", "YES", "Yes"}) {
        CHECK(typed({{"AUTOINSTALL", 0, yes}}).autoinstall);
        CHECK(typed({{"AUTOINSTALL", 0, yes}}).warnings.empty());
    }
    for (const char* no : {"no", "NO", ""}) CHECK_FALSE(typed({{"AUTOINSTALL", 0, no}}).autoinstall);
    for (const char* yes : {"y", "Y", " yes", "yes "}) CHECK(typed({{"AUTOINSTALL", 0, yes}}).autoinstall);
    CHECK(typed({{"AUTOINSTALL", 0, "Y"}}).warnings.size() == 1);
    CHECK(typed({{"NO_WEAK_MODULES", 0, "yes"}}).no_weak_modules);
    CHECK(typed({{"BUILD_DEPENDS_REBUILD", 0, "yes"}}).build_depends_rebuild);
}

TEST_CASE("the last MAKE that fits the kernel wins")
{
    CHECK(typed({{"MAKE", 0, "zero"}}).make == "zero");
    CHECK(typed({{"MAKE", 0, "zero"}, {"MAKE", 1, "one"}}).make == "zero");
    CHECK(typed({{"MAKE", 0, "zero"},
                 {"MAKE", 1, "one"},
                 {"MAKE_MATCH", 1, "^6\\."},
                 {"MAKE", 2, "two"},
                 {"MAKE_MATCH", 2, "^5\\."}})
              .make == "one");
    CHECK(typed({{"MAKE", 0, "zero"},
                 {"MAKE", 1, "one"},
                 {"MAKE_MATCH", 1, "8.0"},
                 {"MAKE", 2, "two"},
                 {"MAKE_MATCH", 2, "generic$"}})
              .make == "two");
    CHECK(typed({{"MAKE", 0, "zero"}, {"MAKE_MATCH", 0, "^5"}}).make.empty());
    CHECK(typed({{"MAKE", 0, "zero"}, {"MAKE_MATCH", 0, "(5|6)\\.[0-9]+"}}).make == "zero");
    const Conf invalid = typed({{"MAKE", 0, "zero"}, {"MAKE", 1, "one"}, {"MAKE_MATCH", 1, "("}});
    CHECK(invalid.make == "zero");
    CHECK(invalid.warnings.size() == 1);
}

TEST_CASE("an expression that would take all memory is invalid")
{
    CHECK(typed({{"MAKE", 0, "zero"}, {"MAKE", 1, "one"}, {"MAKE_MATCH", 1, "((((6{1,200}){1,200}){1,200}){1,200})"}})
              .warnings.size() == 1);
    CHECK(typed({{"MAKE", 0, ""}, {"MAKE", 1, "one"}, {"MAKE_MATCH", 1, "^[0-9]{1,3}\\.[0-9]{1,3}"}}).make == "one");
}

TEST_CASE("what stands in an array behind a gap is not seen, a gap between records is a fault, and all faults are told")
{
    CHECK(typed({{"MAKE", 0, "zero"}, {"MAKE", 5, "five"}, {"MAKE_MATCH", 5, "."}}).make == "zero");
    CHECK(refusal(
              {{"BUILT_MODULE_NAME", 2, "two"}, {"DEST_MODULE_LOCATION", 2, "/kernel"}, {"AUTOINSTALL", 0, "often"}}) ==
          "No 'BUILT_MODULE_NAME' directive specified for record #1.\n"
          "No 'DEST_MODULE_LOCATION' directive specified for record #1.\nUnsupported AUTOINSTALL value 'often'");
}

TEST_CASE("patches keep their order, dependencies are words")
{
    const Conf conf = typed({{"PATCH", 4, "four"},
                             {"PATCH", 2, "two"},
                             {"PATCH", 0, ""},
                             {"PATCH", 1, ""},
                             {"PATCH", 10, "beyond a gap"},
                             {"PATCH_MATCH", 4, "^6"},
                             {"BUILD_DEPENDS", 0, "spl"},
                             {"BUILD_DEPENDS", 3, "b c"}});
    REQUIRE(conf.patches.size() == 2);
    CHECK(conf.patches[0].file == "two");
    CHECK(conf.patches[0].match.empty());
    CHECK(conf.patches[1].index == 4);
    CHECK(conf.patches[1].match == "^6");
    CHECK(conf.build_depends == std::vector<std::string>{"spl", "b", "c"});
}

TEST_CASE("deprecated directives act as they did and are reported by the strict reading")
{
    const std::initializer_list<Setting> old{{"REMAKE_INITRD", 0, "yes"},
                                             {"CLEAN", 0, "make clean"},
                                             {"OBSOLETE_BY", 0, "6.9"},
                                             {"MODULES_CONF_ALIAS_TYPE", 1, "eth"}};
    const Conf conf = typed(old);
    CHECK(conf.remake_initrd);
    CHECK(conf.clean == "make clean");
    CHECK(conf.obsolete_by == "6.9");
    CHECK(conf.exclusive.kernel_max == "6.9");
    CHECK(conf.modules_conf_alias_type.at(1) == "eth");
    std::string reported;
    for (const Deprecated& one : conf.deprecated) reported += one.directive + " " + one.file + " " + one.instead + "\n";
    CHECK(reported == "REMAKE_INITRD /x/dkms.conf \nMODULES_CONF_ALIAS_TYPE /x/dkms.conf \nCLEAN /x/dkms.conf \n"
                      "OBSOLETE_BY /x/dkms.conf BUILD_EXCLUSIVE_KERNEL_MAX\n");
    CHECK(typed(old, Strictness::lax).deprecated.empty());
    for (const char* nothing : {"true", "/bin/true", "/usr/bin/true"})
        CHECK(typed({{"CLEAN", 0, nothing}}).deprecated.empty());
    CHECK_FALSE(typed({{"REMAKE_INITRD", 0, "no"}}).remake_initrd);
    CHECK(typed({{"OBSOLETE_BY", 0, "6.9"}, {"BUILD_EXCLUSIVE_KERNEL_MAX", 0, "7"}}).exclusive.kernel_max == "7");
}

TEST_CASE("bounds of the package exclude every record")
{
    CHECK(excluded({}).reason.empty());
    CHECK(excluded({}).meant.size() == 1);
    const auto reason = [](const char* name, const char* value, const std::map<std::string, std::string>& config = {}) {
        const Exclusion exclusion = excluded({{name, 0, value}}, "6.8.0-31-generic", config);
        CHECK(exclusion.meant.empty() == !exclusion.reason.empty());
        CHECK(exclusion.excluded.size() + exclusion.meant.size() == 1);
        return exclusion.reason;
    };
    CHECK(reason("BUILD_EXCLUSIVE_KERNEL", "^6\\.").empty());
    CHECK(reason("BUILD_EXCLUSIVE_KERNEL", "^5\\.") == "BUILD_EXCLUSIVE_KERNEL=^5\\.");
    CHECK(reason("BUILD_EXCLUSIVE_KERNEL", "REQUIRES CONFIG_USB_HID") ==
          "BUILD_EXCLUSIVE_KERNEL=REQUIRES CONFIG_USB_HID");
    CHECK(reason("BUILD_EXCLUSIVE_KERNEL_MIN", "6.8").empty());
    CHECK(reason("BUILD_EXCLUSIVE_KERNEL_MIN", "6.10") == "BUILD_EXCLUSIVE_KERNEL_MIN=6.10");
    CHECK(reason("BUILD_EXCLUSIVE_KERNEL_MAX", "6.8.0-31-generic").empty());
    CHECK(reason("BUILD_EXCLUSIVE_KERNEL_MAX", "5.99") == "BUILD_EXCLUSIVE_KERNEL_MAX=5.99");
    CHECK(reason("BUILD_EXCLUSIVE_ARCH", "x86|arm").empty());
    CHECK(reason("BUILD_EXCLUSIVE_ARCH", "^i.86$") == "BUILD_EXCLUSIVE_ARCH=^i.86$");
    const std::map<std::string, std::string> config{{"CONFIG_PCI", "y"}, {"CONFIG_USB", "m"}, {"CONFIG_HZ", "250"}};
    CHECK(reason("BUILD_EXCLUSIVE_CONFIG", "CONFIG_PCI CONFIG_USB !CONFIG_CFI", config).empty());
    CHECK(reason("BUILD_EXCLUSIVE_CONFIG", "CONFIG_PCI !CONFIG_USB", config) ==
          "BUILD_EXCLUSIVE_CONFIG=CONFIG_PCI !CONFIG_USB");
    CHECK(reason("BUILD_EXCLUSIVE_CONFIG", "CONFIG_HZ", config) == "BUILD_EXCLUSIVE_CONFIG=CONFIG_HZ");
    CHECK(reason("BUILD_EXCLUSIVE_CONFIG", "CONFIG_NONE").empty());
    CHECK(reason("BUILD_EXCLUSIVE_KERNEL", "(") == "BUILD_EXCLUSIVE_KERNEL=("); // as bash, where it is none
}

TEST_CASE("bounds of one record exclude that record")
{
    const Exclusion exclusion = excluded({{"BUILT_MODULE_NAME", 1, "b"},
                                          {"DEST_MODULE_LOCATION", 1, "/extra"},
                                          {"BUILD_EXCLUSIVE_KERNEL_MAX", 1, "6.1"}});
    REQUIRE(exclusion.meant.size() == 1);
    CHECK(exclusion.meant[0].built_name == "a");
    REQUIRE(exclusion.excluded.size() == 1);
    CHECK(exclusion.excluded[0].built_name == "b");
    CHECK(exclusion.reason == "BUILD_EXCLUSIVE_KERNEL_MAX[1]=6.1");
}
