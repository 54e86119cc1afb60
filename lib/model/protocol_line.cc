// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/protocol_line.h"

#include <nlohmann/json.hpp>

namespace dkms {
namespace {

using nlohmann::json;

void shorten(json& value, std::size_t bytes, std::size_t entries)
{
    if (value.is_string()) {
        auto& text = value.get_ref<std::string&>();
        if (text.size() > bytes) text = text.substr(0, bytes) + "…";
    }
    if (value.is_array() && value.size() > entries)
        value.erase(value.begin() + static_cast<json::difference_type>(entries), value.end());
    if (value.is_structured())
        for (json& member : value) shorten(member, bytes, entries);
}

} // namespace

std::string protocol_line(const json& value)
{
    return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

json shortened(json value)
{
    for (std::size_t bytes = 1024; bytes > 0 && protocol_line(value).size() > longest_line; bytes /= 4)
        shorten(value, bytes, bytes / 16);
    return value;
}

} // namespace dkms
