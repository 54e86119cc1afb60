// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/words.h"

#include "client/beside.h"
#include "client/dkms/actions.h"

#include <array>
#include <charconv>

namespace dkms::legacy {
namespace {

namespace fs = std::filesystem;

std::string trimmed(std::string_view text)
{
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

fs::path absolute(const std::string& path)
{
    std::error_code no_directory;
    const fs::path whole = fs::absolute(path, no_directory);
    return (no_directory ? fs::path(path) : whole).lexically_normal();
}

class Reader {
public:
    Reader(std::string program, std::span<const char* const> words, Console& console)
        : program_(std::move(program)), words_(words), console_(console)
    {
    }

    std::optional<Words> read();

private:
    struct ValueOption {
        std::string_view name; ///< a long one is known by this beginning, a short one is this
        void (Reader::*take)(const std::string& value);
    };
    struct Flag {
        std::string_view name;
        void (Reader::*take)();
    };
    static std::span<const ValueOption> value_options();
    static std::span<const Flag> flags();

    bool take_flag(std::string_view word);
    bool take_value_option(std::string_view word);
    void take_plain(const std::string& word);
    void take_action(const std::string& word);
    void take_module(const std::string& word);
    void take_kernel(const std::string& value);
    void take_jobs(const std::string& value);

    void say_deprecated(std::string_view option) { console_.err("Deprecated feature: " + std::string(option) + "\n"); }
    void be_quiet()
    {
        if (!console_.insist) console_.insist = console_.err;
        console_.out = [](std::string_view) {};
        console_.err = console_.out;
    }
    void be_verbose() { result_.options.verbose = true; }
    void force() { result_.options.force = true; }
    void force_version() { result_.options.force_version_override = true; }
    void all() { result_.all = true; }
    void no_depmod() { result_.options.no_depmod = true; }
    void modprobe() { result_.options.modprobe_on_install = true; }
    void symlink() { result_.options.symlink_modules = true; }
    void binaries_only() { result_.options.binaries_only = true; }
    void source_only() { result_.options.source_only = true; }
    void rpm_safe() { result_.rpm_safe_upgrade = true; }
    void nothing() {}
    void old_flag() { say_deprecated(option_); }
    void old_value(const std::string&) { say_deprecated(option_); }
    void help();
    void version();
    void set_version(const std::string& value) { result_.version = value; }
    void set_archive(const std::string& value) { result_.archive_option = value; }
    void add_architecture(const std::string& value) { result_.architectures.push_back(value); }
    void add_distribution(const std::string& value) { result_.distributions.push_back(value); }
    void add_release(const std::string& value) { result_.releases.push_back(value); }
    void set_media(const std::string& value) { result_.options.media = value; }
    void set_label(const std::string& value) { result_.options.label = value; }
    void set_spec(const std::string& value) { result_.options.spec = value; }
    void set_postinst(const std::string& value) { result_.options.no_postinst = value == "0"; }
    void set_size(const std::string& value);
    void set_template(const std::string& value) { result_.options.template_kernel = value; }
    void set_tree(const std::string& value) { result_.places.dkms_tree = absolute(value); }
    void set_sources(const std::string& value) { result_.places.source_tree = absolute(value); }
    void set_install(const std::string& value) { result_.places.install_tree = absolute(value); }
    void set_config(const std::string& value) { result_.options.kernel_config = absolute(value); }
    void set_headers(const std::string& value) { result_.options.kernel_source_dir = absolute(value); }
    void set_conf(const std::string& value) { result_.options.conf_file = absolute(value); }
    void add_directive(const std::string& value);

    std::string program_;
    std::span<const char* const> words_;
    Console& console_;
    std::size_t position_ = 0;
    std::string option_; ///< the word that is understood now
    bool answered_ = false;
    Words result_;
};

std::span<const Reader::ValueOption> Reader::value_options()
{
    // In the order in which they are tried: --archive stands before --arch.
    static constexpr std::array<ValueOption, 28> table{{
        {"--module", &Reader::take_module},
        {"-m", &Reader::take_module},
        {"-v", &Reader::set_version},
        {"--kernelver", &Reader::take_kernel},
        {"-k", &Reader::take_kernel},
        {"--templatekernel", &Reader::set_template},
        {"-c", &Reader::set_conf},
        {"--dkmstree", &Reader::set_tree},
        {"--sourcetree", &Reader::set_sources},
        {"--installtree", &Reader::set_install},
        {"--config", &Reader::set_config},
        {"--archive", &Reader::set_archive},
        {"--arch", &Reader::add_architecture},
        {"-a", &Reader::add_architecture},
        {"--kernelsourcedir", &Reader::set_headers},
        {"--directive", &Reader::add_directive},
        {"-j", &Reader::take_jobs},
        {"--distro", &Reader::add_distribution},
        {"-d", &Reader::add_distribution},
        {"--release", &Reader::add_release},
        {"-r", &Reader::add_release},
        {"--media", &Reader::set_media},
        {"--size", &Reader::set_size},
        {"--label", &Reader::set_label},
        {"--spec", &Reader::set_spec},
        {"--legacy-postinst", &Reader::set_postinst},
        {"--dkmsframework", &Reader::old_value},
        {"--post", &Reader::old_value}, // --postadd, --postbuild, --postinstall, --postremove
    }};
    return table;
}

std::span<const Reader::Flag> Reader::flags()
{
    static constexpr std::array<Flag, 20> table{{
        {"-q", &Reader::be_quiet},
        {"--quiet", &Reader::be_quiet},
        {"-V", &Reader::version},
        {"--version", &Reader::version},
        {"-h", &Reader::help},
        {"--help", &Reader::help},
        {"--verbose", &Reader::be_verbose},
        {"--debug", &Reader::nothing},
        {"--force", &Reader::force},
        {"--force-version-override", &Reader::force_version},
        {"--all", &Reader::all},
        {"--no-depmod", &Reader::no_depmod},
        {"--modprobe-on-install", &Reader::modprobe},
        {"--symlink-modules", &Reader::symlink},
        {"--binaries-only", &Reader::binaries_only},
        {"--source-only", &Reader::source_only},
        {"--rpm_safe_upgrade", &Reader::rpm_safe},
        {"--no-initrd", &Reader::old_flag},
        {"--no-clean-kernel", &Reader::old_flag},
        {"--no-prepare-kernel", &Reader::old_flag},
    }};
    return table;
}

std::optional<Words> Reader::read()
{
    for (position_ = 0; position_ < words_.size() && !answered_; ++position_) {
        const std::string word = words_[position_];
        option_ = word.substr(0, word.find('='));
        if (take_flag(word) || take_value_option(word)) continue;
        if (word.starts_with('-')) throw Fault{2, "Unknown option: " + word, true};
        take_plain(word);
    }
    if (answered_) return std::nullopt;
    return std::move(result_);
}

bool Reader::take_flag(std::string_view word)
{
    for (const Flag& flag : flags())
        if (flag.name == word) {
            (this->*flag.take)();
            return true;
        }
    return false;
}

bool Reader::take_value_option(std::string_view word)
{
    for (const ValueOption& option : value_options()) {
        const bool is_long = option.name.starts_with("--");
        if (is_long ? !word.starts_with(option.name)
                    : word != option.name && !word.starts_with(std::string(option.name) + "="))
            continue;
        const auto equals = word.find('=');
        std::string value;
        if (equals != std::string_view::npos)
            value = word.substr(equals + 1);
        else if (position_ + 1 < words_.size())
            value = words_[++position_];
        (this->*option.take)(trimmed(value));
        return true;
    }
    return false;
}

void Reader::take_plain(const std::string& word)
{
    if (is_action(word)) return take_action(word);
    const fs::path path = word;
    const bool is_file = names_file(path);
    result_.source_is_meant |= is_path(word) || (is_file && has_archive_suffix(word));
    if (is_file && word.ends_with("dkms.conf"))
        result_.source = absolute(word).parent_path();
    else if (names_file(path / "dkms.conf"))
        result_.source = absolute(word);
    else if (is_file)
        result_.archive = absolute(word);
    else if (result_.module.empty())
        take_module(word);
    else
        console_.err("Warning: I do not know how to handle " + word + ".\n");
}

void Reader::take_action(const std::string& word)
{
    if (!result_.action.empty()) throw Fault{4, "Cannot specify more than one action.", false};
    result_.action = word;
}

void Reader::take_module(const std::string& word)
{
    const auto slash = word.find('/');
    result_.module = word.substr(0, slash);
    if (slash != std::string::npos) result_.version = word.substr(slash + 1);
}

void Reader::take_kernel(const std::string& value)
{
    const auto slash = value.find('/');
    result_.kernels.push_back({value.substr(0, slash), std::nullopt});
    if (slash != std::string::npos) result_.kernels.back().arch = value.substr(slash + 1);
}

void Reader::take_jobs(const std::string& value)
{
    int jobs = 0;
    const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), jobs);
    if (fault == std::errc() && end == value.data() + value.size() && jobs >= 0 && jobs <= 4096)
        result_.options.parallel_jobs = jobs;
    else
        console_.err("Warning: -j takes a number from 0 to 4096, not '" + value + "'.\n");
}

void Reader::set_size(const std::string& value)
{
    unsigned size = 0;
    const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), size);
    if (fault == std::errc() && end == value.data() + value.size() && size > 0)
        result_.options.media_size = size;
    else
        console_.err("Warning: --size takes a number of KiB, not '" + value + "'.\n");
}

void Reader::add_directive(const std::string& value)
{
    const auto equals = value.find('=');
    if (equals == std::string::npos || equals == 0) {
        console_.err("Warning: --directive takes NAME=value, not '" + value + "'.\n");
        return;
    }
    console_.out("DIRECTIVE: " + value.substr(0, equals) + "=\"" + value.substr(equals + 1) + "\"\n");
    result_.options.directives.push_back(value);
}

void Reader::help()
{
    console_.out(usage_text(program_));
    answered_ = true;
}

void Reader::version()
{
    console_.out("dkms-" + std::string(legacy_version()) + "\n");
    answered_ = true;
}

} // namespace

std::optional<Words> read_words(const std::string& program, std::span<const char* const> words, Console& console)
{
    return Reader(program, words, console).read();
}

std::string_view legacy_version() { return "3.4.3"; }

std::string usage_text(const std::string& program)
{
    return "Usage: " + program + R"( [action] [options]
  [action]  = { add | remove | build | unbuild | install | uninstall | match |
               autoinstall | mktarball | ldtarball | mkrpm | mkkmp | mkdeb | mkdsc |
               mkbmdeb | mkdriverdisk | status | generate_mok |
               kernel_preinst | kernel_postinst | kernel_prerm }
  [options] = [-m module] [-v module-version] [-k kernel-version] [-a arch]
              [-c dkms.conf-location] [-q] [--force] [--force-version-override] [--all]
              [--templatekernel=kernel] [--directive='cli-directive=cli-value']
              [--config=kernel-include/config/auto.conf-location] [--archive=tarball-location]
              [--kernelsourcedir=source-location] [--rpm_safe_upgrade]
              [--dkmstree path] [--sourcetree path] [--installtree path]
              [--binaries-only] [--source-only] [--verbose]
              [-d distribution] [-r release] [--media floppy|img|iso|tar|cpio.gz] [--size=KiB]
              [--label=volume-label] [--spec=file] [--legacy-postinst=0|1]
              [--no-depmod] [--modprobe-on-install] [-j number] [--version] [--help]
)";
}

} // namespace dkms::legacy
