// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/build_limits.h"
#include "tests/catch.h"
#include "tests/unit/scratch.h"

#include <fstream>

using namespace dkms;

namespace {

constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;

struct Said {
    BuildLimits limits;
    std::vector<std::string> faults;
};

Said limits_said_by(const std::string& text, const std::string& module = "nvidia-current")
{
    const Scratch scratch;
    Places places;
    places.config_dir = scratch.path();
    std::ofstream(scratch.path() / "policy.conf") << text;
    Said said;
    said.limits = build_limits(PolicyConf(places), module, 8 * gibibyte, said.faults);
    return said;
}

} // namespace

TEST_CASE("limits of builds have defaults that fit every module")
{
    const Said said = limits_said_by("");
    CHECK(said.faults.empty());
    CHECK(said.limits.time == 4 * 3600);
    CHECK(said.limits.memory == 6 * gibibyte);
    CHECK(said.limits.processes == 4096);
    CHECK(said.limits.file_size == 4 * gibibyte);
    CHECK(said.limits.space == 16 * gibibyte);
    CHECK(said.limits.output == gibibyte / 4);
}

TEST_CASE("the last line that matches a module sets a limit of its builds")
{
    const std::string text = "*        time       90m   # everything\n"
                             "nvidia*  time       1d\n"
                             "nvidia*  memory     unlimited\n"
                             "zfs      memory     1G\n"
                             "*        processes  100\n"
                             "*        file-size  1536M\n"
                             "*        space      2T\n"
                             "*        output     65536\n"
                             "nvidia*  required\n";
    const Said nvidia = limits_said_by(text);
    CHECK(nvidia.faults.empty());
    CHECK(nvidia.limits.time == 86400);
    CHECK(nvidia.limits.memory == BuildLimits::unlimited);
    CHECK(nvidia.limits.processes == 100);
    CHECK(nvidia.limits.file_size == gibibyte / 2 * 3);
    CHECK(nvidia.limits.space == 2048 * gibibyte);
    CHECK(nvidia.limits.output == 65536);
    CHECK(limits_said_by(text, "zfs").limits.time == 5400);
    CHECK(limits_said_by(text, "zfs").limits.memory == gibibyte);
}

TEST_CASE("a limit that is not understood counts as not said, and is told")
{
    for (const std::string value : {"0", "-1", "4 h", "4x", "h", "99999999999999999999", "20000000000T", "1e3"}) {
        const Said said = limits_said_by("* space " + value + "\n");
        INFO(value);
        CHECK(said.limits.space == 16 * gibibyte);
        REQUIRE(said.faults.size() == 1);
        CHECK(said.faults[0].find("policy.conf:1: space is followed by a size, such as") != std::string::npos);
    }
    CHECK(limits_said_by("* processes 4K\n").faults.size() == 1);
    CHECK(limits_said_by("* time 4G\n").faults.size() == 1);
}

TEST_CASE("limits are said as people say them, and as they are written")
{
    CHECK(duration_text(14400) == "4 hours");
    CHECK(duration_text(60) == "1 minute");
    CHECK(duration_text(90) == "90 seconds");
    CHECK(size_text(16 * gibibyte) == "16 GiB");
    CHECK(size_text(gibibyte * 3 / 2) == "1.5 GiB");
    CHECK(size_text(100) == "100 bytes");
    CHECK(setting_value("time", 28800) == "8h");
    CHECK(setting_value("space", 1536 << 20) == "1536M");
    CHECK(setting_value("processes", 8192) == "8192");
    CHECK(setting_value("memory", BuildLimits::unlimited) == "unlimited");
}
