// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

namespace dkms {

/// Configurations with what is expected of them: expected.tsv has lines of file, NAME[#] and value, separated by tabs.
class ConfData {
public:
    explicit ConfData(const std::filesystem::path& expected)
    {
        std::ifstream stream(expected);
        if (!stream) throw std::runtime_error(expected.string());
        for (std::string line; std::getline(stream, line);)
            if (!line.empty() && line.front() != '#') add(line);
    }

    /// The project's own.
    static ConfData own() { return ConfData(directory() / "expected.tsv"); }
    static std::filesystem::path directory()
    {
        const char* data = std::getenv("DKMS_TEST_DATA");
        if (!data) throw std::runtime_error("DKMS_TEST_DATA is not set");
        return std::filesystem::path(data) / "conf";
    }

    const ConfVariables& of(const std::string& file) const
    {
        static const ConfVariables none;
        const auto found = expected_.find(file);
        return found == expected_.end() ? none : found->second;
    }

    /// The settings the expected values were made with.
    static ConfContext context()
    {
        ConfContext context;
        context.kernel = {"6.8.0-31-generic", "x86_64"};
        context.kernel_source_dir = "/lib/modules/6.8.0-31-generic/build";
        context.places.config_dir = "/nonexistent";
        context.parallel_jobs = 4;
        return context;
    }

private:
    void add(const std::string& line)
    {
        const auto first = line.find('\t');
        const auto second = line.find('\t', first + 1);
        const std::string element = line.substr(first + 1, second - first - 1);
        const auto bracket = element.find('[');
        const auto index = static_cast<unsigned>(std::stoul(element.substr(bracket + 1)));
        expected_[line.substr(0, first)][element.substr(0, bracket)][index] = line.substr(second + 1);
    }

    std::map<std::string, ConfVariables> expected_;
};

/// Variables one a line, for comparing.
inline std::string text_of(const ConfVariables& variables)
{
    std::ostringstream text;
    for (const auto& [name, elements] : variables)
        for (const auto& [index, value] : elements) text << name << '[' << index << "]=" << value << '\n';
    return text.str();
}

inline void write(const std::filesystem::path& path, const std::string& text)
{
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

} // namespace dkms
