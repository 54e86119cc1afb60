// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/deb_names.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace dkms {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 13> architectures{{{"x86_64", "amd64"},
                                                                                       {"ia32e", "amd64"},
                                                                                       {"i486", "i386"},
                                                                                       {"i586", "i386"},
                                                                                       {"i686", "i386"},
                                                                                       {"aarch64", "arm64"},
                                                                                       {"armv6l", "armel"},
                                                                                       {"armv7l", "armhf"},
                                                                                       {"arm", "armhf"},
                                                                                       {"ppc64le", "ppc64el"},
                                                                                       {"ppc", "powerpc"},
                                                                                       {"loongarch64", "loong64"},
                                                                                       {"parisc64", "hppa"}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

} // namespace

std::string deb_name(const std::string& name)
{
    std::string result = name;
    for (char& c : result) {
        if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
        if (!is_lower(c) && !is_digit(c) && c != '+' && c != '.') c = '-';
    }
    const auto first = std::find_if(result.begin(), result.end(), [](char c) { return is_lower(c) || is_digit(c); });
    result.erase(result.begin(), first);
    return result;
}

std::string deb_version(const std::string& version)
{
    std::string result = version;
    for (char& c : result)
        if (!is_lower(c) && !is_upper(c) && !is_digit(c) && std::string_view("+.~-").find(c) == std::string_view::npos)
            c = '.';
    return result.empty() || !is_digit(result.front()) ? "0+" + result : result;
}

std::string deb_architecture(const std::string& arch)
{
    for (const auto& [machine, name] : architectures)
        if (machine == arch) return std::string(name);
    return deb_name(arch);
}

std::string dkms_package_name(const ModuleId& module) { return deb_name(module.name) + "-dkms"; }

std::string modules_package_name(const ModuleId& module, const KernelId& kernel)
{
    return deb_name(module.name) + "-modules-" + deb_name(kernel.release);
}

} // namespace dkms
