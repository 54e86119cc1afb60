// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf_records.h"

#include "lib/config/conf_fault.h"

#include <array>
#include <set>
#include <string_view>

namespace dkms {
namespace {

/// The array directives that make a record.
constexpr std::array<const char*, 4> record_directives{"BUILT_MODULE_NAME", "BUILT_MODULE_LOCATION", "DEST_MODULE_NAME",
                                                       "DEST_MODULE_LOCATION"};

std::set<unsigned> record_indexes(const ConfValues& values)
{
    std::set<unsigned> indexes;
    for (const char* directive : record_directives)
        for (const unsigned index : values.indexes(directive)) indexes.insert(index);
    return indexes;
}

bool ends_with(std::string_view text, std::string_view end)
{
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool begins_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

/// Whether a path goes above where it begins: such a module would be taken from, or put, anywhere.
bool leaves_directory(const std::string& path)
{
    int depth = 0;
    for (const auto& part : std::filesystem::path(path).relative_path()) {
        if (part == "..") {
            if (--depth < 0) return true;
        } else if (!part.empty() && part != ".") {
            ++depth;
        }
    }
    return false;
}

class RecordReader {
public:
    RecordReader(const std::filesystem::path& file, const ConfValues& values, const std::string& package)
        : file_(file), values_(values), package_(package), indexes_(record_indexes(values))
    {
    }

    std::vector<ConfModule> read() const
    {
        std::vector<ConfModule> records;
        for (const unsigned index : indexes_) records.push_back(read_record(index));
        return records;
    }

private:
    [[noreturn]] void fail(const std::string& reason, unsigned index) const
    {
        throw conf_fault(file_, reason + " record #" + std::to_string(index) + ".");
    }

    ConfModule read_record(unsigned index) const
    {
        ConfModule record;
        record.index = index;
        record.built_name = built_name(index);
        record.built_location = values_.value("BUILT_MODULE_LOCATION", index);
        if (!record.built_location.empty() && record.built_location.back() != '/') record.built_location += '/';
        if (leaves_directory(record.built_location + record.built_name))
            fail("'BUILT_MODULE_LOCATION' directive leads out of the build directory in", index);
        record.dest_name = dest_name(index, record.built_name);
        record.dest_location = dest_location(index);
        record.strip = strip(index);
        return record;
    }

    std::string built_name(unsigned index) const
    {
        std::string name = values_.value("BUILT_MODULE_NAME", index);
        const bool only_record = indexes_.size() == 1 && index == 0;
        if (name.empty() && only_record) name = package_;
        if (name.empty()) fail("No 'BUILT_MODULE_NAME' directive specified for", index);
        check_suffix("BUILT_MODULE_NAME", name, index);
        return name;
    }

    std::string dest_name(unsigned index, const std::string& default_name) const
    {
        std::string name = values_.value("DEST_MODULE_NAME", index);
        if (name.empty()) name = default_name;
        check_suffix("DEST_MODULE_NAME", name, index);
        if (leaves_directory(name)) fail("'DEST_MODULE_NAME' directive leads out of its directory in", index);
        return name;
    }

    std::string dest_location(unsigned index) const
    {
        std::string location = values_.value("DEST_MODULE_LOCATION", index);
        if (location.empty()) fail("No 'DEST_MODULE_LOCATION' directive specified for", index);
        if (!begins_with(location, "/kernel") && !begins_with(location, "/updates") && !begins_with(location, "/extra"))
            fail("Directive 'DEST_MODULE_LOCATION' does not begin with '/kernel', '/updates', or '/extra' in", index);
        if (leaves_directory(location))
            fail("'DEST_MODULE_LOCATION' directive leads out of the kernel's directory in", index);
        while (location.size() > 1 && location.back() == '/') location.pop_back();
        return location;
    }

    void check_suffix(const std::string& directive, const std::string& name, unsigned index) const
    {
        if (ends_with(name, ".o") || ends_with(name, ".ko"))
            fail("'" + directive + "' directive ends in '.o' or '.ko' in", index);
    }

    bool strip(unsigned index) const
    {
        std::string value = values_.value("STRIP", index);
        if (value.empty()) value = values_.value("STRIP");
        return value.empty() || (value.front() != 'n' && value.front() != 'N');
    }

    const std::filesystem::path& file_;
    const ConfValues& values_;
    const std::string& package_;
    std::set<unsigned> indexes_;
};

void refuse_duplicates(const std::filesystem::path& file, const std::vector<ConfModule>& records)
{
    std::set<std::string> built;
    std::set<std::string> installed;
    const auto check = [&](std::set<std::string>& seen, const std::string& name, const char* directive,
                           unsigned index) {
        if (!seen.insert(name).second)
            throw conf_fault(file,
                             "Duplicate module '" + name + "' in '" + directive + "[" + std::to_string(index) + "]'.");
    };
    for (const ConfModule& record : records) {
        check(built, record.built_location + record.built_name, "BUILT_MODULE_NAME", record.index);
        check(installed, record.dest_name, "DEST_MODULE_NAME", record.index);
    }
}

} // namespace

std::vector<ConfModule> conf_records(const std::filesystem::path& file, const ConfValues& values,
                                     const std::string& package, Strictness strictness)
{
    auto records = RecordReader(file, values, package).read();
    if (strictness == Strictness::strict) refuse_duplicates(file, records);
    return records;
}

} // namespace dkms
