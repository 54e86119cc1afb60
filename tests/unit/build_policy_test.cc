// SPDX-License-Identifier: LGPL-2.1-or-later
// What the administrator's switches open for real builds, and what is remembered of it.
#include "lib/build/build_step.h"
#include "lib/build/sandbox_choice.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"
#include "tests/unit/kernel_fixture.h"

#include <algorithm>
#include <cstdlib>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

/// hello-1.0 with a PRE_BUILD of the test's.
class Scripted {
public:
    explicit Scripted(const KernelId& kernel) : kernel_(kernel)
    {
        give_headers(trees, kernel);
        module = trees.add_sample("hello", "1.0");
        const fs::path conf = source() / "dkms.conf";
        put_file(conf, text_of_file(conf) + "PRE_BUILD=\"try.sh\"\n");
    }

    fs::path source() const { return trees.layout().source_in_source_tree(module); }
    void policy(const std::string& text) const { put_file(trees.places.config_dir / "policy.conf", text); }
    void script(const std::string& text) const { put_file(source() / "try.sh", "#!/bin/sh -e\n" + text, 0755); }
    StepRun run() const { return StepRun(trees, build_step(module, kernel_)); }
    Error error() const
    {
        return error_of([&] { run()(make_build_step); });
    }
    BuildRecord record() const
    {
        const auto read = read_build_record(trees.layout(), module, kernel_);
        REQUIRE(read);
        return *read;
    }
    std::vector<std::string> opened() const
    {
        const auto status = scan_module(trees.places, module, ScanDepth::full);
        REQUIRE(status);
        REQUIRE(status->kernels.size() == 1);
        return status->kernels[0].opened;
    }

    Trees trees;
    ModuleId module;

private:
    KernelId kernel_;
};

std::string place_of_another_user(const Trees& trees)
{
    const fs::path place = trees.path() / "place";
    fs::create_directories(place);
    ::chmod(place.c_str(), 01777);
    return place;
}

} // namespace

TEST_CASE("what switches open is used, recorded and shown")
{
    const auto kernel = kernel_with_headers();
    if (!kernel || available_sandbox() == SandboxKind::none) return;
    const Scripted scripted(*kernel);
    const std::string place = place_of_another_user(scripted.trees);
    const fs::path sdk = scripted.trees.path() / "closed/sdk";
    put_file(sdk / "sdk.h", "here");
    fs::permissions(sdk.parent_path(), fs::perms::owner_all);
    scripted.script("grep -q here " + (sdk / "sdk.h").string() + "\necho x > " + place +
                    "/left\n[ -e /sys/class/net/ ]\n");

    const Error closed = scripted.error();
    CHECK(closed.code() == ErrorCode::sandbox_restriction);
    CHECK(closed.parameter("restriction") == (sdk / "sdk.h").string() + " is hidden from builds");
    CHECK(closed.hint().find("'hello read " + (sdk / "sdk.h").string() + "'") != std::string::npos);

    scripted.policy("hello read " + sdk.string() + "\nhell* write " + place + "\nother sandbox off\n");
    CHECK(scripted.run()(make_build_step).result == Result::done);
    CHECK(text_of_file(place + "/left") == "x\n");
    const std::vector<std::string> opened{"read " + sdk.string(), "write " + place};
    CHECK(scripted.record().opened == opened);
    CHECK(scripted.record().sandboxed);
    CHECK(scripted.opened() == opened);
}

TEST_CASE("a configuration shows its build in /tmp no more than any user can reach, and no service")
{
    const auto kernel = kernel_with_headers();
    if (!kernel || available_sandbox() == SandboxKind::none) return;
    const Scripted scripted(*kernel);
    std::string made = "/tmp/dkms-test-named.XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    const fs::path top = made;
    fs::permissions(top, fs::perms(0755));
    put_file(top / "public/file", "x");
    put_file(top / "closed/file", "x");
    fs::permissions(top / "closed", fs::perms::owner_all);
    fs::create_directory(top / "services");
    const Descriptor service(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{AF_UNIX, {}};
    const std::string name = (top / "services/socket").string();
    std::copy(name.begin(), name.end(), address.sun_path);
    REQUIRE(::bind(service.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);

    const fs::path conf = scripted.source() / "dkms.conf";
    put_file(conf, text_of_file(conf) + "PRE_BUILD=\"try.sh " + made + "/public " + made + "/closed/file " + made +
                       "/services\"\n");
    scripted.script("[ -e $1/file ] || exit 3\n[ ! -e $2 ] || exit 4\n[ ! -e $3/socket ] || exit 5\nexit 42\n");
    CHECK(scripted.error().exit_code(Verb::build) == 42);

    // Somebody else's could become a link to a secret before a command starts.
    if (::geteuid() == 0) {
        put_file(top / "others/file", "x");
        REQUIRE(::chown((top / "others").c_str(), 12345, 12345) == 0);
        const std::string text = text_of_file(conf);
        put_file(conf, text + "PRE_BUILD=\"try.sh " + made + "/others/file\"\n");
        scripted.script("[ ! -e $1 ] || exit 3\nexit 42\n");
        CHECK(scripted.error().exit_code(Verb::build) == 42);
        put_file(conf, text);
    }

    // The caller may name what he likes.
    scripted.script("[ -e " + made + "/closed/file ] || exit 3\nexit 42\n");
    StepRun named = scripted.run();
    named.work().step.options.directives = {"MAKE=make " + made + "/closed/file"};
    CHECK(error_of([&] { named(make_build_step); }).exit_code(Verb::build) == 42);
    fs::remove_all(top);
}

TEST_CASE("a place that a build may not write is named")
{
    const auto kernel = kernel_with_headers();
    if (!kernel || available_sandbox() == SandboxKind::none) return;
    const Scripted scripted(*kernel);
    const std::string place = place_of_another_user(scripted.trees);
    scripted.policy("hello read " + place + "\n");
    scripted.script("echo x > " + place + "/left\n");
    const Error error = scripted.error();
    CHECK(error.code() == ErrorCode::sandbox_restriction);
    CHECK(error.hint().find("'hello write " + place + "'") != std::string::npos);
    CHECK(error.exit_code(Verb::build) == 2); // the script's own
}

TEST_CASE("what others than root could have written opens nothing")
{
    const auto kernel = kernel_with_headers();
    if (!kernel || available_sandbox() == SandboxKind::none) return;
    const Scripted scripted(*kernel);
    scripted.policy("hello sandbox off\n");
    fs::permissions(scripted.trees.places.config_dir / "policy.conf", fs::perms(0666));
    scripted.script("exit 3\n");
    StepRun run = scripted.run();
    CHECK(error_of([&] { run(make_build_step); }).code() == ErrorCode::script_failed);
    const auto warnings = run.events(EventKind::warning);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].text("message").find("others than root can write") != std::string::npos);
}

TEST_CASE("a module is built without a sandbox where a switch says so, in the one directory of its version")
{
    const auto kernel = kernel_with_headers();
    if (!kernel || available_sandbox() == SandboxKind::none) return;
    const Scripted scripted(*kernel);
    const std::string place = place_of_another_user(scripted.trees);
    scripted.policy("* sandbox required\nhello sandbox off\n");
    scripted.script("id -u > " + place + "/user\n");
    CHECK(scripted.run()(make_build_step).result == Result::done);
    CHECK(text_of_file(place + "/user") == std::to_string(::geteuid()) + "\n");
    CHECK_FALSE(scripted.record().sandboxed);
    CHECK(scripted.opened() == std::vector<std::string>{"sandbox off"});
}

TEST_CASE("without bubblewrap a build fails where a sandbox is required, and warns where it is preferred", "[.]")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    const Scripted scripted(*kernel);
    scripted.script("exit 3\n");
    StepRun preferred = scripted.run();
    CHECK(error_of([&] { preferred(make_build_step); }).code() == ErrorCode::script_failed);
    CHECK(preferred.events(EventKind::warning).at(0).text("name") == "no-sandbox");

    StepRun service = scripted.run();
    service.work().settings = {{"sandbox", "required"}};
    const Error missing = error_of([&] { service(make_build_step); });
    CHECK(missing.code() == ErrorCode::sandbox_missing);
    CHECK(missing.message().find("bubblewrap") != std::string::npos);

    scripted.policy("hello sandbox preferred\n");
    StepRun allowed = scripted.run();
    allowed.work().settings = {{"sandbox", "required"}};
    CHECK(error_of([&] { allowed(make_build_step); }).code() == ErrorCode::script_failed);
}

TEST_CASE("on a system that lets nobody use bubblewrap, the policy decides")
{
    const auto kernel = kernel_with_headers();
    const auto bwrap = find_program("bwrap");
    if (!kernel || !bwrap || available_sandbox() == SandboxKind::none) return;
    Command command;
    command.argv = {bwrap->string(),
                    "--dev-bind",
                    "/",
                    "/",
                    "--ro-bind",
                    "/dev/null",
                    bwrap->string(),
                    fs::canonical("/proc/self/exe").string(),
                    "without bubblewrap*"};
    command.environment = base_environment();
    if (const char* data = std::getenv("DKMS_TEST_DATA"))
        command.environment.push_back(std::string("DKMS_TEST_DATA=") + data);
    const Captured said = capture(command);
    INFO(said.output);
    CHECK(said.status.ok());
    CHECK(said.output.find("assertions") != std::string::npos);
}
