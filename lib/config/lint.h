// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/model/finding.h"

#include <filesystem>
#include <vector>

namespace dkms {

/// Looks for what keeps a module's source from being added, built or installed, or makes it do so by luck: what twenty
/// years of bug reports are about. Each thing it knows is a row of lint_rules().
///
/// `path` is a source directory, or a configuration. One named dkms.conf is looked at with the directory it lies in,
/// any other (a template, a packaging file) by itself. Only the file itself counts, no overrides of this system.
/// `context` says for which kernel; its headers need not be there. Reads, changes nothing; a configuration that is not
/// plain assignments is evaluated by bash in a sandbox, as read_conf does.
///
/// The findings are in the order of file and line, those about a whole file first. A rule speaks once a file: about the
/// first line, with the number of the others. Throws Error: ConfMissing (there is no `path`), ConfUnreadable,
/// ConfTooLarge.
std::vector<Finding> lint(const std::filesystem::path& path, const ConfContext& context);

} // namespace dkms
