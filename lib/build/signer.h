// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/signing.h"
#include "lib/model/outcome.h"
#include "lib/process/descriptor.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>

namespace dkms {

/// Signs the modules of a build: in this process, or, where it has been given few rights, in a unit that is the only
/// one to see the key. Then the environment variable DKMS_SIGN_UNIT names the socket that starts it, or
/// DKMS_SIGN_CONNECTION the descriptor of a connection to it (docs/hardening.md). That unit is told which module is
/// built for which kernel, and takes everything else from this system's own configuration: whoever has taken over this
/// process can have a module signed, and cannot read the key.
///
/// All functions throw Error UnitFailed when the unit cannot be reached, Cancelled.
class Signer {
public:
    /// Has the unit started, if there is one, and does not wait for it.
    explicit Signer(const Work& work);

    bool is_elsewhere() const { return static_cast<bool>(unit_); }

    /// As prepare_signing(): whether modules are signed, and how. To be called before sign().
    Signing prepare(const BuildInputs& inputs);
    /// As sign_module(), with what prepare() returned. Where a unit signs, `file` is replaced by what it has made of a
    /// copy; what is not an ELF object is not signed there.
    bool sign(const Signing& signing, const std::filesystem::path& file, const std::string& name);
    /// Has the unit do what make_key_step() does. Throws what that throws.
    Outcome make_keys();

private:
    nlohmann::json ask(const nlohmann::json& words, int beside = -1);
    nlohmann::json answer();

    const Work& work_;
    Descriptor unit_;   ///< the connection to the unit; none: we sign
    Descriptor beside_; ///< what lay beside the last answer
};

// What is said to the unit, one JSON object a message (lib/process/message.h):
//   {"signing":1,"module":M,"version":V,"kernel":K}   how modules of this build are signed
//   {"sign":FILE,"name":NAME}                         the module that lies beside it; NAME is for people
//   {"make_keys":1}
//   {"rest":true}                                     nothing of this build is to be done any more
// and by the unit, each but the last with "events", what there is to report:
//   {"signing":{…}}     a Signing
//   {"signed":B}        the signed module lies beside it
//   {"outcome":O}
//   {"refused":ERROR}
//   {"rest":true}
nlohmann::json to_json(const Signing& signing);
Signing signing_from_json(const nlohmann::json& value);

} // namespace dkms
