// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/signature_enforcement.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"

using namespace dkms;

TEST_CASE("a kernel that loads only signed modules is known")
{
    const Scratch scratch;
    const KernelId kernel{"6.1.0", running_architecture()};
    const auto reason = [&](const KernelConfig& config, const std::string& running) {
        return signature_enforcement(kernel, config, scratch.path(), running).value_or("none");
    };
    const KernelConfig plain{{"CONFIG_MODULE_SIG", "y"}};
    CHECK(reason(plain, "6.1.0") == "none");
    CHECK(reason({{"CONFIG_MODULE_SIG_FORCE", "y"}}, "") == "it was configured with CONFIG_MODULE_SIG_FORCE");

    const auto parameter = scratch.path() / "sys/module/module/parameters/sig_enforce";
    put_file(parameter, "N\n");
    CHECK(reason(plain, "6.1.0") == "none");
    put_file(parameter, "Y\n");
    CHECK(reason(plain, "6.1.0") == "it was booted with module.sig_enforce");
    CHECK(reason(plain, "6.2.0") == "none"); // says nothing about others
    put_file(parameter, "N\n");

    const auto lockdown = scratch.path() / "sys/kernel/security/lockdown";
    put_file(lockdown, "[none] integrity confidentiality\n");
    CHECK(reason(plain, "6.1.0") == "none");
    put_file(lockdown, "none [integrity] confidentiality\n");
    CHECK(reason(plain, "6.1.0") == "it is locked down (integrity)");
    CHECK(reason(plain, "6.2.0") == "none");
    put_file(lockdown, "[none] integrity confidentiality\n");

    const auto variables = scratch.path() / "sys/firmware/efi/efivars";
    const std::string one("\x06\0\0\0\x01", 5);
    const std::string zero("\x06\0\0\0\0", 5);
    const KernelConfig obeys{{"CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT", "y"}};
    const auto secure_boot = variables / "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    put_file(secure_boot, zero);
    CHECK(reason(obeys, "6.2.0") == "none");
    put_file(secure_boot, one);
    CHECK(reason(obeys, "6.2.0") == "this machine boots with Secure Boot");
    CHECK(reason({}, "6.2.0") == "this machine boots with Secure Boot"); // nothing is known about that kernel
    CHECK(reason(plain, "6.2.0") == "none");
    put_file(variables / "MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23", one);
    CHECK(reason(obeys, "6.2.0") == "none");
    CHECK_FALSE(signature_enforcement(kernel, obeys, {}, "6.1.0")); // an image of another machine
}
