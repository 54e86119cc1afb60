// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/command_unit.h"
#include "lib/model/error.h"
#include "lib/process/memory_file.h"
#include "tests/catch.h"

#include <string>

#include <unistd.h>

using namespace dkms;

namespace {

SentCommand some_command()
{
    SentCommand sent;
    sent.command.argv = {"make", "M=/tmp/\xff\n", std::string(300'000, 'x')};
    sent.command.environment = {"A=\xc3("};
    sent.command.directory = "/var/lib/dkms/m/1/build";
    sent.command.input = sent.command.output = sent.command.error = STDIN_FILENO;
    sent.command.inherit = {{STDIN_FILENO, 6}, {STDOUT_FILENO, 7}};
    sent.command.limits.file_size = 4096;
    sent.sandbox = Sandbox{{"/a"}, {{"/b\xfe", "/c"}}, {{"/d", "/e"}}, true, false};
    return sent;
}

/// Copies of our standard input.
std::vector<Descriptor> descriptors(std::size_t count)
{
    std::vector<Descriptor> result;
    for (std::size_t i = 0; i < count; ++i) result.emplace_back(::dup(STDIN_FILENO));
    return result;
}

} // namespace

TEST_CASE("a command arrives at a unit as it was sent, whatever bytes it is made of")
{
    const SentCommand sent = some_command();
    CHECK(descriptors_of(sent) == std::vector<int>{0, 0, 0, 0, 1});
    const auto beside = descriptors(6);
    const Descriptor file = memory_file(to_bytes(sent));
    const SentCommand got = sent_command(content_of(file, most_of_a_command), beside, 1);
    CHECK(got.command.argv == sent.command.argv);
    CHECK(got.command.environment == sent.command.environment);
    CHECK(got.command.directory == sent.command.directory);
    CHECK(got.command.input == beside[1].number());
    CHECK(got.command.error == beside[3].number());
    CHECK(got.command.inherit == std::vector<std::pair<int, int>>{{beside[4].number(), 6}, {beside[5].number(), 7}});
    CHECK(got.command.limits.file_size == 4096);
    CHECK_FALSE(got.command.limits.processes);
    REQUIRE(got.sandbox);
    CHECK(got.sandbox->empty == sent.sandbox->empty);
    CHECK(got.sandbox->read_only == sent.sandbox->read_only);
    CHECK(got.sandbox->writable == sent.sandbox->writable);
    CHECK(got.sandbox->network);
    CHECK_FALSE(got.sandbox->drop_user);
}

TEST_CASE("what is no command, or lacks descriptors, is not run")
{
    const std::string bytes = to_bytes(some_command());
    const auto beside = descriptors(6);
    CHECK_THROWS_AS(sent_command(bytes, descriptors(5), 1), Error);
    CHECK_THROWS_AS(sent_command(bytes, descriptors(7), 1), Error);
    CHECK_THROWS_AS(sent_command(bytes.substr(0, bytes.size() / 2), beside, 1), Error);
    CHECK_THROWS_AS(sent_command("", beside, 1), Error);
    CHECK_THROWS_AS(sent_command("\xa0", beside, 1), Error); // an empty object
    CHECK_THROWS_AS(content_of(memory_file("four"), 3), Error);
    CHECK_THROWS_AS(content_of(make_pipe().read, 3), Error);
}

TEST_CASE("a command without a sandbox has none")
{
    SentCommand sent = some_command();
    sent.sandbox.reset();
    CHECK_FALSE(sent_command(to_bytes(sent), descriptors(6), 1).sandbox);
}
