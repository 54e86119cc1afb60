// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/ids.h"

#include "lib/model/error.h"

#include <sys/utsname.h>

namespace dkms {
namespace {

constexpr std::size_t longest_name = 200; // leaves room for ".kernel-K-A.json" within the 255 bytes of a file name

const utsname& running_system()
{
    static const utsname system = [] {
        utsname asked{};
        ::uname(&asked);
        return asked;
    }();
    return system;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// What is wrong with a name, or nothing.
std::string_view fault_of(std::string_view name, bool with_blanks = false)
{
    if (name.empty()) return "it is empty";
    if (name.size() > longest_name) return "it is longer than 200 bytes";
    if (with_blanks && (name.front() == ' ' || name.back() == ' ')) return "it begins or ends with a blank";
    if (name.front() == '-') return "it begins with '-'";
    if (name.front() == '.') return "it begins with '.'";
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '/') return "it holds a '/'";
        if (byte < ' ' || byte == 0x7f || (c == ' ' && !with_blanks)) return "it holds a blank or a control character";
    }
    if (!is_utf8(name)) return "it is not UTF-8";
    return {};
}

/// A name in a form that can be shown: control characters as '?', cut to a line's length.
std::string shown(std::string_view name)
{
    std::string result;
    for (const char c : name.substr(0, 80)) {
        const auto byte = static_cast<unsigned char>(c);
        result += byte < ' ' || byte >= 0x7f ? '?' : c;
    }
    if (name.size() > 80) result += "…";
    return result;
}

void check_name(std::string_view name, const char* kind, bool with_blanks = false)
{
    const std::string_view fault = fault_of(name, with_blanks);
    if (!fault.empty())
        throw Error(ErrorCode::invalid_name, {{"kind", kind}, {"value", shown(name)}, {"reason", std::string(fault)}});
}

/// The text with every number padded to three digits.
std::string padded(std::string_view version)
{
    std::string result;
    for (std::size_t i = 0; i < version.size();) {
        if (!is_digit(version[i])) {
            result += version[i++];
            continue;
        }
        std::size_t end = i;
        while (end < version.size() && is_digit(version[end])) ++end;
        if (end - i < 3) result.append(3 - (end - i), '0');
        result += version.substr(i, end - i);
        i = end;
    }
    return result;
}

/// Length of the well-formed sequence at the front of `text` (RFC 3629), 0 if there is none.
std::size_t sequence_length(std::string_view text)
{
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        const bool overlong = first == 0xe0 && byte(1) < 0xa0;
        const bool surrogate = first == 0xed && byte(1) >= 0xa0;
        return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const bool overlong = first == 0xf0 && byte(1) < 0x90;
        const bool beyond = first == 0xf4 && byte(1) >= 0x90;
        return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

} // namespace

std::string ModuleId::text() const { return version.empty() ? name : name + "/" + version; }

std::string KernelId::text() const { return arch.empty() ? release : release + "/" + arch; }

KernelId parse_kernel(std::string_view text)
{
    const auto slash = text.find('/');
    KernelId kernel{std::string(text.substr(0, slash)), {}};
    check_kernel_release(kernel.release);
    if (slash != std::string_view::npos) {
        kernel.arch = text.substr(slash + 1);
        check_architecture(kernel.arch);
    }
    return kernel;
}

void check_module_name(std::string_view name)
{
    check_name(name, "module name");
    // "kernel-…" in a module's directory is a link of ours; as a module of its own old programs would not see it.
    if (name.substr(0, 7) == "kernel-")
        throw Error(
            ErrorCode::invalid_name,
            {{"kind", "module name"}, {"value", shown(name)}, {"reason", "names that begin with 'kernel-' are taken"}});
}

void check_module_version(std::string_view version) { check_name(version, "module version", true); }
void check_kernel_release(std::string_view release) { check_name(release, "kernel release"); }
void check_architecture(std::string_view arch) { check_name(arch, "architecture"); }

void check(const ModuleId& module)
{
    check_module_name(module.name);
    if (!module.version.empty()) check_module_version(module.version);
}

void check(const KernelId& kernel)
{
    check_kernel_release(kernel.release);
    if (!kernel.arch.empty()) check_architecture(kernel.arch);
}

std::strong_ordering compare_versions(std::string_view a, std::string_view b) { return padded(a) <=> padded(b); }

std::string running_architecture() { return static_cast<const char*>(running_system().machine); }
std::string running_release() { return static_cast<const char*>(running_system().release); }

bool is_utf8(std::string_view text)
{
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

} // namespace dkms
