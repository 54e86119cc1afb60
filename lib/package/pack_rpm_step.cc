// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/pack_rpm_step.h"

#include "lib/model/error.h"

namespace dkms {

std::unique_ptr<Action> make_pack_rpm_step(Work& work)
{
    throw Error(ErrorCode::not_supported, {{"reason", std::string(name_of(work.step.options.format))}});
}

} // namespace dkms
