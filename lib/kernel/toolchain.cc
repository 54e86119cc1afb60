// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/toolchain.h"

#include "lib/config/distribution.h"
#include "lib/kernel/cross.h"
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
    const std::string text = read_file_if_present(source_dir / ".kernelvariables").value_or("");
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
           const InstalledPrograms& programs, const std::string& host)
        : module_(module), kernel_(kernel), headers_(headers), places_(places), programs_(programs),
          cross_(cross_build(kernel.arch, host).value_or(CrossBuild()))
    {
    }

    Toolchain make() const
    {
        Toolchain chosen;
        if (const auto compiler = compiler_of_headers(headers_.source_dir))
            chosen = set_by_headers(*compiler);
        else
            chosen = setting(headers_.config, "CONFIG_CC_IS_CLANG") == "y" ? clang() : gcc();
        chosen.kernel_arch = cross_.kernel_arch;
        if (!cross_.kernel_arch.empty()) chosen.make_variables += " ARCH=" + cross_.kernel_arch;
        if (chosen.llvm) return chosen; // it makes code for all machines
        chosen.prefix = cross_.prefix;
        if (!cross_.prefix.empty()) chosen.make_variables += " CROSS_COMPILE=" + cross_.prefix;
        return chosen;
    }

private:
    [[noreturn]] void missing(const std::string& compiler, const std::string& package) const
    {
        throw Error(
            ErrorCode::compiler_missing,
            {{"module", module_.text()}, {"kernel", kernel_.release}, {"compiler", compiler}, {"package", package}});
    }

    bool wants_lld() const { return setting(headers_.config, "CONFIG_LD_IS_LLD") == "y"; }

    /// Headers put CROSS_COMPILE before the name themselves.
    Toolchain set_by_headers(const std::string& name) const
    {
        const bool llvm = name.starts_with("clang");
        const std::string compiler = llvm ? name : cross_.prefix + name;
        if (!programs_.has(compiler)) missing(compiler, cross_.package.empty() ? name : package_of(name));
        return {compiler, wants_lld() ? "ld.lld" : gnu_linker(), "", llvm};
    }

    std::string gnu_linker() const { return cross_.prefix + "ld"; }

    /// "gcc-12-aarch64-linux-gnu" for gcc-12, as Debian calls it.
    std::string package_of(const std::string& compiler) const
    {
        return cross_.package.empty() ? compiler : compiler + cross_.package.substr(std::string("gcc").size());
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
        const std::string plain_name = cross_.prefix + "gcc";
        const std::string versioned = plain_name + "-" + std::to_string(major);
        const std::string linker = wants_lld() ? "ld.lld" : gnu_linker();
        const std::string linker_variable = wants_lld() ? " LD=ld.lld" : "";
        const bool plain = programs_.has(plain_name);
        if (plain && (major == 0 || !programs_.has(versioned) || programs_.major_version(plain_name) == major))
            return {plain_name, linker, linker_variable, false};
        if (major != 0 && programs_.has(versioned))
            return {versioned, linker, " CC=" + versioned + linker_variable, false};
        const std::string made_with = setting(headers_.config, "CONFIG_CC_VERSION_TEXT");
        if (!cross_.prefix.empty()) missing(plain_name, cross_.package);
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
    CrossBuild cross_; ///< all empty: none
};

int ask_version(const std::string& compiler)
{
    Command command;
    command.argv = {compiler, "-dumpversion"};
    command.environment = base_environment();
    return leading_number(capture(std::move(command)).output);
}

} // namespace

std::string Toolchain::strip() const { return llvm ? "llvm-strip" : prefix + "strip"; }

std::vector<std::string> Toolchain::environment() const
{
    std::vector<std::string> settings{"CC=" + compiler, "KERNEL_CC=" + compiler, "LD=" + linker, "KERNEL_LD=" + linker};
    if (!kernel_arch.empty()) settings.push_back("ARCH=" + kernel_arch);
    if (!prefix.empty()) settings.push_back("CROSS_COMPILE=" + prefix);
    return settings;
}

InstalledPrograms installed_programs()
{
    return {[](const std::string& name) { return find_program(name).has_value(); }, ask_version};
}

Toolchain choose_toolchain(const ModuleId& module, const KernelId& kernel, const KernelHeaders& headers,
                           const Places& places, const InstalledPrograms& programs, const std::string& host)
{
    return Choice(module, kernel, headers, places, programs, host).make();
}

} // namespace dkms
