// SPDX-License-Identifier: LGPL-2.1-or-later
// What a build hears from the unit that signs is what it would have done itself.
#include "lib/build/key_step.h"
#include "lib/build/signer.h"
#include "lib/build/signing_service.h"
#include "lib/process/child.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"
#include "tests/unit/tiny_module.h"

#include <cstring>
#include <thread>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const KernelId kernel{"6.1.0", "x86_64"};
const ModuleId hello{"hello", "1"};

/// While it lives, a unit serves one connection to the socket that DKMS_SIGN_UNIT names.
class Unit {
public:
    explicit Unit(const Places& places)
        : path_(places.dkms_tree / "sign"), listener_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0))
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
        REQUIRE(::bind(listener_.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(listener_.number(), 1) == 0);
        ::setenv("DKMS_SIGN_UNIT", path_.c_str(), 1);
        thread_ = std::thread([this, places] {
            if (const Descriptor connection(::accept(listener_.number(), nullptr, nullptr)); connection)
                serve_signing(connection, places, {});
        });
    }
    ~Unit()
    {
        ::unsetenv("DKMS_SIGN_UNIT");
        ::shutdown(listener_.number(), SHUT_RDWR); // nobody may have come
        thread_.join();
        fs::remove(path_);
    }
    Unit(const Unit&) = delete;
    Unit& operator=(const Unit&) = delete;

private:
    fs::path path_;
    Descriptor listener_;
    std::thread thread_;
};

/// A kernel that wants signatures, and a program that makes them.
struct Prepared : Trees {
    Prepared()
    {
        put_file(headers() / "include/x.h", "");
        put_file(headers() / ".config", "CONFIG_MODULE_SIG_HASH=\"sha256\"\n");
        put_file(places.config_dir / "framework.conf", "try_sign_modules=true\nsign_file=" + tool() +
                                                           "\nmok_signing_key=" + key() + "\nmok_certificate=" + key() +
                                                           "\n");
        put_file(tool(), "#!/bin/sh\necho \"$1 $2 ${4##*/}\" >>\"$4\"\n", 0755);
        put_file(module(), content);
    }

    fs::path headers() const { return places.install_tree / kernel.release / "build"; }
    std::string tool() const { return path() / "signer"; }
    std::string key() const { return path() / "key"; }
    fs::path module() const { return path() / "hello.ko"; }
    BuildInputs inputs() const
    {
        BuildInputs inputs;
        inputs.module = hello;
        inputs.kernel = kernel;
        inputs.framework = read_framework(places);
        inputs.headers = find_headers(kernel, places, {});
        return inputs;
    }
    const std::string content = tiny_module({"license=GPL"});
};

} // namespace

TEST_CASE("a unit signs as a build would")
{
    const Prepared trees;
    StepRun run(trees, Step());
    run.work().step.kernel = kernel;
    const auto both = [&](const auto& look) {
        const auto here = look();
        const Unit unit(trees.places);
        CHECK(look() == here);
        return here;
    };
    const auto prepared = [&] { return to_json(Signer(run.work()).prepare(trees.inputs())); };
    const auto off_reason = [&] { return both(prepared).at("off_reason"); };

    CHECK(off_reason() == "key-missing");
    put_file(trees.key(), "");
    CHECK(off_reason() == "");

    const auto signed_file = [&] {
        Signer signer(run.work());
        put_file(trees.module(), trees.content);
        CHECK(signer.sign(signer.prepare(trees.inputs()), trees.module(), "/shown/hello.ko"));
        CHECK(run.events(EventKind::module_signed).back().text("path") == "/shown/hello.ko");
        return text_of_file(trees.module());
    };
    CHECK(both(signed_file) == trees.content + "sha256 " + trees.key() + " hello.ko\n");
    CHECK(run.events(EventKind::module_signed).size() == 2);

    put_file(trees.tool(), "#!/bin/sh\necho a passphrase is needed; exit 1\n", 0755);
    const auto failed = [&] {
        Signer signer(run.work());
        CHECK_FALSE(signer.sign(signer.prepare(trees.inputs()), trees.module(), "hello.ko"));
        return run.events(EventKind::warning).back().text("message");
    };
    CHECK(both(failed) == "Failed to sign module 'hello.ko'!\na passphrase is needed\n");
    put_file(trees.headers() / ".config", "CONFIG_MODULE_SIG_HASH=\"sha256\"\nCONFIG_MODULE_SIG_FORCE=y\n");
    const auto enforced = [&] {
        Signer signer(run.work());
        const Signing signing = signer.prepare(trees.inputs());
        return error_of([&] { signer.sign(signing, trees.module(), "hello.ko"); }).message();
    };
    CHECK(both(enforced).find("CONFIG_MODULE_SIG_FORCE; " + trees.tool() + ": a passphrase is needed") !=
          std::string::npos);
    fs::remove(trees.key());
    CHECK(both([&] { return error_of(prepared).message(); }).find(trees.key() + " is missing") != std::string::npos);
}

TEST_CASE("a unit signs nothing but modules")
{
    const Prepared trees;
    StepRun run(trees, Step());
    put_file(trees.key(), "");
    const Unit unit(trees.places);
    Signer signer(run.work());
    const Signing signing = signer.prepare(trees.inputs());
    std::string program = trees.content;
    program[16] = 2; // ET_EXEC
    for (const std::string& content : {std::string(), std::string("#!/bin/sh\n"), program}) {
        put_file(trees.module(), content);
        CHECK_FALSE(signer.sign(signing, trees.module(), "hello.ko"));
        CHECK(text_of_file(trees.module()) == content);
    }
    fs::remove(trees.module());
    fs::create_symlink(trees.tool(), trees.module());
    CHECK(error_of([&] { signer.sign(signing, trees.module(), "hello.ko"); }).code() == ErrorCode::read_failed);
}

TEST_CASE("a unit makes the keys, and one that is not there is an error")
{
    if (!find_program("openssl")) return;
    const Prepared trees;
    const std::string key = trees.path() / "made/key";
    put_file(trees.places.config_dir / "framework.conf",
             "mok_signing_key=" + key + "\nmok_certificate=" + key + ".der\n");
    {
        const Unit unit(trees.places);
        StepRun run(trees, Step());
        CHECK(run(make_key_step).result == Result::done);
        CHECK(run.events(EventKind::key_generated).size() == 1);
        CHECK(run.events(EventKind::signing).back().text("key") == key);
        CHECK(fs::exists(key));
        CHECK(fs::exists(key + ".der"));
        const fs::directory_iterator made(trees.path() / "made");
        CHECK(std::distance(fs::begin(made), fs::end(made)) == 2); // and no draft
    }
    {
        const Unit unit(trees.places);
        CHECK(StepRun(trees, Step())(make_key_step).result == Result::skipped);
    }
    ::setenv("DKMS_SIGN_UNIT", (trees.path() / "nothing").c_str(), 1);
    const Error missing = error_of([&] { StepRun(trees, Step())(make_key_step); });
    ::unsetenv("DKMS_SIGN_UNIT");
    CHECK(missing.code() == ErrorCode::unit_failed);
    CHECK(missing.parameter("unit") == "dkms-sign@*.service");
}
