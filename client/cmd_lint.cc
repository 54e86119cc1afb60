// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/colour.h"
#include "client/commands.h"
#include "client/json.h"
#include "client/text.h"
#include "client/transport.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace dkms {
namespace {

constexpr std::array severities{Severity::error, Severity::warning, Severity::note};

std::size_t count_of(const std::vector<Finding>& findings, Severity severity)
{
    return static_cast<std::size_t>(std::count_if(
        findings.begin(), findings.end(), [&](const Finding& finding) { return finding.severity == severity; }));
}

/// The path as a person in this directory would name it.
std::string near_path(const std::string& path)
{
    std::error_code failed;
    const auto relative = std::filesystem::path(path).lexically_relative(std::filesystem::current_path(failed));
    const bool below = !failed && !relative.empty() && *relative.begin() != "..";
    return below ? relative.string() : path;
}

std::string severity_text(Severity severity, const Look& look)
{
    std::string text(name_of(severity));
    if (severity == Severity::note) return text;
    return coloured(text, severity == Severity::error ? Colour::red : Colour::yellow, look);
}

/// "FILE:LINE: severity: sentence [rule]", as compilers have it, so that editors find the place; the remedy below.
std::string finding_text(const Finding& finding, const Look& look)
{
    std::string text = printable(near_path(finding.file)) + ":";
    if (finding.line > 0) text += std::to_string(finding.line) + ":";
    text += " " + severity_text(finding.severity, look) + ": " + printable(finding.message) + " [" +
            printable(finding.rule) + "]\n";
    return finding.remedy.empty() ? text : text + "    " + printable(finding.remedy) + "\n";
}

std::string summary_text(const std::vector<Finding>& findings)
{
    std::string text;
    for (const Severity severity : severities)
        if (const std::size_t count = count_of(findings, severity); count > 0)
            text += (text.empty() ? "" : ", ") + count_text(count, name_of(severity));
    return (text.empty() ? "Nothing was found" : text) + ".\n";
}

} // namespace

int run_lint(const Invocation& invocation, Console& console)
{
    // Never the service: it takes no paths from clients.
    const auto findings = make_stdio_transport({})->lint(invocation.path);
    const bool strict = invocation.strict && count_of(findings, Severity::warning) > 0;
    const int exit_code = count_of(findings, Severity::error) > 0 || strict ? 1 : 0;
    if (invocation.json) {
        nlohmann::json value{{"exit_code", exit_code}, {"findings", nlohmann::json::array()}};
        for (const Finding& finding : findings) value["findings"].push_back(to_json(finding));
        print_json(console, value);
        return exit_code;
    }
    for (const Finding& finding : findings)
        if (!invocation.quiet || finding.severity == Severity::error)
            console.out(finding_text(finding, console.out_look));
    if (!invocation.quiet) console.err(summary_text(findings));
    return exit_code;
}

} // namespace dkms
