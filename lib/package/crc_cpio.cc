// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/crc_cpio.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <utility>

namespace dkms {
namespace {

void pad(std::string& bytes) { bytes.append((4 - bytes.size() % 4) % 4, '\0'); }

std::string hexadecimal(std::uint32_t number)
{
    std::array<char, 9> text{};
    std::snprintf(text.data(), text.size(), "%08X", number);
    return text.data();
}

} // namespace

void CrcCpio::file(const std::string& path, std::string_view content) { member(path, content, 0100644, time_); }

std::string CrcCpio::finish()
{
    inode_ = 0;
    member("TRAILER!!!", {}, 0, 0);
    bytes_.append((512 - bytes_.size() % 512) % 512, '\0');
    return std::move(bytes_);
}

void CrcCpio::member(const std::string& path, std::string_view content, unsigned mode, std::time_t time)
{
    const auto sum = std::accumulate(content.begin(), content.end(), std::uint32_t{0},
                                     [](std::uint32_t total, char c) { return total + static_cast<unsigned char>(c); });
    const bool is_file = mode != 0;
    bytes_ += "070702";
    for (const std::uint32_t field : std::array<std::uint32_t, 13>{
             is_file ? ++inode_ : 0, mode, 0, 0, 1, static_cast<std::uint32_t>(time),
             static_cast<std::uint32_t>(content.size()), 0, 0, 0, 0, static_cast<std::uint32_t>(path.size() + 1), sum})
        bytes_ += hexadecimal(field);
    bytes_ += path;
    bytes_ += '\0';
    pad(bytes_);
    bytes_ += content;
    pad(bytes_);
}

} // namespace dkms
