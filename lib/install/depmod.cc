// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/depmod.h"

#include "lib/files/names_in.h"
#include "lib/files/remove_tree.h"
#include "lib/kernel/module_name.h"
#include "lib/model/error.h"
#include "lib/process/child.h"
#include "lib/tree/directory.h"
#include "lib/tree/layout.h"
#include "lib/tree/lock.h"

#include <cerrno>
#include <functional>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

void make_link(const std::filesystem::path& text, const std::filesystem::path& link)
{
    if (::symlink(text.c_str(), link.c_str()) < 0) refuse_change(link, errno);
}

/// A root directory in which the install tree is lib/modules, and usr/lib/modules for a depmod that looks there.
std::filesystem::path make_base(const Places& places)
{
    const Layout layout(places);
    make_own_directory(layout, layout.staging());
    auto base = layout.staging() / unique_name("depmod-");
    make_directories(base / "usr/lib");
    make_link("usr/lib", base / "lib");
    make_link(places.install_tree, base / "usr/lib/modules");
    return base;
}

/// The log is help only: that nobody reads it any more must not take an install back.
void to_log(const std::string& text)
{
    try {
        write_all(STDERR_FILENO, text);
    } catch (const Error&) {
        return;
    }
}

/// Why the files that depmod writes, modules.*, cannot be synced; nothing when they are.
std::optional<std::string> sync_fault(const std::filesystem::path& kernel)
{
    try {
        for (const std::string& name : names_in(kernel).value_or(std::vector<std::string>())) {
            if (!name.starts_with("modules.")) continue;
            const Descriptor file(::open((kernel / name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
            if (!file && means_absent(errno)) continue;
            if (!file || ::fsync(file.number()) < 0) return (kernel / name).string() + ": " + errno_text(errno);
        }
        sync_directory(kernel);
        return std::nullopt;
    } catch (const Error& error) {
        return error.message();
    }
}

/// Calls `visit` for each file of modules.dep until it returns false.
void for_each_listed(const Places& places, const std::string& release,
                     const std::function<bool(const std::string&)>& visit)
{
    const std::string index = read_file(modules_dep(places, release), 256 * 1024 * 1024);
    for (std::size_t at = 0; at < index.size();) {
        const auto end = std::min(index.find('\n', at), index.size());
        if (!visit(index.substr(at, std::min(index.find(':', at), end) - at))) return;
        at = end + 1;
    }
}

/// The first of the files that were listed, and are there, of which now no module of that name is listed. Of several of
/// one name depmod takes one.
std::optional<std::string> lost_by_index(const Places& places, const std::string& release,
                                         const std::vector<std::string>& listed)
{
    std::set<std::string> names;
    for_each_listed(places, release, [&](const std::string& file) {
        names.insert(module_name_of(file.substr(file.find_last_of('/') + 1)));
        return true;
    });
    for (const std::string& file : listed)
        if (names.count(module_name_of(file.substr(file.find_last_of('/') + 1))) == 0 &&
            is_present(places.install_tree / release / file))
            return file;
    return std::nullopt;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

} // namespace

std::filesystem::path modules_dep(const Places& places, const std::string& release)
{
    return places.install_tree / release / "modules.dep";
}

DepmodCommand::DepmodCommand(const Places& places, const std::string& release)
    : argv_{"depmod"}, kernel_(places.install_tree / release)
{
    if (places.root != "/" || !places.is_default_install_tree()) {
        base_ = make_base(places);
        argv_.insert(argv_.end(), {"-b", base_});
    }
    argv_.push_back(release);
}

DepmodCommand::~DepmodCommand()
{
    if (base_.empty()) return;
    try {
        remove_tree(base_);
    } catch (const Error&) {
        return; // two links in the staging directory, of which no one takes notice
    }
}

DepmodCommand::Result DepmodCommand::run() const
{
    if (!find_program(argv_.front())) return {"the program depmod is not installed", ""};
    Command command;
    command.argv = argv_;
    command.environment = base_environment();
    Captured captured = capture(command);
    to_log(captured.output);
    std::optional<std::string> failure;
    if (captured.timed_out)
        failure = "depmod did not come to an end";
    else if (!captured.status.ok())
        failure = captured.output.empty() ? "it ended with " + std::to_string(captured.status.code)
                                          : first_line(captured.output);
    if (!failure) failure = sync_fault(kernel_);
    return {failure, std::move(captured.output)};
}

std::vector<std::string> listed_in_index(const Places& places, const std::string& release)
{
    std::vector<std::string> files;
    try {
        for_each_listed(places, release, [&](const std::string& file) {
            files.push_back(file);
            return true;
        });
    } catch (const Error&) {
        files.clear(); // it is about to be made again
    }
    return files;
}

std::optional<std::string> index_fault(const Places& places, const std::string& release,
                                       const std::vector<std::string>& files, const std::vector<std::string>& listed,
                                       const std::string& depmod_output)
{
    if (const auto missing = missing_in_index(places, release, files)) return "it does not list " + *missing;
    if (const auto gone = gone_from_kernel(places, release)) return "it still lists " + *gone + ", which is gone";
    if (const auto lost = lost_by_index(places, release, listed)) return "it does not list " + *lost + " any more";
    std::istringstream lines(depmod_output);
    for (std::string line; std::getline(lines, line);)
        for (const std::string& file : files)
            if (line.find("ERROR") != std::string::npos && line.find("/" + release + "/" + file) != std::string::npos)
                return line;
    return std::nullopt;
}

std::optional<std::string> missing_in_index(const Places& places, const std::string& release,
                                            const std::vector<std::string>& files)
{
    std::set<std::string> wanted(files.begin(), files.end());
    for_each_listed(places, release, [&](const std::string& file) {
        wanted.erase(file);
        return !wanted.empty();
    });
    return wanted.empty() ? std::nullopt : std::optional(*wanted.begin());
}

std::optional<std::string> gone_from_kernel(const Places& places, const std::string& release)
{
    std::optional<std::string> gone;
    for_each_listed(places, release, [&](const std::string& file) {
        if (!is_present(places.install_tree / release / file)) gone = file;
        return !gone;
    });
    return gone;
}

} // namespace dkms
