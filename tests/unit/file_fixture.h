// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>

#include <sys/stat.h>

namespace dkms {

inline void put_file(const std::filesystem::path& path, const std::string& content, unsigned mode = 0644)
{
    // A fixture whose root is the system's own would overwrite the system.
    for (const char* top : {"/etc/", "/usr/", "/lib/", "/boot/"})
        if (path.string().starts_with(top)) throw std::logic_error("a test is about to write " + path.string());
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
    ::chmod(path.c_str(), mode);
}

inline std::string text_of_file(const std::filesystem::path& path)
{
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

inline mode_t mode_of(const std::filesystem::path& path)
{
    struct stat status {};
    ::lstat(path.c_str(), &status);
    return status.st_mode & 07777;
}

/// The code of the error that `action` throws; `internal` with another text when it throws none.
inline Error error_of(const std::function<void()>& action)
{
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    return Error(ErrorCode::internal, {{"reason", "no error was thrown"}});
}

} // namespace dkms
