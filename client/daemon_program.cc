// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/daemon_program.h"

#include "lib/files/file_kind.h"
#include "lib/process/open_path.h"

namespace dkms {

std::filesystem::path daemon_program()
{
    namespace fs = std::filesystem;
    const fs::path self = own_program();
    const fs::path neighbour = self.parent_path().parent_path() / "daemon" / "dkmsd";
    return !self.empty() && leads_to_file(neighbour) ? neighbour : fs::path(DKMSD_PROGRAM);
}

} // namespace dkms
