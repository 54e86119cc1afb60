// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/open_path.h"

#include "lib/process/refusal.h"

#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// What a symbolic link says; empty if there is none.
std::string link_text(const std::string& link)
{
    std::array<char, PATH_MAX> text;
    const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
    return size < 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
}

/// By going there and back; empty if it cannot be told, or lies outside our root directory.
std::string place_of(int directory)
{
    const Descriptor here(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (::fchdir(directory) < 0) return {};
    std::array<char, PATH_MAX> text{};
    const bool known = ::getcwd(text.data(), text.size()) != nullptr && text[0] == '/';
    if (!here || ::fchdir(here.number()) < 0)
        if (::chdir("/") < 0) return {};
    return known ? std::string(text.data()) : std::string();
}

} // namespace

bool has_proc() { return ::access("/proc/self/fd", F_OK) == 0; }

std::string path_of_open(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

std::string name_of_open(int descriptor)
{
    std::string name = link_text(path_of_open(descriptor));
    if (name.empty() && is_directory(descriptor)) name = place_of(descriptor);
    return name.empty() ? "an open file" : name;
}

fs::path path_of_directory(int descriptor)
{
    if (has_proc()) return path_of_open(descriptor);
    std::string place = place_of(descriptor);
    if (place.empty()) refuse_read("an open directory", ENOENT);
    return place;
}

fs::path own_program()
{
    if (std::string program = link_text("/proc/self/exe"); !program.empty()) return program;
    const auto* const started_by = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    std::error_code unknown; // as when it was started by a path that is not its own
    const fs::path program = started_by == nullptr ? fs::path() : fs::canonical(started_by, unknown);
    return unknown ? fs::path() : program;
}

NamedFile::NamedFile(std::string_view content)
{
    if (has_proc()) {
        file_ = Descriptor(::memfd_create("dkms", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        if (!file_) refuse_call("memfd_create", errno);
    } else {
        std::string name = "/var/tmp/dkms-XXXXXX";
        file_ = Descriptor(::mkostemp(name.data(), O_CLOEXEC));
        if (!file_) refuse_change("/var/tmp", errno);
        name_ = name;
        if (::fchmod(file_.number(), 0644) < 0) refuse_change(name_, errno);
    }
    write_all(file_.number(), content);
    if (::lseek(file_.number(), 0, SEEK_SET) < 0) refuse_call("lseek", errno);
}

NamedFile::~NamedFile()
{
    if (!name_.empty()) ::unlink(name_.c_str());
}

NamedFile::NamedFile(NamedFile&& other) noexcept
    : file_(std::move(other.file_)), name_(std::exchange(other.name_, fs::path()))
{
}

fs::path NamedFile::path_as(int theirs) const { return name_.empty() ? fs::path(path_of_open(theirs)) : name_; }

} // namespace dkms
