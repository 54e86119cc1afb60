// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// Calls `visit` for each line "0xCRC<tab>SYMBOL<tab>MODULE<tab>KIND…" of a Module.symvers; others are left out. A CRC
/// of 0 is none.
void for_each_export(
    std::string_view symvers,
    const std::function<void(std::string_view symbol, std::uint64_t crc, std::string_view exporter)>& visit);

/// What a kernel and its modules export, with the CRC of each symbol: a Module.symvers of up to 30 000 lines, read at
/// once and not copied symbol by symbol.
class Symvers {
public:
    struct Export {
        std::uint64_t crc = 0;  ///< 0: it has none
        bool of_kernel = false; ///< by vmlinux itself, not by one of its modules
    };

    /// `text`: what for_each_export() reads; lines without an exporter are left out.
    explicit Symvers(std::string text);
    Symvers(const Symvers&) = delete;
    Symvers& operator=(const Symvers&) = delete;

    /// Nothing if it is not exported. Of several lines about a symbol the first counts.
    std::optional<Export> find(std::string_view symbol) const;
    bool empty() const { return is_empty_; }
    /// Whether it lists what modules export, too: without them it says nothing about a symbol that it does not list.
    bool lists_modules() const { return lists_modules_; }

private:
    /// Which slot has the symbol, or is free for it.
    std::size_t slot_of(std::string_view symbol) const;
    /// What begins there in the text, up to the next tab.
    std::string_view word_at(std::size_t place) const;

    std::string text_;
    /// A hash table with open addressing, of a power of two slots, most of which are free: where in the text a symbol
    /// begins; 0 if it is free. Nothing is kept for each symbol, since few of them are ever asked for.
    std::vector<std::uint32_t> slots_;
    bool is_empty_ = true;
    bool lists_modules_ = false;
};

} // namespace dkms
