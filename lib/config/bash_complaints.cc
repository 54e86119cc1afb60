// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/bash_complaints.h"

#include "lib/model/ids.h"

#include <charconv>

namespace dkms {
namespace {

constexpr std::size_t most = 20;
constexpr std::string_view before_number = ": line ";
constexpr std::string_view after_number = ": ";

bool take(std::string_view& text, std::string_view beginning)
{
    if (text.substr(0, beginning.size()) != beginning) return false;
    text.remove_prefix(beginning.size());
    return true;
}

/// Whether `line` is one of bash's about `file`, and then what it says.
bool understand(std::string_view line, const ReadAs& file, BashComplaint& complaint)
{
    if (!take(line, file.name) || !take(line, before_number)) return false;
    const auto number = std::from_chars(line.data(), line.data() + line.size(), complaint.line);
    if (number.ec != std::errc()) return false;
    line.remove_prefix(static_cast<std::size_t>(number.ptr - line.data()));
    if (!take(line, after_number) || !is_utf8(line)) return false;
    complaint.file = file.file;
    complaint.text = line;
    return true;
}

} // namespace

bool BashComplaint::is_syntax() const { return text.starts_with("syntax error") || text.starts_with("unexpected EOF"); }

std::string BashComplaint::sentence() const
{
    return file.string() + std::string(before_number) + std::to_string(line) + std::string(after_number) + text;
}

std::vector<BashComplaint> complaints_in(std::string_view text, const std::vector<ReadAs>& files)
{
    std::vector<BashComplaint> found;
    while (!text.empty() && found.size() < most) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        BashComplaint complaint;
        for (const ReadAs& file : files)
            if (understand(line, file, complaint)) {
                found.push_back(std::move(complaint));
                break;
            }
    }
    return found;
}

} // namespace dkms
