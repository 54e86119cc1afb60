// SPDX-License-Identifier: LGPL-2.1-or-later
// Real builds against a real kernel's headers: needs them, make and a compiler.
#include "lib/build/build_step.h"
#include "lib/build/make_log.h"
#include "lib/build/signature.h"
#include "lib/build/unbuild_step.h"
#include "lib/kernel/headers.h"
#include "lib/kernel/module_file.h"
#include "lib/kernel/module_image.h"
#include "lib/process/sandbox.h"
#include "lib/tree/record.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"
#include "tests/unit/kernel_fixture.h"

#include <algorithm>

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

TEST_CASE("a small module is built")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    Trees trees;
    give_headers(trees, *kernel);
    const ModuleId module = trees.add_sample("hello", "1.0");
    StepRun run(trees, build_step(module, *kernel));
    CHECK(run(make_build_step).result == Result::done);

    const Layout layout = trees.layout();
    const fs::path built = layout.built_modules(module, *kernel) / "hello.ko";
    const ModuleFacts facts = read_module(built);
    CHECK(facts.vermagic.starts_with(kernel->release + " "));
    CHECK(facts.version == "1.0");
    const auto record = read_build_record(layout, module, *kernel);
    REQUIRE(record);
    REQUIRE(record->modules.size() == 1);
    CHECK(record->modules[0].file == "hello.ko");
    CHECK(record->modules[0].sha256.size() == 64);
    CHECK(record->modules[0].dest_location == "/kernel/drivers/misc");
    CHECK(record->sandboxed == (available_sandbox() != SandboxKind::none));

    const std::string log = text_of_file(layout.make_log(module, *kernel));
    CHECK(log.starts_with("DKMS (dkms-"));
    CHECK(contains(log, "\n# command: make -j"));
    CHECK(contains(log, "\n# exit code: 0\n"));
    CHECK_FALSE(fs::exists(layout.build(module)));
    CHECK(nothing_is_left_of_builds(trees));
    struct stat status {};
    REQUIRE(::stat(built.c_str(), &status) == 0);
    CHECK(status.st_uid == ::geteuid());
    CHECK((status.st_mode & 07777) == 0644);
    const auto ended = run.events(EventKind::modules_built);
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].facts.at("count") == 1);

    SECTION("and not built again, unless forced")
    {
        StepRun again(trees, build_step(module, *kernel));
        CHECK(again(make_build_step).result == Result::skipped);
        CHECK(again.events(EventKind::already_built).size() == 1);

        put_file(layout.kernel(module, *kernel) / "left", "by hand");
        Step forced = build_step(module, *kernel);
        forced.options.force = true;
        CHECK(StepRun(trees, forced)(make_build_step).result == Result::done);
        CHECK(fs::exists(built));
        CHECK_FALSE(fs::exists(layout.kernel(module, *kernel) / "left"));
        CHECK(nothing_is_left_of_builds(trees));
    }
    SECTION("and a forced build that fails leaves it alone")
    {
        put_file(layout.source_in_source_tree(module) / "hello.c", "#error broken\n");
        Step forced = build_step(module, *kernel);
        forced.options.force = true;
        CHECK(error_of([&] { StepRun(trees, forced)(make_build_step); }).code() == ErrorCode::build_failed);
        CHECK(read_module(built).version == "1.0");
    }
    SECTION("and taken out again")
    {
        StepRun unbuild(trees, build_step(module, *kernel));
        CHECK(unbuild(make_unbuild_step).result == Result::done);
        CHECK(trees.listing() == std::vector<std::string>{"hello", "hello/1.0", "hello/1.0/source"});
        CHECK(StepRun(trees, build_step(module, *kernel))(make_unbuild_step).result == Result::skipped);
    }
}

TEST_CASE("patches, scripts, two modules and the jobserver")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    Trees trees;
    give_headers(trees, *kernel);
    const ModuleId module = trees.add_sample("greeting", "2.1");
    StepRun run(trees, build_step(module, *kernel), Jobserver::create(2));
    CHECK(run(make_build_step).result == Result::done);

    const Layout layout = trees.layout();
    const fs::path modules = layout.built_modules(module, *kernel);
    CHECK(read_module(modules / "greeting.ko").aliases == std::vector<std::string>{"greeting-device"});
    CHECK(read_module(modules / "farewell.ko").depends == std::vector<std::string>{"greeting"});
    CHECK_FALSE(fs::exists(modules / "parting.ko"));
    CHECK(contains(text_of_file(layout.kernel(module, *kernel) / "configured.h"), kernel->release));
    CHECK(run.events(EventKind::patch_applied).size() == 1);
    const std::string log = text_of_file(layout.make_log(module, *kernel));
    CHECK(contains(log, "\nApplying patch words.patch\n# command: patch -p1 < ./patches/words.patch\n"));
    CHECK(contains(log, "\nRunning the pre_build script\n# command: cd " + layout.build(module).string() + "/ && " +
                            layout.build(module).string() + "/configure.sh --for " + kernel->release + "\n"));
    CHECK(contains(log, "\n# command: make KERNELRELEASE=" + kernel->release + " -C "));
    CHECK_FALSE(contains(log, "jobserver unavailable"));
    CHECK(contains(log, "\nRunning the post_build script\n"));
    // the source is as it was
    CHECK(contains(text_of_file(layout.source_in_source_tree(module) / "driver/greeting.c"), "the_words"));
    CHECK(nothing_is_left_of_builds(trees));
}

TEST_CASE("a build that fails says why and leaves a note")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    Trees trees;
    give_headers(trees, *kernel);
    const ModuleId module = trees.add_sample("hello", "1.0");
    put_file(trees.layout().source_in_source_tree(module) / "hello.c",
             "#include <linux/module.h>\nint init_module(void) { return no_such_thing; }\nMODULE_LICENSE(\"GPL\");\n");
    StepRun run(trees, build_step(module, *kernel));
    const Error error = error_of([&] { run(make_build_step); });
    CHECK(error.code() == ErrorCode::build_failed);
    const Layout layout = trees.layout();
    REQUIRE(error.parameters().count("excerpt") == 1);
    CHECK(error.parameters().at("excerpt").starts_with("hello.c:2:32: error: 'no_such_thing' undeclared"));
    CHECK(error.parameters().at("log") == layout.failed_log(module, *kernel));
    CHECK(contains(text_of_file(layout.failed_log(module, *kernel)), "# exit code: 2\n"));
    CHECK(text_of_file(layout.build(module) / "make.log") == text_of_file(layout.failed_log(module, *kernel)));
    const auto trouble = read_trouble_record(layout, module, *kernel);
    REQUIRE(trouble);
    CHECK(trouble->state == KernelState::failed);
    CHECK(trouble->note.starts_with("build: 'no_such_thing' undeclared"));
    CHECK(trouble->job == 7);
    CHECK_FALSE(fs::exists(layout.kernel(module, *kernel)));
    CHECK(nothing_is_left_of_builds(trees));

    SECTION("which the next success removes")
    {
        fs::remove_all(layout.source_in_source_tree(module));
        fs::remove_all(layout.version(module));
        trees.add_sample("hello", "1.0");
        CHECK(StepRun(trees, build_step(module, *kernel))(make_build_step).result == Result::done);
        CHECK_FALSE(read_trouble_record(layout, module, *kernel));
        CHECK_FALSE(fs::exists(layout.failed_log(module, *kernel)));
    }
}

TEST_CASE("a module that is not what the configuration promises")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    Trees trees;
    give_headers(trees, *kernel);
    const ModuleId module = trees.add_sample("hello", "1.0");
    const fs::path conf = trees.layout().source_in_source_tree(module) / "dkms.conf";
    put_file(conf, text_of_file(conf) + "BUILT_MODULE_NAME[0]=\"other\"\n");
    const Error error = error_of([&] { StepRun(trees, build_step(module, *kernel))(make_build_step); });
    CHECK(error.code() == ErrorCode::module_not_produced);
    CHECK(error.parameters().at("file") == "other.ko");
}

TEST_CASE("builds see their own directory and nothing else")
{
    const auto kernel = kernel_with_headers();
    if (!kernel || available_sandbox() == SandboxKind::none) return;
    Trees trees;
    give_headers(trees, *kernel);
    const ModuleId module = trees.add_sample("hello", "1.0");
    const Layout layout = trees.layout();
    const fs::path source = layout.source_in_source_tree(module);
    put_file(source / "dkms.conf", text_of_file(source / "dkms.conf") + "PRE_BUILD=\"try.sh\"\n");
    put_file(source / "try.sh",
             "#!/bin/sh\n"
             "[ \"$(pwd)\" = \"$dkms_tree/$module/$module_version/build\" ] || exit 3\n"
             "echo x > ../source/hello.c || exit 4\n" // a copy of the build's own
             "echo x > /usr/dkms-was-here 2>/dev/null && exit 5\n"
             "[ -e ../../../.dkmsd/build/* ] 2>/dev/null && [ \"$(id -u)\" != 0 ] && ls ../../../.dkmsd 2>/dev/null && "
             "exit 6\n"
             "grep -q . /proc/net/route 2>/dev/null && [ \"$(wc -l < /proc/net/route)\" -gt 1 ] && exit 7\n"
             "[ \"$(id -u)\" = 0 ] && exit 8\n"
             "echo mine > /tmp/mine || exit 9\n"
             "ln -s /etc/passwd leak.ko\n"
             "exit 0\n",
             0755);
    const std::string before = text_of_file(source / "hello.c");
    CHECK(StepRun(trees, build_step(module, *kernel))(make_build_step).result == Result::done);
    CHECK(text_of_file(source / "hello.c") == before);
    CHECK_FALSE(fs::exists("/tmp/mine"));
}

TEST_CASE("a link out of the build directory is not followed")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    Trees trees;
    give_headers(trees, *kernel);
    const ModuleId module = trees.add_sample("hello", "1.0");
    const fs::path source = trees.layout().source_in_source_tree(module);
    put_file(source / "dkms.conf",
             text_of_file(source / "dkms.conf") + "STRIP[0]=no\nMAKE[0]=\"ln -sf /etc/passwd hello.ko\"\n");
    CHECK(error_of([&] { StepRun(trees, build_step(module, *kernel))(make_build_step); }).code() ==
          ErrorCode::result_refused);
}

TEST_CASE("scripts stop a build with their own exit code")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    Trees trees;
    give_headers(trees, *kernel);
    const ModuleId module = trees.add_sample("hello", "1.0");
    const fs::path source = trees.layout().source_in_source_tree(module);
    put_file(source / "refuse.sh", "echo not today\nexit 42\n", 0755); // without an interpreter: the shell's
    put_file(source / "dkms.conf", text_of_file(source / "dkms.conf") + "PRE_BUILD=refuse.sh\n");
    const Error error = error_of([&] { StepRun(trees, build_step(module, *kernel))(make_build_step); });
    CHECK(error.code() == ErrorCode::script_failed);
    CHECK(error.exit_code(Verb::build) == 42);
}

TEST_CASE("a system command as PRE_BUILD is not run")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    Trees trees;
    give_headers(trees, *kernel);
    const ModuleId module = trees.add_sample("hello", "1.0");
    const fs::path source = trees.layout().source_in_source_tree(module);
    put_file(source / "dkms.conf", text_of_file(source / "dkms.conf") + "PRE_BUILD=\"false now\"\n");
    StepRun run(trees, build_step(module, *kernel));
    CHECK(run(make_build_step).result == Result::done);
    CHECK(run.events(EventKind::warning).size() == 1);
}

TEST_CASE("modules are signed with the configured key")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    REQUIRE(find_program("openssl"));
    Trees trees;
    give_headers(trees, *kernel);
    const fs::path key = trees.path() / "key.pem";
    const fs::path certificate = trees.path() / "certificate.der";
    Command make_key;
    make_key.argv = {
        "openssl",  "req",      "-new", "-x509",   "-nodes",     "-newkey", "rsa:2048",          "-days", "2", "-subj",
        "/CN=test", "-outform", "DER",  "-keyout", key.string(), "-out",    certificate.string()};
    make_key.environment = base_environment();
    REQUIRE(capture(make_key).status.ok());
    put_file(trees.places.config_dir / "framework.conf", "try_sign_modules=true\nmok_signing_key=" + key.string() +
                                                             "\nmok_certificate=" + certificate.string() + "\n");
    const ModuleId module = trees.add_sample("hello", "1.0");
    StepRun run(trees, build_step(module, *kernel));
    CHECK(run(make_build_step).result == Result::done);
    REQUIRE(run.events(EventKind::signing).size() == 1);
    CHECK(run.events(EventKind::module_signed).size() == 1);
    CHECK(read_module(trees.layout().built_modules(module, *kernel) / "hello.ko").is_signed);
    CHECK(read_build_record(trees.layout(), module, *kernel)->signer == certificate);

    const fs::path built = trees.layout().built_modules(module, *kernel) / "hello.ko";
    const auto verdict = [&](const fs::path& signer) {
        return verify_signature(open_module(built).number(), built, signer);
    };
    CHECK(verdict(certificate) == SignatureVerdict::good);
    CHECK(verdict(trees.path() / "missing") == SignatureVerdict::unknown);
    make_key.argv.back() = trees.path() / "other.der";
    make_key.argv[14] = trees.path() / "other.pem";
    REQUIRE(capture(make_key).status.ok());
    CHECK(verdict(trees.path() / "other.der") == SignatureVerdict::other_signer);
    std::string bytes = text_of_file(built);
    std::string other = bytes;
    other[bytes.size() - std::string_view("~Module signature appended~\n").size() - 12 + 2] = 1; // X.509 of old kernels
    put_file(built, other);
    CHECK(verdict(certificate) == SignatureVerdict::unknown);
    other = bytes;
    const std::string_view digests = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02"; // of NIST
    for (auto at = other.find(digests); at != std::string::npos; at = other.find(digests, at + 1))
        other[at + digests.size()] = 99; // one to come
    put_file(built, other);
    CHECK(verdict(certificate) == SignatureVerdict::unknown);
    const auto license = bytes.find("license=");
    REQUIRE(license != std::string::npos);
    bytes[license] = 'L';
    put_file(built, bytes);
    CHECK(verdict(certificate) == SignatureVerdict::bad);
    put_file(built, bytes.substr(0, 100) + bytes.substr(bytes.size() - 28 - 12)); // more signature than there is
    CHECK(verdict(certificate) == SignatureVerdict::bad);
}

TEST_CASE("modules are compressed as the kernel's own are")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    REQUIRE(find_program("xz"));
    Trees trees;
    give_headers(trees, *kernel);
    put_file(trees.places.install_tree / kernel->release / "kernel/drivers/other.ko.xz", "");
    const ModuleId module = trees.add_sample("hello", "1.0");
    CHECK(StepRun(trees, build_step(module, *kernel))(make_build_step).result == Result::done);
    const fs::path built = trees.layout().built_modules(module, *kernel) / "hello.ko.xz";
    CHECK(read_module(built).version == "1.0");
    CHECK_FALSE(fs::exists(trees.layout().built_modules(module, *kernel) / "hello.ko"));
}

TEST_CASE("a cancelled build leaves nothing behind")
{
    const auto kernel = kernel_with_headers();
    if (!kernel) return;
    Trees trees;
    give_headers(trees, *kernel);
    const ModuleId module = trees.add_sample("hello", "1.0");
    const fs::path source = trees.layout().source_in_source_tree(module);
    // The build itself asks for its end as soon as it runs: its parent is gone when that pipe closes.
    put_file(source / "dkms.conf", text_of_file(source / "dkms.conf") + "MAKE[0]=\"sleep 1000\"\n");
    const auto before = trees.listing();
    Pipe parent = make_pipe();
    Cancellation cancellation(parent.read.number());
    Pipe events = make_pipe();
    Work work{
        build_step(module, *kernel), trees.places, Reporter(events.write.number()), cancellation, std::nullopt, 0};
    const auto action = make_build_step(work);
    action->prepare();
    // One process closes the pipe once make was reported to run.
    const pid_t watcher = ::fork();
    if (watcher == 0) {
        std::string line;
        char byte = 0;
        while (::read(events.read.number(), &byte, 1) == 1) {
            line += byte;
            if (contains(line, "\"what\":\"make\"")) break;
        }
        ::kill(::getppid(), SIGTERM);
        ::_exit(0);
    }
    const Error error = error_of([&] { action->run(); });
    action->undo();
    ::waitpid(watcher, nullptr, 0);
    CHECK(error.code() == ErrorCode::cancelled);
    CHECK(trees.listing() == before);
    CHECK(nothing_is_left_of_builds(trees));
}

TEST_CASE("a build without a sandbox works in the tree's own directory")
{
    const auto kernel = kernel_with_headers();
    if (!kernel || available_sandbox() == SandboxKind::none) return; // then all the others have done so
    const auto bwrap = find_program("bwrap");
    REQUIRE(bwrap);
    Command command;
    command.argv = {bwrap->string(),
                    "--dev-bind",
                    "/",
                    "/",
                    "--ro-bind",
                    "/dev/null",
                    bwrap->string(),
                    fs::canonical("/proc/self/exe").string(),
                    "a small module is built,patches*,scripts stop*"};
    command.environment = base_environment();
    if (const char* data = std::getenv("DKMS_TEST_DATA"))
        command.environment.push_back(std::string("DKMS_TEST_DATA=") + data);
    const Captured said = capture(command);
    INFO(said.output);
    CHECK(said.status.ok());
}

TEST_CASE("an ordinary user builds too")
{
    const auto kernel = kernel_with_headers();
    if (!kernel || ::geteuid() != 0 || !find_program("setpriv")) return; // ordinary users have done so above
    Trees trees;
    const fs::path program = trees.path() / "test";
    const fs::path data = trees.path() / "data";
    fs::copy_file("/proc/self/exe", program);
    const char* known = std::getenv("DKMS_TEST_DATA");
    fs::copy(known != nullptr ? known : "tests/data", data, fs::copy_options::recursive);
    Command command;
    command.argv = {"setpriv",        "--reuid=65534",  "--regid=65534",
                    "--clear-groups", program.string(), "a small module is built,patches*,a build that fails*"};
    command.environment = base_environment();
    command.environment.push_back("DKMS_TEST_DATA=" + data.string());
    const Captured said = capture(command);
    INFO(said.output);
    CHECK(said.status.ok());
}
