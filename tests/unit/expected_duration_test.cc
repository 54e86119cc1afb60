// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/expected_duration.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

using namespace dkms;

namespace {

const KernelId older_kernel{"5.10.0-1-test", "x86_64"};
const KernelId oldest_kernel{"4.19.0-1-test", "x86_64"};

/// A build for the kernel that took so long, `age` hours ago.
void put_record(const System& system, const ModuleId& module, const KernelId& kernel, double seconds, int age)
{
    BuildRecord record;
    record.build_seconds = seconds;
    system.put_built(module, "m.ko", "a module", kernel);
    const auto file = system.layout().build_record(module, kernel);
    put_file(file, text_of(record));
    std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - std::chrono::hours(age));
}

} // namespace

TEST_CASE("a build is expected to take as long as the newest one of any version that says so")
{
    const System system;
    const ModuleId module = system.put_module("foo", "2");
    const ModuleId before = system.put_module("foo", "1");
    put_record(system, before, older_kernel, 40, 10);
    CHECK(expected_duration(system.places, module) == 40);
    put_record(system, module, oldest_kernel, 70, 20);
    CHECK(expected_duration(system.places, module) == 40);
    put_record(system, module, older_kernel, 50, 5);
    CHECK(expected_duration(system.places, module) == 50);
    put_record(system, module, kernel_6, 0, 1); // by a version that did not note it
    CHECK(expected_duration(system.places, module) == 50);
}

TEST_CASE("a module that was never built is as slow as its sources are large")
{
    const System system;
    const auto with_source = [&](const std::string& name, const std::string& file, std::size_t bytes) {
        const ModuleId module{name, "1"};
        system.put_source(module, {name});
        system.link(module);
        put_file(system.layout().source_in_source_tree(module) / file, std::string(bytes, '\n'));
        return expected_duration(system.places, module);
    };
    const double least = with_source("text", "README", 3'000'000);
    CHECK(least > 0);
    const double small = with_source("small", "small.c", 30'000);
    CHECK(small > least);
    CHECK(with_source("large", "src/deep/large.c", 3'000'000) > 10 * small);
    CHECK(expected_duration(system.places, {"unheard-of", "1"}) == least);
}
