// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/cross.h"

#include <array>
#include <string_view>

namespace dkms {
namespace {

struct Machine {
    std::string_view name;        ///< as uname -m, or Debian, has it
    std::string_view kernel_arch; ///< directory below arch/ of a kernel's source
    std::string_view triplet;     ///< of the GNU tools, as Debian and Fedora call them
};
constexpr std::array<Machine, 27> machines{{
    {"x86_64", "x86_64", "x86_64-linux-gnu"},
    {"amd64", "x86_64", "x86_64-linux-gnu"},
    {"ia32e", "x86_64", "x86_64-linux-gnu"},
    {"i386", "i386", "i686-linux-gnu"},
    {"i486", "i386", "i686-linux-gnu"},
    {"i586", "i386", "i686-linux-gnu"},
    {"i686", "i386", "i686-linux-gnu"},
    {"aarch64", "arm64", "aarch64-linux-gnu"},
    {"arm64", "arm64", "aarch64-linux-gnu"},
    {"arm", "arm", "arm-linux-gnueabihf"},
    {"armhf", "arm", "arm-linux-gnueabihf"},
    {"armv7l", "arm", "arm-linux-gnueabihf"},
    {"armv8l", "arm", "arm-linux-gnueabihf"},
    {"armv6l", "arm", "arm-linux-gnueabi"},
    {"armel", "arm", "arm-linux-gnueabi"},
    {"ppc64le", "powerpc", "powerpc64le-linux-gnu"},
    {"ppc64el", "powerpc", "powerpc64le-linux-gnu"},
    {"ppc64", "powerpc", "powerpc64-linux-gnu"},
    {"ppc", "powerpc", "powerpc-linux-gnu"},
    {"s390x", "s390", "s390x-linux-gnu"},
    {"riscv64", "riscv", "riscv64-linux-gnu"},
    {"loongarch64", "loongarch", "loongarch64-linux-gnu"},
    {"mips", "mips", "mips-linux-gnu"},
    {"mips64", "mips", "mips64-linux-gnuabi64"},
    {"sparc64", "sparc", "sparc64-linux-gnu"},
    {"parisc64", "parisc", "hppa64-linux-gnu"},
    {"alpha", "alpha", "alpha-linux-gnu"},
}};

const Machine* machine_named(std::string_view name)
{
    for (const Machine& machine : machines)
        if (machine.name == name) return &machine;
    return nullptr;
}

} // namespace

std::optional<CrossBuild> cross_build(const std::string& arch, const std::string& host)
{
    const Machine* const wanted = machine_named(arch);
    const Machine* const here = machine_named(host);
    if (wanted == nullptr || arch == host) return std::nullopt;
    if (here != nullptr && here->triplet == wanted->triplet) return std::nullopt;
    const std::string kernel_arch(wanted->kernel_arch);
    // The compiler of a PC makes code for its smaller brother, too.
    if (here != nullptr && here->kernel_arch == "x86_64" && wanted->kernel_arch == "i386")
        return CrossBuild{kernel_arch, "", ""};
    std::string triplet(wanted->triplet);
    std::string package = "gcc-" + triplet;
    if (const auto underscore = package.find('_'); underscore != std::string::npos) package[underscore] = '-';
    return CrossBuild{kernel_arch, triplet + "-", package};
}

} // namespace dkms
