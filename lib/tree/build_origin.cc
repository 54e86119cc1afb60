// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/build_origin.h"

#include "lib/files/file_kind.h"
#include "lib/process/descriptor.h"
#include "lib/tree/record.h"

namespace dkms {

void note_archive(const std::filesystem::path& build) { write_file_durably(build / archive_note, ""); }

std::string origin_of_build(const Layout& layout, const ModuleId& module, const KernelId& kernel)
{
    if (is_present(layout.kernel(module, kernel) / archive_note)) return "archive";
    const auto record = read_build_record(layout, module, kernel);
    return record && record->inputs.contains("files") ? "built" : "";
}

} // namespace dkms
