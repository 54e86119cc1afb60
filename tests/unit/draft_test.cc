// SPDX-License-Identifier: LGPL-2.1-or-later
// The two sides of a draft; where there are no sandboxes, only what does not need them is looked at.
#include "lib/package/draft_directory.h"
#include "lib/process/descendants.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

Step packing()
{
    Step step;
    step.kind = StepKind::pack;
    step.module = {"foo", "1.0"};
    return step;
}

Tool shell(const std::string& script) { return {{"sh", "-ec", script}, "dash"}; }

std::string content_of(const Product& product)
{
    std::string text(100, '\0');
    const ssize_t got = ::read(product.file.number(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

bool is_sandboxed() { return available_sandbox() != SandboxKind::none; }

} // namespace

TEST_CASE("what programs make comes out of a draft by its name, if it is a plain file")
{
    const System system;
    put_file(system.places.config_dir / "policy.conf", "foo file-size unlimited\n");
    StepRun run(system, packing());
    Products products;
    fs::path place;
    {
        DraftDirectory draft(run.work(), "The package");
        place = draft.input().parent_path();
        put_file(draft.input() / "text", "given");
        draft.run(shell("cp -- '" + draft.input().string() +
                        "/text' made\n"
                        "ln -s made link; mkfifo fifo; mkdir directory; ln -s / swapped; truncate -s 1T sparse"));
        products.push_back(draft.take("made"));
        for (const char* name : {"link", "fifo", "directory", "swapped/etc/passwd", "sparse"}) {
            INFO(name);
            CHECK(error_of([&] { draft.take(name); }).code() == ErrorCode::result_refused);
        }
        const Error missing = error_of([&] { draft.take("missing"); });
        CHECK(missing.code() == ErrorCode::packaging_failed);
        CHECK(missing.parameter("program") == "missing");
        CHECK(error_of([&] { draft.take_all("swapped"); }).code() == ErrorCode::result_refused);
    }
    CHECK_FALSE(fs::exists(place));
    CHECK(products.front().name == "made");
    CHECK(content_of(products.front()) == "given"); // it is held open
}

TEST_CASE("programs change what lies in the output of a draft, and nothing of its input")
{
    const System system;
    StepRun run(system, packing());
    DraftDirectory draft(run.work(), "The package");
    CHECK(mode_of(draft.input().parent_path()) == 0700);
    put_file(draft.input() / "tree/a", "one");
    put_file(draft.input() / "tree/b", "two", 0755);
    draft.copy_to_output("tree");
    draft.run(shell("test -x tree/b; echo three > tree/a; rm tree/b; : > \"$TMPDIR/temporary\""));
    const Products products = draft.take_all("tree");
    REQUIRE(products.size() == 1);
    CHECK(content_of(products.front()) == "three\n");
    CHECK(text_of_file(draft.input() / "tree/a") == "one");
    if (!is_sandboxed()) return;
    for (const fs::path& path :
         {draft.input() / "tree/a", draft.input() / "new", draft.input().parent_path() / "new"}) {
        draft.run(shell("( : > '" + path.string() + "' ) 2>/dev/null || :"));
        CHECK((path.filename() == "a" || !fs::exists(path)));
    }
    CHECK(text_of_file(draft.input() / "tree/a") == "one");
}

TEST_CASE("a draft says what of it cannot be deleted")
{
    const auto [uid, gid] = sandbox_owner();
    if (::geteuid() != 0 || uid == 0) return; // needs a file that the user who builds cannot delete
    const System system;
    StepRun run(system, packing());
    fs::path place;
    {
        DraftDirectory draft(run.work(), "The package");
        place = draft.input().parent_path();
        put_file(draft.output() / "of-root/file", "");
    }
    CHECK(fs::exists(place / "output/of-root/file"));
    const auto warnings = run.events(EventKind::warning);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings.front().facts.at("name") == "LeftoversRemain");
    fs::remove_all(place);
}

TEST_CASE("a tool that takes more than it may ends, and its error says what to do")
{
    struct Case {
        const char* policy;
        const char* script;
        const char* limit;
        const char* setting;
    };
    const std::vector<Case> cases{
        {"time 1s", "setsid sleep 1000 & sleep 1000", "1 second of time", "foo time 2s"},
        {"processes 300", "bomb() { bomb | bomb & }; bomb; sleep 1000", "300 processes", "foo processes 600"},
        {"memory 200M", "tail /dev/zero", "200 MiB of memory", "foo memory 400M"},
        {"space 100M", "cat /dev/zero >full", "100 MiB of space on disk", "foo space 200M"},
        {"file-size 10M", "head -c 30M /dev/zero >large", "10 MiB in one file", "foo file-size 20M"},
        {"output 64K", "yes", "64 KiB of output", "foo output 128K"},
    };
    const Case one = GENERATE_REF(from_range(cases));
    DYNAMIC_SECTION(one.policy << ": " << one.script)
    {
        const System system;
        put_file(system.places.config_dir / "policy.conf", "foo " + std::string(one.policy) + "\n");
        StepRun run(system, packing());
        fs::path place;
        {
            DraftDirectory draft(run.work(), "The package");
            place = draft.output();
            const Error error = error_of([&] { draft.run({{"bash", "-c", one.script}, "bash"}); });
            CHECK(error.code() == ErrorCode::build_limit);
            CHECK(error.parameter("limit") == one.limit);
            CHECK(error.parameter("setting") == one.setting);
            CHECK(error.message().starts_with("Packing foo/1.0 was stopped"));
            CHECK(descendants_of(::getpid(), 100).processes.empty());
        }
        CHECK_FALSE(fs::exists(place));
        CHECK(run.events(EventKind::warning).size() == (is_sandboxed() ? 0 : 1));
    }
}
