// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/cancel.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace dkms {

/// What the signature at the end of a module is worth.
enum class SignatureVerdict {
    good,         ///< made with the key of the certificate, of this very module
    other_signer, ///< made with another key
    bad,          ///< made with that key, but not of what the module is now; or not a signature at all
    unknown,      ///< it could not be looked at: openssl is missing, fails, or does not know the algorithm; the
                  ///< certificate cannot be read; the signature is not PKCS#7
};

/// Compares the signature of `module` (open, compressed or not, called `name`) with a certificate, DER or PEM, as the
/// kernel does: PKCS#7 over everything before it. openssl(1) does the work, without our privileges. Throws Error
/// VerifyFailed when the module cannot be uncompressed, Cancelled.
SignatureVerdict verify_signature(int module, const std::filesystem::path& name,
                                  const std::filesystem::path& certificate, Cancellation* cancellation = nullptr);

/// The PKCS#7 message in the bytes of a signed module and what it is about: the beginning of the same bytes. Both empty
/// if there is none.
struct SignedParts {
    std::string_view content;
    std::string_view signature;
    bool other_kind = false; ///< there is one, but not PKCS#7: of kernels before 4.3, or of a kind to come
};
SignedParts signed_parts(std::string_view module);

} // namespace dkms
