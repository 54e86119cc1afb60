// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/message_of_the_day.h"

#include "lib/process/descriptor.h"
#include "lib/tree/directory.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr const char* directory_name = "motd.d";
constexpr const char* file_name = "dkms";

Descriptor open_directory(int parent, const char* name)
{
    return Descriptor(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/// A name from the tree may hold whatever a file name may, and a login shows the line to a terminal.
std::string printable(std::string text)
{
    for (char& c : text)
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
    return text;
}

std::string text_for(const std::vector<KernelGap>& gaps)
{
    std::string text;
    for (const KernelGap& gap : gaps)
        text += "Kernel " + printable(sentence_about(gap)) + " To see why: dkmsctl status\n";
    return text;
}

void write_file(const Descriptor& directory, const fs::path& shown, const std::string& text)
{
    const std::string temporary = unique_name(".dkms-"); // pam_motd shows no file that begins with a dot
    const Descriptor file(
        ::openat(directory.number(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file) refuse_change(shown, errno);
    const bool complete = ::write(file.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (complete && ::renameat(directory.number(), temporary.c_str(), directory.number(), file_name) == 0) return;
    const int number = complete ? errno : ENOSPC;
    ::unlinkat(directory.number(), temporary.c_str(), 0);
    refuse_change(shown, number);
}

} // namespace

void tell_at_login(const fs::path& run, const std::vector<KernelGap>& gaps)
{
    const fs::path shown = run / directory_name / file_name;
    const Descriptor above(::open(run.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!above) return;
    if (gaps.empty()) {
        const Descriptor directory = open_directory(above.number(), directory_name);
        if (directory && ::unlinkat(directory.number(), file_name, 0) < 0 && errno != ENOENT)
            refuse_change(shown, errno);
        return;
    }
    if (::mkdirat(above.number(), directory_name, 0755) < 0 && errno != EEXIST) refuse_change(shown, errno);
    const Descriptor directory = open_directory(above.number(), directory_name);
    if (!directory) refuse_change(shown, errno);
    write_file(directory, shown, text_for(gaps));
}

} // namespace dkms
