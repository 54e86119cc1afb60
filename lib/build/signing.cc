// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/signing.h"

#include "lib/build/staging.h"
#include "lib/config/distribution.h"
#include "lib/kernel/signature_enforcement.h"
#include "lib/model/error.h"
#include "lib/process/child.h"
#include "lib/process/image.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

Distribution distribution_or_other(const Places& places)
{
    try {
        return distribution(places);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::conf_missing) throw;
        return Distribution::other;
    }
}

/// Whether `file` can be used in this way by this user. Throws Error ReadFailed when that cannot be told.
bool can_be(const std::string& file, int used)
{
    if (::access(file.c_str(), used) == 0) return true;
    if (!means_absent(errno) && errno != EACCES && errno != ELOOP) refuse_read(file, errno);
    return false;
}

bool is_readable(const std::string& file) { return can_be(file, R_OK); }

bool is_there(const std::string& file) { return file.starts_with("pkcs11:") || can_be(file, F_OK); }

/// "6.1" of "6.1.0-56-amd64"
std::string series_of(const std::string& release)
{
    const auto first = release.find('.');
    return release.substr(0, release.find_first_not_of("0123456789", first + 1));
}

std::string setting(const Work& work, const char* name)
{
    const auto found = work.settings.find(name);
    return found == work.settings.end() ? "" : found->second;
}

/// Gentoo's own settings: the environment of emerge, else the key the kernel itself was signed with, which holds both
/// halves.
KeyPair gentoo_pair(const Work& work, const BuildInputs& inputs)
{
    KeyPair from_emerge{setting(work, "MODULES_SIGN_KEY"), setting(work, "MODULES_SIGN_CERT")};
    if (!from_emerge.key.empty()) return from_emerge;
    const auto own = inputs.headers.config.find("CONFIG_MODULE_SIG_KEY");
    if (own == inputs.headers.config.end() || own->second.empty()) return {};
    const fs::path key =
        own->second.starts_with("pkcs11:") ? fs::path(own->second) : inputs.headers.source_dir / own->second;
    return {key.string(), key.string()};
}

KeyPair default_pair(const Work& work, const BuildInputs& inputs)
{
    const fs::path& root = work.places.root;
    const Distribution system = distribution_or_other(work.places);
    if (system == Distribution::ubuntu) {
        const fs::path mok = root / "var/lib/shim-signed/mok";
        return {(mok / "MOK.priv").string(), (mok / "MOK.der").string(), root == "/", KeyMaker::secureboot_policy};
    }
    if (system == Distribution::gentoo)
        if (KeyPair pair = gentoo_pair(work, inputs); !pair.key.empty()) return pair;
    const fs::path tree = root / "var/lib/dkms";
    return {(tree / "mok.key").string(), (tree / "mok.pub").string(), work.places.dkms_tree == tree};
}

/// Whether it is the system's own tree, wherever the administrator has put that: not one that somebody has named for
/// once.
bool is_systems_tree(const Work& work, const BuildInputs& inputs)
{
    const std::string& configured = inputs.framework.dkms_tree;
    const fs::path tree = configured.empty() ? "var/lib/dkms" : fs::path(configured).relative_path();
    return work.places.dkms_tree == work.places.root / tree;
}

Signing off(Signing signing, std::string reason, std::string path = "")
{
    signing.off_reason = std::move(reason);
    signing.off_path = std::move(path);
    return signing;
}

std::string last_line_of(std::string text)
{
    while (text.ends_with('\n')) text.pop_back();
    return text.substr(text.rfind('\n') + 1); // the whole of it where there is none
}

Signing check_keys(Signing signing, const KeyPair& pair)
{
    const bool key = is_there(signing.key);
    const bool certificate = is_there(signing.certificate);
    if (key != certificate) return off(signing, "half-a-pair", key ? signing.certificate : signing.key);
    if (!key && !pair.may_be_made) return off(signing, "key-missing", signing.key);
    if (!key && !find_program(program_of(pair.made_by)))
        return off(signing, pair.made_by == KeyMaker::openssl ? "openssl-missing" : "secureboot-policy-missing");
    if (key && !signing.key.starts_with("pkcs11:") && !is_readable(signing.key))
        return off(signing, "key-missing", signing.key);
    return signing;
}

/// The module as it was before somebody's program began to change it: it comes back, unless it is dropped.
class UnsignedCopy {
public:
    explicit UnsignedCopy(const fs::path& file)
        : file_(file), copy_(file.parent_path() / ("." + file.filename().string() + ".unsigned"))
    {
        const Descriptor content(::open(file_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (!content) refuse_read(file_, errno);
        try {
            copy_file_to(content, copy_);
        } catch (const Error&) {
            ::unlink(copy_.c_str());
            throw;
        }
    }
    ~UnsignedCopy()
    {
        // Where that fails, what is there is looked at before it is installed, as every module is.
        if (!copy_.empty()) ::rename(copy_.c_str(), file_.c_str());
    }
    UnsignedCopy(const UnsignedCopy&) = delete;
    UnsignedCopy& operator=(const UnsignedCopy&) = delete;

    void drop()
    {
        ::unlink(copy_.c_str());
        copy_.clear();
    }

private:
    fs::path file_;
    fs::path copy_;
};

} // namespace

std::string without_pin(const std::string& key)
{
    constexpr std::string_view attribute = "pin-value=";
    const auto found = key.starts_with("pkcs11:") ? key.find(attribute) : std::string::npos;
    if (found == std::string::npos) return key;
    const auto value = found + attribute.size();
    const auto end = std::min(key.find_first_of("&;", value), key.size());
    return key.substr(0, value) + "..." + key.substr(end);
}

const char* program_of(KeyMaker maker) { return maker == KeyMaker::openssl ? "openssl" : "update-secureboot-policy"; }

std::string unsigned_note(const Signing& signing)
{
    const std::string& reason = signing.off_reason;
    if (signing.on()) return signing.command + " failed";
    if (!signing.is_expected && signing.enforcement.empty()) return "";
    if (reason == "config-missing") return "the kernel's configuration " + signing.off_path + " is missing";
    if (reason == "openssl-missing") return "openssl, which makes the key, is not installed";
    if (reason == "secureboot-policy-missing") return "update-secureboot-policy, which makes the key, is not installed";
    const bool wanted = reason == "command-missing" || reason == "key-missing" || reason == "certificate-missing" ||
                        reason == "half-a-pair";
    return wanted ? signing.off_path + " is missing or cannot be read" : "";
}

std::string sign_command(const Work& work, const BuildInputs& inputs)
{
    if (!inputs.framework.sign_file.empty()) return with_kernel(inputs.framework.sign_file, inputs.kernel.release);
    const Distribution system = distribution_or_other(work.places);
    const fs::path of_headers = inputs.headers.source_dir / "scripts/sign-file";
    if (system == Distribution::debian) {
        const fs::path kbuild =
            work.places.root / ("usr/lib/linux-kbuild-" + series_of(inputs.kernel.release)) / "scripts/sign-file";
        return is_there(kbuild) ? kbuild.string() : of_headers.string();
    }
    if (system == Distribution::ubuntu)
        if (const auto kmodsign = find_program("kmodsign")) return kmodsign->string();
    if (system == Distribution::gentoo) {
        const fs::path sources = work.places.root / ("usr/src/linux-" + inputs.kernel.release) / "scripts/sign-file";
        if (is_there(sources)) return sources.string();
    }
    return of_headers.string();
}

KeyPair key_pair(const Work& work, const BuildInputs& inputs)
{
    const KeyPair usual = default_pair(work, inputs);
    KeyPair pair = usual;
    const std::string key = with_kernel(inputs.framework.mok_signing_key, inputs.kernel.release);
    const std::string certificate = with_kernel(inputs.framework.mok_certificate, inputs.kernel.release);
    if (!key.empty()) pair.key = key;
    if (!certificate.empty()) pair.certificate = certificate;
    if (pair.key == usual.key && pair.certificate == usual.certificate) return pair;
    const auto is_file = [](const std::string& name) { return name.front() == '/'; };
    pair.made_by = KeyMaker::openssl;
    pair.may_be_made =
        is_systems_tree(work, inputs) && is_file(pair.key) && is_file(pair.certificate) && pair.key != pair.certificate;
    return pair;
}

Signing decide_signing(const Work& work, const BuildInputs& inputs)
{
    Signing signing;
    // What /sys says is about this machine, not about an image that is made on it.
    const fs::path system = is_image(work.places) ? fs::path() : fs::path("/");
    signing.enforcement = signature_enforcement(inputs.kernel, inputs.headers.config, system).value_or("");
    signing.is_expected = !inputs.framework.mok_signing_key.empty() || !inputs.framework.mok_certificate.empty() ||
                          work.places.dkms_tree == work.places.root / "var/lib/dkms";
    const std::string& policy = inputs.framework.try_sign_modules;
    if (policy == "false" || policy == "no") return off(signing, "policy");
    if (policy != "true" && policy != "yes" && is_image(work.places)) return off(signing, "chroot");
    if (inputs.headers.config_file.empty())
        return off(signing, "config-missing", (inputs.headers.source_dir / ".config").string());
    const auto hash = inputs.headers.config.find("CONFIG_MODULE_SIG_HASH");
    if (hash == inputs.headers.config.end() || hash->second.empty()) return off(signing, "no-facility");
    signing.hash = hash->second;
    signing.command = sign_command(work, inputs);
    if (!find_program(signing.command)) return off(signing, "command-missing", signing.command);
    const KeyPair pair = key_pair(work, inputs);
    signing.key = pair.key;
    signing.certificate = pair.certificate;
    return check_keys(signing, pair);
}

bool sign_module(const Work& work, const Signing& signing, const fs::path& file, const std::string& name)
{
    Command command;
    command.argv = {signing.command, signing.hash, signing.key, signing.certificate, file.string()};
    command.environment = base_environment();
    UnsignedCopy unsigned_copy(file);
    const Captured said = capture(std::move(command), {}, &work.cancellation);
    if (said.status.ok()) {
        unsigned_copy.drop();
        work.reporter.report(Event(EventKind::module_signed, {{"path", name}}));
        return true;
    }
    if (!signing.enforcement.empty())
        throw Error(ErrorCode::signing_failed,
                    {{"file", name},
                     {"kernel", work.step.kernel.release},
                     {"reason", signing.enforcement + "; " + signing.command + ": " + last_line_of(said.output)}});
    work.reporter.warning("SigningFailed", {{"file", name}, {"reason", said.output}},
                          "Failed to sign module '" + name + "'!\n" + said.output);
    return false;
}

} // namespace dkms
