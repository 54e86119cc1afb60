// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/rpm_text.h"

#include "lib/model/error.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr std::string_view letters_and_digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool is_letter_or_digit(char c) { return letters_and_digits.find(c) != std::string_view::npos; }

bool is_allowed(char c, std::string_view more)
{
    return is_letter_or_digit(c) || more.find(c) != std::string_view::npos;
}

/// Throws Error PackagingFailed for the first character of `text` that is neither letter, digit, nor one of `more`.
void check_characters(const std::string& text, std::string_view more, const std::string& what,
                      const std::string& product)
{
    const auto bad = std::find_if(text.begin(), text.end(), [&](char c) { return !is_allowed(c, more); });
    if (bad == text.end() && is_letter_or_digit(text.front())) return;
    throw Error(ErrorCode::packaging_failed,
                {{"product", product},
                 {"program", "rpmbuild"},
                 {"reason", "an RPM's " + what + " cannot be '" + text + "': only letters, digits and " +
                                std::string(more) + " can be in there"}});
}

} // namespace

std::string filled(std::string_view text, const std::map<std::string, std::string>& values)
{
    std::string result;
    for (;;) {
        const auto begin = text.find('@');
        const auto end = begin == std::string_view::npos ? begin : text.find('@', begin + 1);
        if (end == std::string_view::npos) return result += text;
        const auto value = values.find(std::string(text.substr(begin + 1, end - begin - 1)));
        result += text.substr(0, begin);
        result += value == values.end() ? "@" : value->second;
        text.remove_prefix(value == values.end() ? begin + 1 : end + 1);
    }
}

void check_for_rpm(const std::string& text, const std::string& what, const std::string& product)
{
    check_characters(text, "._+~^-", what, product);
}

std::string rpm_version(const ModuleId& module, const std::string& product)
{
    check_characters(module.name, "._+-", "name", product);
    check_for_rpm(module.version, "version", product);
    std::string version = module.version;
    std::replace(version.begin(), version.end(), '-', '~');
    return version;
}

std::string rpm_dependency_version(std::string_view text)
{
    std::string version;
    bool dashed = false;
    for (const char c : text) {
        const bool is_dash = c == '-' && !dashed && !version.empty();
        dashed |= is_dash;
        version += is_dash || is_allowed(c, "._+~^") ? c : '_';
    }
    return version.ends_with('-') ? version + "0" : version; // a release is not empty
}

std::string rpm_release_part(const KernelId& kernel)
{
    std::string_view release = kernel.release;
    if (const std::string end = "." + kernel.arch; release.ends_with(end)) release.remove_suffix(end.size());
    std::string part;
    for (const char c : release) part += is_allowed(c, "._+~^") ? c : '_';
    return part;
}

std::string rpm_architecture(const std::string& arch)
{
    static const std::map<std::string, std::string> others{
        {"amd64", "x86_64"}, {"ia32e", "x86_64"}, {"arm64", "aarch64"}, {"armv7l", "armv7hl"}, {"armv6l", "armv6hl"}};
    const auto known = others.find(arch);
    return known == others.end() ? arch : known->second;
}

} // namespace dkms
