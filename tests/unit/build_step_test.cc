// SPDX-License-Identifier: LGPL-2.1-or-later
// How a build ends before anything is compiled, and how it is signed.
#include "lib/build/build_step.h"
#include "lib/build/signing.h"
#include "lib/build/unbuild_step.h"
#include "lib/files/names_in.h"
#include "lib/process/child.h"
#include "lib/tree/record.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"

#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const KernelId kernel{"6.1.0", "x86_64"};
const ModuleId hello{"hello", "1"};

/// A tree with one module and the headers of one kernel, both empty shells.
struct Prepared : Trees {
    Prepared()
    {
        write_conf("");
        put_file(source() / "hello.c", "");
        link(hello);
        put_file(headers() / "include/x.h", "");
        put_file(headers() / ".config", "CONFIG_FOO=y\nCONFIG_MODULE_SIG_HASH=\"sha256\"\n");
    }

    fs::path source() const { return layout().source_in_source_tree(hello); }
    fs::path headers() const { return places.install_tree / kernel.release / "build"; }
    void write_conf(const std::string& more) const
    {
        put_file(source() / "dkms.conf",
                 "PACKAGE_NAME=hello\nPACKAGE_VERSION=1\nBUILT_MODULE_NAME=hello\nDEST_MODULE_LOCATION=/extra\n" +
                     more);
    }
    Step step() const
    {
        Step wanted;
        wanted.kind = StepKind::build;
        wanted.module = hello;
        wanted.kernel = kernel;
        return wanted;
    }
    Error fault(Step wanted) const
    {
        return error_of([&] { StepRun(*this, wanted)(make_build_step); });
    }
    std::optional<TroubleRecord> trouble() const { return read_trouble_record(layout(), hello, kernel); }
};

} // namespace

TEST_CASE("a module has to be in the tree, and whole")
{
    const Prepared trees;
    Step other = trees.step();
    other.module.version = "2";
    CHECK(trees.fault(other).code() == ErrorCode::no_such_module);
    fs::remove_all(trees.source());
    CHECK(trees.fault(trees.step()).code() == ErrorCode::broken_module);
    CHECK_FALSE(trees.trouble());
}

TEST_CASE("a module that is not meant for a kernel is skipped with a note")
{
    const Prepared trees;
    trees.write_conf("BUILD_EXCLUSIVE_KERNEL_MIN=6.5\n");
    StepRun run(trees, trees.step());
    const Outcome outcome = run(make_build_step);
    CHECK(outcome.result == Result::skipped);
    REQUIRE(outcome.error);
    CHECK(outcome.error->code() == ErrorCode::build_excluded);
    CHECK(run.events(EventKind::excluded).size() == 1);
    REQUIRE(trees.trouble());
    CHECK(trees.trouble()->state == KernelState::skipped);

    SECTION("also without headers")
    {
        fs::remove_all(trees.headers());
        CHECK(StepRun(trees, trees.step())(make_build_step).result == Result::skipped);
    }
}

TEST_CASE("a module waits for headers")
{
    const Prepared trees;
    fs::remove_all(trees.headers());
    CHECK(trees.fault(trees.step()).code() == ErrorCode::no_kernel_headers);
    REQUIRE(trees.trouble());
    CHECK(trees.trouble()->state == KernelState::waiting);
    CHECK(trees.trouble()->note.starts_with("no headers; install "));
}

TEST_CASE("a source with nothing but a dkms.conf cannot be built")
{
    const Prepared trees;
    fs::remove(trees.source() / "hello.c");
    CHECK(trees.fault(trees.step()).code() == ErrorCode::source_empty);
}

TEST_CASE("dependencies have to be installed, unless forced")
{
    const Prepared trees;
    trees.write_conf("BUILD_DEPENDS[0]=base\nPATCH[0]=../outside.patch\n");
    const Error error = trees.fault(trees.step());
    CHECK(error.code() == ErrorCode::missing_dependencies);
    CHECK(error.parameters().at("dependencies") == "base");
    CHECK(trees.trouble()->state == KernelState::failed);

    Step forced = trees.step();
    forced.options.force = true;
    CHECK(trees.fault(forced).code() == ErrorCode::patch_outside); // it went on
    fs::create_directories(trees.layout().built_modules({"base", "3"}, kernel));
    fs::create_symlink("3/6.1.0/x86_64", trees.layout().active_link("base", kernel));
    CHECK(trees.fault(trees.step()).code() == ErrorCode::patch_outside);
}

TEST_CASE("patches that are missing are named before one is applied")
{
    const Prepared trees;
    trees.write_conf("PATCH[0]=gone.patch\n");
    const auto before = fs::exists(trees.layout().build(hello));
    const Error error = trees.fault(trees.step());
    CHECK(error.code() == ErrorCode::patch_missing);
    CHECK(error.parameters().at("patch") == "gone.patch");
    CHECK(before);
    CHECK(fs::is_empty(trees.layout().builds()));
}

TEST_CASE("a patch that leaves its directory through a link is missing")
{
    const Prepared trees;
    trees.write_conf("PATCH[0]=link.patch\n");
    fs::create_directories(trees.source() / "patches");
    fs::create_symlink("/etc/passwd", trees.source() / "patches/link.patch");
    CHECK(trees.fault(trees.step()).code() == ErrorCode::patch_missing);
}

TEST_CASE("what is built already is not built again")
{
    const Prepared trees;
    put_file(trees.layout().built_modules(hello, kernel) / "hello.ko", "");
    StepRun run(trees, trees.step());
    const Outcome outcome = run(make_build_step);
    CHECK(outcome.result == Result::skipped);
    CHECK_FALSE(outcome.error);
    CHECK(run.events(EventKind::already_built).size() == 1);
    // A build of which a module is lost is none, also by the configuration alone.
    fs::remove(trees.layout().built_modules(hello, kernel) / "hello.ko");
    CHECK(trees.fault(trees.step()).code() != ErrorCode::internal);
}

TEST_CASE("unbuild takes out one build and its notes")
{
    const Prepared trees;
    const Layout layout = trees.layout();
    put_file(layout.built_modules(hello, kernel) / "hello.ko", "");
    put_file(layout.built_modules(hello, {"6.1.0", "i686"}) / "hello.ko", "");
    put_file(layout.failed_log(hello, kernel), "");
    CHECK(StepRun(trees, trees.step())(make_unbuild_step).result == Result::done);
    CHECK_FALSE(fs::exists(layout.kernel(hello, kernel)));
    CHECK_FALSE(fs::exists(layout.failed_log(hello, kernel)));
    CHECK(fs::exists(layout.kernel(hello, {"6.1.0", "i686"})));

    StepRun again(trees, trees.step());
    CHECK(again(make_unbuild_step).result == Result::skipped);
    CHECK(again.events(EventKind::not_built).size() == 1);
    Step other = trees.step();
    other.module.name = "other";
    CHECK(error_of([&] { StepRun(trees, other)(make_unbuild_step); }).code() == ErrorCode::no_such_module);
}

TEST_CASE("the PIN of a token is not shown with its key")
{
    CHECK(without_pin("pkcs11:token=t;object=o?pin-value=1234&module-name=m") ==
          "pkcs11:token=t;object=o?pin-value=...&module-name=m");
    CHECK(without_pin("pkcs11:token=t;pin-value=1234") == "pkcs11:token=t;pin-value=...");
    for (const char* key : {"pkcs11:token=t?pin-source=/etc/pin", "/etc/pin-value=1"}) CHECK(without_pin(key) == key);

    const Prepared trees;
    put_file(trees.path() / "certificate", "");
    put_file(trees.path() / "sign", "#!/bin/sh\n", 0755);
    StepRun run(trees, trees.step());
    run.work().settings = {{"mok_signing_key", "pkcs11:token=t;pin-value=1234"},
                           {"mok_certificate", trees.path() / "certificate"},
                           {"sign_file", trees.path() / "sign"},
                           {"try_sign_modules", "true"}};
    CHECK(error_of([&] { run(make_build_step); }).code() == ErrorCode::build_failed); // which is later
    const auto told = run.events(EventKind::signing);
    REQUIRE(told.size() == 1);
    CHECK(told.front().text("key") == "pkcs11:token=t;pin-value=...");
}

TEST_CASE("on Gentoo the key is that of emerge's environment, else the kernel's own")
{
    Prepared trees;
    trees.places.root = trees.path(); // where the distribution is looked up
    StepRun run(trees, trees.step());
    BuildInputs inputs;
    inputs.module = hello;
    inputs.kernel = kernel;
    inputs.headers = find_headers(kernel, trees.places, {});
    inputs.headers.config["CONFIG_MODULE_SIG_KEY"] = "certs/signing_key.pem";
    const auto pair = [&] { return key_pair(run.work(), inputs); };
    put_file(trees.places.root / "etc/os-release", "ID=gentoo\n");
    CHECK(pair().key == inputs.headers.source_dir / "certs/signing_key.pem");
    CHECK(pair().certificate == pair().key);
    run.work().settings = {{"MODULES_SIGN_KEY", "/key"}, {"MODULES_SIGN_CERT", "/certificate"}};
    CHECK(pair().key == "/key");
    CHECK(pair().certificate == "/certificate");
    CHECK_FALSE(pair().may_be_made);
}

TEST_CASE("whether modules are signed is decided before they are built")
{
    const Prepared trees;
    StepRun run(trees, trees.step());
    BuildInputs inputs;
    inputs.module = hello;
    inputs.kernel = kernel;
    inputs.headers = find_headers(kernel, trees.places, {});
    Framework& framework = inputs.framework;
    const auto reason = [&] { return decide_signing(run.work(), inputs).off_reason; };

    framework.try_sign_modules = "false";
    CHECK(reason() == "policy");
    framework.try_sign_modules = "true";
    framework.sign_file = trees.path() / "sign-$kernelver";
    CHECK(reason() == "command-missing");
    put_file(trees.path() / "sign-6.1.0", "#!/bin/sh\n[ \"$1\" = sha256 ] && echo signed >> \"$4\"\n", 0755);
    framework.mok_signing_key = trees.path() / "key";
    framework.mok_certificate = trees.path() / "certificate";
    CHECK(reason() == "key-missing");
    put_file(trees.path() / "key", "");
    CHECK(reason() == "half-a-pair");
    CHECK(decide_signing(run.work(), inputs).off_path == framework.mok_certificate);
    put_file(trees.path() / "certificate", "");
    const Signing signing = decide_signing(run.work(), inputs);
    CHECK(signing.on());
    CHECK(signing.hash == "sha256");

    put_file(trees.path() / "a.ko", "module ");
    CHECK(sign_module(run.work(), signing, trees.path() / "a.ko", "a.ko"));
    CHECK(text_of_file(trees.path() / "a.ko") == "module signed\n");
    Signing wrong = signing;
    wrong.hash = "md4";
    CHECK_FALSE(sign_module(run.work(), wrong, trees.path() / "a.ko", "a.ko"));
    CHECK(run.events(EventKind::warning).size() == 1);

    CHECK(signing.enforcement.empty());

    inputs.headers.config.erase("CONFIG_MODULE_SIG_HASH");
    CHECK(reason() == "no-facility");
    inputs.headers.config_file.clear();
    CHECK(reason() == "config-missing");
    framework.try_sign_modules = "not_in_chroot";
    run.work().places.root = trees.path();
    CHECK(reason() == "chroot");
}

TEST_CASE("that a module cannot be signed is an error where its kernel loads only signed ones")
{
    const Prepared trees;
    StepRun run(trees, trees.step());
    BuildInputs inputs;
    inputs.module = hello;
    inputs.kernel = kernel;
    inputs.headers = find_headers(kernel, trees.places, {});
    Framework& framework = inputs.framework;
    framework.sign_file = trees.path() / "sign";
    framework.mok_signing_key = trees.path() / "key";
    framework.mok_certificate = trees.path() / "certificate";
    framework.try_sign_modules = "true";
    const auto fault = [&] { return error_of([&] { prepare_signing(run.work(), inputs); }).parameter("reason"); };
    const auto note = [&] { return unsigned_note(prepare_signing(run.work(), inputs)); };
    const std::string configured = "it was configured with CONFIG_MODULE_SIG_FORCE; ";
    const std::string no_program = framework.sign_file + " is missing or cannot be read";
    const std::string no_key = framework.mok_signing_key + " is missing or cannot be read";

    CHECK(note() == no_program);
    inputs.headers.config["CONFIG_MODULE_SIG_FORCE"] = "y";
    CHECK(fault() == configured + no_program);
    put_file(framework.sign_file, "#!/bin/sh\necho 'a passphrase is needed'\n: > $4\nexit 1\n", 0755);
    CHECK(fault() == configured + no_key);
    inputs.headers.config.erase("CONFIG_MODULE_SIG_FORCE");
    CHECK(note() == no_key);
    for (const std::string& file : {framework.mok_signing_key, framework.mok_certificate}) put_file(file, "");

    put_file(trees.path() / "a.ko", "as it was");
    const auto sign = [&] {
        sign_module(run.work(), prepare_signing(run.work(), inputs), trees.path() / "a.ko", "a.ko");
    };
    sign();
    CHECK(run.events(EventKind::warning).size() == 1);
    CHECK(text_of_file(trees.path() / "a.ko") == "as it was");
    CHECK(note() == framework.sign_file + " failed");
    inputs.headers.config["CONFIG_MODULE_SIG_FORCE"] = "y";
    const Error failed = error_of(sign);
    CHECK(failed.code() == ErrorCode::signing_failed);
    CHECK(failed.parameter("reason") == configured + framework.sign_file + ": a passphrase is needed");

    framework.try_sign_modules = "false"; // then somebody may sign them later
    CHECK(note().empty());
    framework.try_sign_modules = "not_in_chroot";
    run.work().places.root = trees.path();
    CHECK(fault() == configured + "in a chroot modules are signed only with try_sign_modules=true");
}

TEST_CASE("keys are made in the default tree only, and never overwritten")
{
    if (!find_program("openssl")) return;
    Prepared trees;
    trees.places.root = trees.path();
    StepRun elsewhere(trees, trees.step());
    BuildInputs inputs;
    inputs.kernel = kernel;
    CHECK_FALSE(key_pair(elsewhere.work(), inputs).may_be_made);

    trees.places.dkms_tree = trees.path() / "var/lib/dkms";
    StepRun run(trees, trees.step());
    const KeyPair pair = key_pair(run.work(), inputs);
    CHECK(pair.may_be_made);
    CHECK(pair.key == trees.path() / "var/lib/dkms/mok.key");
    make_missing_keys(run.work(), pair);
    const std::string key = text_of_file(pair.key);
    CHECK(key.starts_with("-----BEGIN PRIVATE KEY-----"));
    struct stat status {};
    REQUIRE(::stat(pair.key.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(fs::exists(pair.certificate));
    CHECK(run.events(EventKind::key_generated).size() == 1);

    make_missing_keys(run.work(), pair);
    CHECK(text_of_file(pair.key) == key);
    fs::remove(pair.certificate);
    make_missing_keys(run.work(), pair);
    CHECK_FALSE(fs::exists(pair.certificate));
    CHECK(text_of_file(pair.key) == key);

    inputs.framework.mok_signing_key = pair.key;
    inputs.framework.mok_certificate = pair.certificate;
    CHECK(key_pair(run.work(), inputs).may_be_made);
    inputs.framework.mok_signing_key = "pkcs11:token=t";
    CHECK_FALSE(key_pair(run.work(), inputs).may_be_made);

    inputs.framework.mok_signing_key = trees.path() / "keys/private/${kernelver}.key";
    inputs.framework.mok_certificate = trees.path() / "keys/certificate";
    const KeyPair named = key_pair(run.work(), inputs);
    CHECK(named.may_be_made);
    CHECK_FALSE(key_pair(elsewhere.work(), inputs).may_be_made);
    make_missing_keys(run.work(), named);
    CHECK(text_of_file(named.key).starts_with("-----BEGIN PRIVATE KEY-----"));
    CHECK(names_in(fs::path(named.key).parent_path()) == std::vector<std::string>{kernel.release + ".key"});
    CHECK(fs::exists(named.certificate));
}
