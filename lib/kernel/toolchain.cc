// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/toolchain.h"

#include "lib/config/distribution.h"
#include "lib/model/error.h"
#include "lib/process/child.h"
#include "lib/process/descriptor.h"

#include <charconv>
#include <optional>
#include <regex>

namespace dkms {
namespace {

std::string setting(const KernelConfig& config, const char* name)
{
    const auto found = config.find(name);
    return found == config.end() ? std::string() : found->second;
}

int leading_number(const std::string& text)
{
    int number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// 12 of CONFIG_GCC_VERSION=120200; 0 if it is not said.
int major_of(const KernelConfig& config, const char* name) { return leading_number(setting(config, name)) / 10000; }

/// The compiler that Debian's headers set for themselves: "gcc-12" of "CC = $(if …) $(CROSS_COMPILE)gcc-12".
std::optional<std::string> compiler_of_headers(const std::filesystem::path& source_dir)
{
    std::string text;
    try {
        text = read_file(source_dir / ".kernelvariables");
    } catch (const Error&) {
        return std::nullopt;
    }
    static const std::regex assignment(
        R"((^|\n)[ \t]*(override[ \t]+)?CC[ \t]*[:?]?=([^\n]*[ \t)]|[ \t]*)([\w.+-]+)[ \t]*(\n|$))");
    std::smatch found;
    if (!std::regex_search(text, found, assignment)) return std::nullopt;
    return found[4].str();
}

bool names_packages_by_version(const Places& places)
{
    try {
        const Distribution system = distribution(places);
        return system == Distribution::debian || system == Distribution::ubuntu;
    } catch (const Error&) {
        return false;
    }
}

/// One choice: what is asked, and how to say that it cannot be had.
class Choice {
public:
    Choice(const ModuleId& module, const KernelId& kernel, const KernelHeaders& headers, const Places& places,
           const InstalledPrograms& programs)
        : module_(module), kernel_(kernel), headers_(headers), places_(places), programs_(programs)
    {
    }

    Toolchain make() const
    {
        if (const auto compiler = compiler_of_headers(headers_.source_dir)) return set_by_headers(*compiler);
        return setting(headers_.config, "CONFIG_CC_IS_CLANG") == "y" ? clang() : gcc();
    }

private:
    [[noreturn]] void missing(const std::string& compiler, const std::string& package) const
    {
        throw Error(
            ErrorCode::compiler_missing,
            {{"module", module_.text()}, {"kernel", kernel_.release}, {"compiler", compiler}, {"package", package}});
    }

    bool wants_lld() const { return setting(headers_.config, "CONFIG_LD_IS_LLD") == "y"; }

    Toolchain set_by_headers(const std::string& compiler) const
    {
        if (!programs_.has(compiler)) missing(compiler, compiler);
        return {compiler, wants_lld() ? "ld.lld" : "ld", "", compiler.starts_with("clang")};
    }

    Toolchain clang() const
    {
        const int major = major_of(headers_.config, "CONFIG_CLANG_VERSION");
        const std::string suffix = "-" + std::to_string(major);
        const bool plain = programs_.has("clang");
        if (!plain && !programs_.has("clang" + suffix))
            missing(setting(headers_.config, "CONFIG_CC_VERSION_TEXT"), "clang");
        const std::string compiler = plain ? "clang" : "clang" + suffix;
        if (setting(headers_.config, "CONFIG_LD_IS_BFD") == "y") return {compiler, "ld", " CC=" + compiler, true};
        const std::string linker = plain ? "ld.lld" : "ld.lld" + suffix;
        if (!programs_.has(linker)) missing("lld", "lld");
        return {compiler, linker, " LLVM=" + (plain ? "1" : suffix), true};
    }

    Toolchain gcc() const
    {
        const int major = wanted_gcc();
        const std::string versioned = "gcc-" + std::to_string(major);
        const std::string linker = wants_lld() ? "ld.lld" : "ld";
        const std::string linker_variable = wants_lld() ? " LD=ld.lld" : "";
        const bool plain = programs_.has("gcc");
        if (plain && (major == 0 || !programs_.has(versioned) || programs_.major_version("gcc") == major))
            return {"gcc", linker, linker_variable, false};
        if (major != 0 && programs_.has(versioned))
            return {versioned, linker, " CC=" + versioned + linker_variable, false};
        const std::string made_with = setting(headers_.config, "CONFIG_CC_VERSION_TEXT");
        missing(made_with.empty() ? "gcc" : made_with,
                major != 0 && names_packages_by_version(places_) ? versioned : "gcc");
    }

    int wanted_gcc() const
    {
        if (const int major = major_of(headers_.config, "CONFIG_GCC_VERSION")) return major;
        static const std::regex version(R"((\d+)\.\d+\.\d+)"); // "gcc-12 (Debian 12.2.0-14) 12.2.0"
        const std::string text = setting(headers_.config, "CONFIG_CC_VERSION_TEXT");
        std::smatch found;
        return std::regex_search(text, found, version) ? leading_number(found[1].str()) : 0;
    }

    const ModuleId& module_;
    const KernelId& kernel_;
    const KernelHeaders& headers_;
    const Places& places_;
    const InstalledPrograms& programs_;
};

int ask_version(const std::string& compiler)
{
    Command command;
    command.argv = {compiler, "-dumpversion"};
    command.environment = base_environment();
    return leading_number(capture(std::move(command)).output);
}

} // namespace

std::string Toolchain::strip() const { return llvm ? "llvm-strip" : "strip"; }

std::vector<std::string> Toolchain::environment() const
{
    return {"CC=" + compiler, "KERNEL_CC=" + compiler, "LD=" + linker, "KERNEL_LD=" + linker};
}

InstalledPrograms installed_programs()
{
    return {[](const std::string& name) { return find_program(name).has_value(); }, ask_version};
}

Toolchain choose_toolchain(const ModuleId& module, const KernelId& kernel, const KernelHeaders& headers,
                           const Places& places, const InstalledPrograms& programs)
{
    return Choice(module, kernel, headers, places, programs).make();
}

} // namespace dkms
