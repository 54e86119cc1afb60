// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/available_memory.h"
#include "tests/catch.h"
#include "tests/unit/scratch.h"

#include <fstream>
#include <limits>

using namespace dkms;

namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;

/// What the kernel would show below /proc and /sys/fs/cgroup.
class Machine {
public:
    void put(const std::string& path, const std::string& text) const
    {
        const auto file = scratch_.path() / path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }

    void put_cgroup(const std::string& path, const std::string& limit, std::uint64_t current,
                    std::uint64_t cache = 0) const
    {
        put("cgroup" + path + "/memory.max", limit + "\n");
        put("cgroup" + path + "/memory.current", std::to_string(current) + "\n");
        put("cgroup" + path + "/memory.stat", "anon 1\nfile 2\ninactive_file " + std::to_string(cache / 2) +
                                                  "\nactive_file " + std::to_string(cache - cache / 2) + "\n");
    }

    std::uint64_t available() const { return available_memory(scratch_.path() / "proc", scratch_.path() / "cgroup"); }

private:
    Scratch scratch_;
};

constexpr const char* four_gibibytes = "MemTotal:       8000000 kB\nMemFree:         100000 kB\n"
                                       "MemAvailable:   4194304 kB\n";

} // namespace

TEST_CASE("where nothing is known of memory there is no limit")
{
    const Machine machine;
    CHECK(machine.available() == std::numeric_limits<std::uint64_t>::max());
    machine.put("proc/meminfo", "MemTotal: 100 kB\n");
    machine.put("proc/self/cgroup", "1:name=systemd:/user.slice\n");
    CHECK(machine.available() == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("available is what the system says, and no more than each cgroup above the process leaves")
{
    const Machine machine;
    machine.put("proc/meminfo", four_gibibytes);
    CHECK(machine.available() == 4096 * mebibyte);
    machine.put("proc/self/cgroup", "0::/system.slice/dkmsd.service\n");
    machine.put_cgroup("/system.slice/dkmsd.service", "max", 100 * mebibyte);
    machine.put_cgroup("/other.slice", "1", 1);
    CHECK(machine.available() == 4096 * mebibyte);
    machine.put_cgroup("/system.slice", std::to_string(2048 * mebibyte), 1000 * mebibyte);
    CHECK(machine.available() == 1048 * mebibyte);
    machine.put("cgroup/system.slice/dkmsd.service/memory.high", std::to_string(300 * mebibyte) + "\n");
    CHECK(machine.available() == 200 * mebibyte);
    machine.put_cgroup("", std::to_string(150 * mebibyte), 0); // as in a container, which sees its own as the uppermost
    CHECK(machine.available() == 150 * mebibyte);
}

TEST_CASE("caches of files count as free, and a cgroup that is over its limit leaves nothing")
{
    const Machine machine;
    machine.put("proc/meminfo", four_gibibytes);
    machine.put("proc/self/cgroup", "0::/\n");
    machine.put_cgroup("", std::to_string(1000 * mebibyte), 990 * mebibyte, 700 * mebibyte);
    CHECK(machine.available() == 710 * mebibyte);
    machine.put_cgroup("", std::to_string(1000 * mebibyte), 1200 * mebibyte);
    CHECK(machine.available() == 0);
}

TEST_CASE("as many compilers as processors, as long as there is memory for them")
{
    CHECK(compilers_at_a_time(8, std::numeric_limits<std::uint64_t>::max()) == 8);
    CHECK(compilers_at_a_time(8, 4096 * mebibyte) == 8);
    CHECK(compilers_at_a_time(8, 4095 * mebibyte) == 7);
    CHECK(compilers_at_a_time(8, 600 * mebibyte) == 1);
    CHECK(compilers_at_a_time(8, 0) == 1);
    CHECK(compilers_at_a_time(0, 4096 * mebibyte) == 1); // it is not known how many there are
}
