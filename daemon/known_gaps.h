// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/tree_reader.h"
#include "lib/model/places.h"
#include "lib/plan/gaps.h"

#include <nlohmann/json_fwd.hpp>

#include <vector>

namespace dkms {

/// Which kernels lack modules, for the bus and for those who log in: one look for all who ask at a time.
class KnownGaps {
public:
    KnownGaps(TreeReader& reader, Places places) : reader_(reader), places_(std::move(places)) {}

    /// `hear`: what shown() makes of kernel_gaps(), see TreeReader::ask.
    void ask(bool privileged, TreeReader::Hear hear);

private:
    TreeReader& reader_;
    Places places_;
};

/// As the property KernelsMissingModules and the stdio front show them: a list of objects, to_json() of each and its
/// `sentence`.
nlohmann::json shown(const std::vector<KernelGap>& gaps);

} // namespace dkms
