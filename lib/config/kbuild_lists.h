// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/makefile_outline.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// How a list of kbuild takes an object.
enum class Listed { module, by_config, built_in };

/// An object of an obj- list.
struct ListedObject {
    std::string stem;   ///< "hello" of hello.o, without directories
    std::string object; ///< "sub/hello.o", as written
    Listed how = Listed::module;
    std::string variable; ///< by_config: "CONFIG_HELLO"
    const MakefileOutline* makefile = nullptr;
    std::filesystem::path file; ///< in which it stands: the Makefile, or what that includes
    unsigned line = 0;
    bool sure = true; ///< no unknown condition is on the list
};

/// What the obj- lists of all Makefiles of a source hold.
struct KbuildLists {
    std::vector<ListedObject> objects; ///< their Makefiles are those that were given
    bool known = true;                 ///< whether every word of every list could be read
};

/// `given` are the variables that make is given. A list by a variable that some Makefile, or `given`, sets counts as
/// Listed::module, as does one by a variable that is not the kernel's.
KbuildLists kbuild_lists(const std::vector<MakefileOutline>& makefiles, const MakefileVariables& given);

} // namespace dkms
