// SPDX-License-Identifier: LGPL-2.1-or-later
// The cases of tests/data/lint/cases.
#pragma once

#include "lib/config/lint.h"
#include "lib/config/lint_rules.h"
#include "tests/unit/conf_data.h"
#include "tests/unit/scratch.h"

#include <algorithm>
#include <set>
#include <vector>

namespace dkms {

inline std::filesystem::path lint_data_directory() { return ConfData::directory().parent_path(); }

/// A line of the cases with its <<xx>> made bytes.
inline std::string with_bytes(std::string line)
{
    for (auto at = line.find("<<"); at != std::string::npos; at = line.find("<<", at + 1))
        if (line.compare(at + 4, 2, ">>") == 0)
            line.replace(at, 6, 1, static_cast<char>(std::stoi(line.substr(at + 2, 2), nullptr, 16)));
    return line;
}

/// One case: a module's source, and what is to be found in it.
struct LintCase {
    bool needs_bash = false;
    std::string expected; ///< "RULE FILE:LINE, …" or "nothing"
    std::string directory = "probe-1.0";
    std::map<std::string, std::string> files{
        {"dkms.conf", "PACKAGE_NAME=\"probe\"\nPACKAGE_VERSION=\"1.0\"\nBUILT_MODULE_NAME[0]=\"probe\"\n"
                      "DEST_MODULE_LOCATION[0]=\"/updates\"\nAUTOINSTALL=\"yes\"\n"},
        {"Makefile", "obj-m := probe.o\n"},
        {"probe.c", ""}};
    std::set<std::string> executable;

    /// Takes a line of the case; `file` is the one that is being written.
    void take(const std::string& line, std::string& file)
    {
        const std::string sign = line.substr(0, line.find(' '));
        const std::string rest = line.size() > sign.size() ? line.substr(sign.size() + 1) : "";
        if (sign == "--" || sign == "++") {
            file = rest;
            if (sign == "--") files[file].clear();
            files[file]; // be it empty
        } else if (sign == "-!") {
            files.erase(rest);
        } else if (sign == "+x") {
            executable.insert(rest);
        } else if (sign == "@") {
            directory = rest;
        } else if (!file.empty()) {
            files[file] += with_bytes(line) + "\n";
        }
    }

    /// The files that matter, for a test that fails.
    std::string text() const
    {
        std::string all;
        for (const char* name : {"dkms.conf", "Makefile"})
            if (const auto file = files.find(name); file != files.end())
                all += "--- " + file->first + "\n" + file->second;
        return all;
    }

    /// Writes the source below `top`; returns its directory.
    std::filesystem::path put(const std::filesystem::path& top) const
    {
        const std::filesystem::path source = top / directory;
        for (const auto& [name, text] : files) write(source / name, text);
        for (const std::string& name : executable)
            std::filesystem::permissions(source / name, std::filesystem::perms(0755));
        return source;
    }
};

inline std::vector<LintCase> lint_cases()
{
    std::ifstream stream(lint_data_directory() / "lint" / "cases");
    std::vector<LintCase> cases;
    std::string file;
    for (std::string line; std::getline(stream, line);) {
        if (line.empty() || (line.front() == '#' && file.empty())) continue;
        if (line.substr(0, 3) == "== " || line.substr(0, 3) == "=$ ") {
            cases.emplace_back();
            cases.back().needs_bash = line[1] == '$';
            cases.back().expected = line.substr(3);
            file.clear();
        } else if (line.substr(0, 2) == "# " && line.back() == '.') {
            file.clear(); // about the next case
        } else if (line.substr(0, 5) != "# ---") {
            cases.back().take(line, file);
        }
    }
    return cases;
}

/// Whether an error of the table has become a warning.
inline bool is_likely_only(const Finding& finding)
{
    const auto rules = lint_rules();
    const auto row =
        std::find_if(rules.begin(), rules.end(), [&](const LintRule& rule) { return rule.name == finding.rule; });
    return row != rules.end() && row->severity != finding.severity;
}

/// The findings as the cases have them.
inline std::string text_of(const std::vector<Finding>& findings, const std::filesystem::path& source)
{
    std::string text;
    for (const Finding& finding : findings)
        text += (text.empty() ? "" : ", ") + std::string(is_likely_only(finding) ? "likely " : "") + finding.rule +
                " " + std::filesystem::path(finding.file).lexically_relative(source).string() + ":" +
                std::to_string(finding.line);
    return text.empty() ? "nothing" : text;
}

inline std::vector<Finding> lint_of(const std::filesystem::path& path) { return lint(path, ConfData::context()); }

} // namespace dkms
