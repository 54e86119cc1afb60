// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace dkms {

/// The symbols of a Module.symvers, the list of what a kernel or a set of modules exports (lib/kernel/symvers.h). A CRC
/// of 0 is none. What an RPM cannot name is left out.
std::map<std::string, std::uint64_t> symbols_of(std::string_view symvers);

/// "NAME(SYMBOL) = 0x…", as distributions in the manner of Red Hat write that a symbol is there or needed: NAME is
/// "kernel" for the kernel's own, "ksym" for those of other packages.
std::string symbol_dependency(const std::string& name, const std::string& symbol, std::uint64_t crc);

} // namespace dkms
