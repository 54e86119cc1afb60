// SPDX-License-Identifier: LGPL-2.1-or-later
// The corpus of failed builds, tests/data/failures: which lines a person would pick as the reason, and what to do.
#include "lib/build/failure_hints.h"
#include "lib/config/line_pattern.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace dkms;

namespace fs = std::filesystem;

namespace {

/// A file of the corpus: "pick: LINE" for each line of the reason, "hint: WORDS" that the advice holds ("none": the
/// error's own), the kernel's "release: ", a blank line, and the output.
struct Failure {
    std::string release = "6.1.0-57-amd64";
    std::string pick;
    std::vector<std::string> hints;
    std::string output;
};

Failure read_failure(const fs::path& file)
{
    Failure failure;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line) && !line.empty();) {
        const std::string value = line.substr(line.find(": ") + 2);
        if (line.starts_with("pick: ")) failure.pick += (failure.pick.empty() ? "" : "\n") + value;
        if (line.starts_with("hint: ")) failure.hints.push_back(value);
        if (line.starts_with("release: ")) failure.release = value;
    }
    std::ostringstream rest;
    rest << stream.rdbuf();
    failure.output = rest.str();
    return failure;
}

fs::path corpus()
{
    const char* data = std::getenv("DKMS_TEST_DATA");
    return fs::path(data != nullptr ? data : "tests/data") / "failures";
}

} // namespace

TEST_CASE("of every failed build the lines are shown that a person would pick")
{
    std::size_t seen = 0;
    for (const auto& entry : fs::directory_iterator(corpus())) {
        const Failure failure = read_failure(entry.path());
        INFO(entry.path().filename().string());
        const FailureReason reason = failure_reason(failure.output, "/var/lib/dkms/m/1/build");
        CHECK(reason.text == failure.pick);
        const std::string hint = failure_hint(reason, {failure.release, ""});
        REQUIRE_FALSE(failure.hints.empty());
        for (const std::string& part : failure.hints) {
            INFO(hint);
            CHECK((part == "none" ? hint.empty() : hint.find(part) != std::string::npos));
        }
        ++seen;
    }
    CHECK(seen >= 20);
}

TEST_CASE("a submodule of git that was not fetched is named")
{
    const Scratch scratch;
    put_file(scratch.path() / ".gitmodules",
             "[submodule \"firmware\"]\n\tpath = there\n[submodule \"x\"]\n\tpath = ../outside\n\tpath = lib/common\n");
    put_file(scratch.path() / "there" / "file", "");
    fs::create_directories(scratch.path() / "lib" / "common");
    const FailureReason header{"a.c:1:10: fatal error: common.h: No such file or directory", Blame::compiler};
    const auto hint = [&](const FailureReason& reason) { return failure_hint(reason, {"6.1.0", scratch.path()}); };
    CHECK(hint(header).starts_with("The source is incomplete: lib/common is a submodule of git that was not fetched."));
    CHECK(hint({"a.c:1:2: error: expected ';'", Blame::compiler}).empty());
    put_file(scratch.path() / "lib" / "common" / "common.h", "");
    CHECK(hint(header).find("submodule") == std::string::npos);
}

TEST_CASE("a change of the kernel's interface says which of the two is too old")
{
    const auto hint = [](const char* line, const char* release) {
        return failure_hint({line, Blame::compiler}, {release, ""});
    };
    const char* many = "a.c:9:1: error: too many arguments to function 'class_create'";
    CHECK(hint(many, "6.12.1-amd64").find("since Linux 6.4: this kernel is too new") != std::string::npos);
    const char* few = "a.c:9:1: error: too few arguments to function 'class_create'";
    CHECK(hint(few, "6.1.0-57-amd64").find("since Linux 6.4: this kernel is too old") != std::string::npos);
    CHECK(hint("a.c:9:1: error: implicit declaration of function 'of_nobody' [-Werror]", "6.1")
              .find("has no function of_nobody") != std::string::npos);
    CHECK(hint("init.h:180:22: error: passing argument 1 of 'class_create' from incompatible pointer type", "6.12.1")
              .find("too new") != std::string::npos);
    CHECK(hint("c.h:94:20: error: static declaration of 'abort' follows non-static declaration", "6.12.1")
              .find("abort of its own") != std::string::npos);
    CHECK(hint("a.c:9:1: error: initialization of 'const u8 *(*)(struct a *)' {aka 'const unsigned ch…", "6.12.1")
              .find("other arguments") != std::string::npos);
    CHECK(hint("a.c:9:1: error: expected ';' before '}' token", "6.1").empty());
}

TEST_CASE("what a build that ended well complained of")
{
    CHECK(complaints_in("hello\ncp: cannot stat 'x': No such file or directory\nall is well: not found\n"
                        "make[1]: *** [Makefile:3: x] Error 1 (ignored)\n",
                        "/b") == "cp: cannot stat 'x': No such file or directory");
    CHECK(complaints_in("make[1]: *** [Makefile:3: x] Error 1 (ignored)\n", "/b") ==
          "make[1]: *** [Makefile:3: x] Error 1 (ignored)");
    CHECK(
        complaints_in("make: Entering directory '/k'\n  LD [M]  /b/other.ko\nSkipping BTF generation for /b/other.ko\n"
                      "make: Leaving directory '/k'\n",
                      "/b") == "  LD [M]  other.ko");
}
