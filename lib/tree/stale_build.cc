// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/stale_build.h"

#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

fs::path note_of(const Layout& layout, const ModuleId& module, const KernelId& kernel)
{
    return layout.kernel(module, kernel) / stale_note;
}

/// What there is of a source, by its path below it: kind, size or target, and whether it may be executed.
std::map<std::string, std::string> outline_of(const fs::path& source)
{
    std::map<std::string, std::string> outline;
    walk(source, [&](const Found& found) {
        std::string& text = outline[found.path];
        const mode_t mode = found.facts.st_mode;
        if (S_ISREG(mode))
            text = ((mode & 0111) != 0 ? "x" : "f") + std::to_string(found.facts.st_size);
        else if (S_ISLNK(mode))
            text = "l" + found.link_text();
        else
            text = S_ISDIR(mode) ? "d" : "o";
    });
    return outline;
}

Descriptor opened(const fs::path& path)
{
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) refuse_read(path, errno);
    return file;
}

bool is_same_content(const fs::path& one, const fs::path& other)
{
    const Descriptor first = opened(one);
    const Descriptor second = opened(other);
    std::array<char, 65536> a{};
    std::array<char, 65536> b{};
    for (off_t at = 0;;) {
        const ssize_t got = ::pread(first.number(), a.data(), a.size(), at);
        if (got < 0) refuse_read(one, errno);
        const ssize_t there = ::pread(second.number(), b.data(), b.size(), at);
        if (there < 0) refuse_read(other, errno);
        const auto text = [](const auto& block, ssize_t count) {
            return std::string_view(block.data(), static_cast<std::size_t>(count));
        };
        if (text(a, got) != text(b, there)) return false;
        if (got == 0) return true;
        at += got;
    }
}

} // namespace

void mark_stale(const Layout& layout, const ModuleId& module, const KernelId& kernel)
{
    write_file_durably(note_of(layout, module, kernel), "The source was replaced after this was built.\n");
}

void unmark_stale(const Layout& layout, const ModuleId& module, const KernelId& kernel) noexcept
{
    ::unlink(note_of(layout, module, kernel).c_str()); // one that stays costs a build
}

bool is_marked_stale(const Layout& layout, const ModuleId& module, const KernelId& kernel)
{
    const fs::path note = note_of(layout, module, kernel);
    struct stat facts {};
    if (::lstat(note.c_str(), &facts) == 0) return true;
    if (means_absent(errno)) return false;
    refuse_read(note, errno);
}

std::string stamp_of_source(const fs::path& source)
{
    std::uint64_t stamp = 14695981039346656037U; // FNV-1a
    const auto add = [&stamp](std::string_view text) {
        for (const char c : text) stamp = (stamp ^ static_cast<unsigned char>(c)) * 1099511628211U;
    };
    walk(source, [&](const Found& found) {
        const struct stat& facts = found.facts;
        add(found.path);
        add(" " + std::to_string(facts.st_mode) + " ");
        if (S_ISLNK(facts.st_mode)) add(found.link_text());
        if (S_ISREG(facts.st_mode))
            add(std::to_string(facts.st_size) + " " + std::to_string(facts.st_mtim.tv_sec) + "." +
                std::to_string(facts.st_mtim.tv_nsec));
        add("\n");
    });
    return std::to_string(stamp);
}

bool is_same_source(const fs::path& one, const fs::path& other)
{
    const auto outline = outline_of(one);
    if (outline != outline_of(other)) return false;
    for (const auto& [path, kind] : outline)
        if ((kind.front() == 'f' || kind.front() == 'x') && !is_same_content(one / path, other / path)) return false;
    return true;
}

} // namespace dkms
