// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/build_inputs.h"

#include <filesystem>
#include <optional>
#include <string>

namespace dkms {

/// Whether the modules of a build are signed, and how.
struct Signing {
    std::string command;     ///< sign-file of the kernel, or kmodsign
    std::string hash;        ///< CONFIG_MODULE_SIG_HASH
    std::string key;         ///< private key, PEM; or a "pkcs11:" URI
    std::string certificate; ///< DER

    /// Why they are not: "policy", "chroot", "config-missing" (path: none was found), "no-facility", "command-missing",
    /// "key-missing", "certificate-missing" (path: what is missing), "half-a-pair" (path: the half that is missing, the
    /// other exists and is not overwritten), "openssl-missing", "secureboot-policy-missing".
    /// Empty: they are signed. Facts of the event signing-off.
    std::string off_reason;
    std::string off_path;

    /// Whether a missing key is worth a note: somebody has named one, or this is the tree that has one.
    bool is_expected = false;

    /// Why the kernel loads only signed modules (signature_enforcement); empty if it loads others, too.
    std::string enforcement;

    bool on() const { return off_reason.empty(); }
};

/// A key as it may be shown and recorded: a "pkcs11:" URI without the PIN that may be in it (pin-value).
std::string without_pin(const std::string& key);

/// What makes a key pair.
enum class KeyMaker {
    openssl,           ///< we, with openssl(1)
    secureboot_policy, ///< Ubuntu's update-secureboot-policy(1), for all who sign on the machine
};
const char* program_of(KeyMaker maker);

/// The key pair that DKMS uses on this system unless framework.conf names another, with the files that may be missing.
struct KeyPair {
    std::string key;
    std::string certificate;
    bool may_be_made = false; ///< where both are missing
    KeyMaker made_by = KeyMaker::openssl;
};

/// Why modules are unsigned although they should not be, in words that complete "unsigned: ", for the record of the
/// build: what can be repaired, or that the program failed although it was on. Empty where the system or its
/// administrator wants no signatures, and where none is expected.
std::string unsigned_note(const Signing& signing);

/// Decides by framework.conf, the kernel's configuration and what exists; changes nothing. A pair that is missing and
/// may be made counts as present.
Signing decide_signing(const Work& work, const BuildInputs& inputs);

/// The same, and makes the pair where that is needed. A pair that cannot be made is a warning; the modules stay
/// unsigned then. Where the kernel loads only signed modules, Error SigningFailed is thrown instead of each of these
/// ends, unless framework.conf says that modules are not to be signed.
Signing prepare_signing(const Work& work, const BuildInputs& inputs);

/// The program that signs for this kernel: framework.conf's, else the distribution's; it may not be there.
std::string sign_command(const Work& work, const BuildInputs& inputs);

/// framework.conf's pair, else the distribution's place for one, else <root>/var/lib/dkms/mok.key and mok.pub. The last
/// may be made when that is the tree that is worked on, and Ubuntu's on the system itself.
KeyPair key_pair(const Work& work, const BuildInputs& inputs);

/// Makes the pair if it may be made and both halves are missing; with openssl RSA 2048, self-signed, valid for a
/// hundred years, for signing code only. Two builds at once make one pair. Reports the event key-generated. Throws
/// Error SystemFailed when the program fails.
void make_missing_keys(const Work& work, const KeyPair& pair);

/// Appends a signature to `file`. A signer that fails is a warning, the module stays unsigned: false then. Where the
/// kernel loads only signed modules, it is Error SigningFailed.
bool sign_module(const Work& work, const Signing& signing, const std::filesystem::path& file, const std::string& name);

} // namespace dkms
