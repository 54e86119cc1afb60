// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/kernel_config.h"

#include "lib/process/descriptor.h"

namespace dkms {
namespace {

std::string unquoted(std::string_view value)
{
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
    value = value.substr(1, value.size() - 2);
    std::string text;
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '\\' && i + 1 < value.size()) ++i;
        text += value[i];
    }
    return text;
}

} // namespace

KernelConfig parse_kernel_config(std::string_view text)
{
    KernelConfig config;
    while (!text.empty()) {
        const auto end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        const auto equals = line.find('=');
        if (equals == std::string_view::npos || line.substr(0, 7) != "CONFIG_") continue;
        config.insert_or_assign(std::string(line.substr(0, equals)), unquoted(line.substr(equals + 1)));
    }
    return config;
}

KernelConfig read_kernel_config(const std::filesystem::path& file)
{
    return parse_kernel_config(read_file_if_present(file).value_or(""));
}

} // namespace dkms
