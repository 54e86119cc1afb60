// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf_records.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string_view>

namespace dkms {
namespace {

/// The array directives that make a record.
constexpr std::array<const char*, 4> record_directives{"BUILT_MODULE_NAME", "BUILT_MODULE_LOCATION", "DEST_MODULE_NAME",
                                                       "DEST_MODULE_LOCATION"};

constexpr std::size_t faults_told = 20;

/// How many records there are: gaps count.
std::uint64_t count_of(const ConfValues& values)
{
    std::uint64_t count = 0;
    for (const char* directive : record_directives)
        for (const unsigned index : values.indexes(directive)) count = std::max(count, std::uint64_t{index} + 1);
    return count;
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

/// Reads every record, and keeps what is wrong with them.
class RecordReader {
public:
    RecordReader(const ConfValues& values, const std::string& package)
        : values_(values), package_(package), count_(count_of(values))
    {
        for (std::uint64_t index = 0; index < count_ && faults_.size() < faults_told; ++index)
            records_.push_back(read_record(static_cast<unsigned>(index)));
    }

    /// Two records must not make, or become, the same file.
    void refuse_duplicates()
    {
        std::set<std::string> built;
        std::set<std::string> installed;
        for (const ConfModule& record : records_) {
            refuse_duplicate(built, record.built_location + record.built_name, "BUILT_MODULE_NAME", record.index);
            refuse_duplicate(installed, record.dest_name, "DEST_MODULE_NAME", record.index);
        }
    }

    std::vector<ConfModule>& records() { return records_; }
    std::vector<RecordFault>& faults() { return faults_; }

private:
    void fail(const std::string& directive, const std::string& reason, unsigned index)
    {
        faults_.push_back({directive, index, reason + " record #" + std::to_string(index) + "."});
    }

    void refuse_duplicate(std::set<std::string>& seen, const std::string& name, const std::string& directive,
                          unsigned index)
    {
        if (name.empty() || seen.insert(name).second) return;
        const std::string element = directive + "[" + std::to_string(index) + "]";
        faults_.push_back({directive, index, "Duplicate module '" + name + "' in '" + element + "'."});
    }

    ConfModule read_record(unsigned index)
    {
        ConfModule record;
        record.index = index;
        record.built_name = built_name(index);
        record.built_location = values_.value("BUILT_MODULE_LOCATION", index);
        if (!record.built_location.empty() && record.built_location.back() != '/') record.built_location += '/';
        if (leaves_directory(record.built_location + record.built_name))
            fail("BUILT_MODULE_LOCATION", "'BUILT_MODULE_LOCATION' directive leads out of the build directory in",
                 index);
        record.dest_name = dest_name(index, record.built_name);
        record.dest_location = dest_location(index);
        record.strip = strip(index);
        return record;
    }

    std::string built_name(unsigned index)
    {
        std::string name = values_.value("BUILT_MODULE_NAME", index);
        const bool only_record = count_ == 1;
        if (name.empty() && only_record) name = package_;
        if (name.empty()) fail("BUILT_MODULE_NAME", "No 'BUILT_MODULE_NAME' directive specified for", index);
        check_suffix("BUILT_MODULE_NAME", name, index);
        return name;
    }

    std::string dest_name(unsigned index, const std::string& default_name)
    {
        std::string name = values_.value("DEST_MODULE_NAME", index);
        check_suffix("DEST_MODULE_NAME", name, index);
        if (name.empty()) name = default_name;
        if (leaves_directory(name))
            fail("DEST_MODULE_NAME", "'DEST_MODULE_NAME' directive leads out of its directory in", index);
        return name;
    }

    std::string dest_location(unsigned index)
    {
        std::string location = values_.value("DEST_MODULE_LOCATION", index);
        if (location.empty())
            fail("DEST_MODULE_LOCATION", "No 'DEST_MODULE_LOCATION' directive specified for", index);
        else if (!begins_with(location, "/kernel") && !begins_with(location, "/updates") &&
                 !begins_with(location, "/extra"))
            fail("DEST_MODULE_LOCATION",
                 "Directive 'DEST_MODULE_LOCATION' does not begin with '/kernel', '/updates', or '/extra' in", index);
        if (leaves_directory(location))
            fail("DEST_MODULE_LOCATION", "'DEST_MODULE_LOCATION' directive leads out of the kernel's directory in",
                 index);
        while (location.size() > 1 && location.back() == '/') location.pop_back();
        return location;
    }

    void check_suffix(const std::string& directive, const std::string& name, unsigned index)
    {
        if (ends_with(name, ".o") || ends_with(name, ".ko"))
            fail(directive, "'" + directive + "' directive ends in '.o' or '.ko' in", index);
    }

    bool strip(unsigned index) const
    {
        std::string value = values_.value("STRIP", index);
        if (value.empty()) value = values_.value("STRIP");
        return value.empty() || (value.front() != 'n' && value.front() != 'N');
    }

    const ConfValues& values_;
    const std::string& package_;
    std::uint64_t count_;
    std::vector<ConfModule> records_;
    std::vector<RecordFault> faults_;
};

} // namespace

ConfRecords conf_records(const ConfValues& values, const std::string& package, Strictness strictness)
{
    RecordReader reader(values, package);
    if (strictness == Strictness::strict) reader.refuse_duplicates();
    return {std::move(reader.records()), std::move(reader.faults())};
}

} // namespace dkms
