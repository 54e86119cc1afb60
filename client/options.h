// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/commands.h"

#include <span>
#include <string>
#include <variant>

namespace dkms {

/// An answer that needs no command: help or the version (exit code 0, for standard output), or what is wrong with the
/// words, with a usage line (exit code 2, for standard error).
struct Answer {
    std::string text;
    int exit_code = 0;
    std::string reason; ///< what is wrong, without a full stop; empty: nothing
    std::string remedy; ///< what to do then, a sentence; or empty
};

/// Makes an Invocation of the words behind the program's name. Relative paths are taken from the current directory.
/// Names are checked as the engine checks them. Throws Error InvalidName, InvalidArgs for words that are understood but
/// not meant; ReadFailed for a tree that does not exist, unless it is for a command that makes trees.
std::variant<Invocation, Answer> parse_options(std::span<const char* const> words);

/// One architecture stands for all kernels, as many as kernels belong to them in order; without a kernel one
/// architecture belongs to the running one. Each kernel is "release" or "release/arch", the latter only where
/// `architectures` is empty. Throws Error InvalidArgs, InvalidName.
std::vector<KernelId> paired_kernels(const std::vector<std::string>& kernels,
                                     const std::vector<std::string>& architectures);

} // namespace dkms
