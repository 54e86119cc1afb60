// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/daemon_program.h"

namespace dkms {

std::filesystem::path daemon_program()
{
    namespace fs = std::filesystem;
    std::error_code ignored;
    const fs::path self = fs::read_symlink("/proc/self/exe", ignored);
    const fs::path neighbour = self.parent_path().parent_path() / "daemon" / "dkmsd";
    return !self.empty() && fs::is_regular_file(neighbour, ignored) ? neighbour : fs::path(DKMSD_PROGRAM);
}

} // namespace dkms
