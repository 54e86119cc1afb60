// SPDX-License-Identifier: LGPL-2.1-or-later
// The native reader of dkms.conf is the one parser of foreign text in dkmsd itself: it must take or refuse anything,
// within bounds.
#include "lib/config/conf_native.h"
#include "lib/model/error.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    dkms::ConfContext context;
    context.module = {"m", "1"};
    context.kernel = {"6.8.0-31-generic", "x86_64"};
    context.kernel_source_dir = "/lib/modules/6.8.0-31-generic/build";
    const dkms::ConfSource source{"/dkms.conf", std::string(reinterpret_cast<const char*>(data), size)};
    auto variables = dkms::evaluate_natively({&source, 1}, dkms::conf_scope(context));
    if (!variables) return 0;
    try {
        const auto conf = dkms::typed_conf(source.path, std::move(*variables), context, dkms::Strictness::strict);
        dkms::exclusion_for(conf, context.kernel, {{"CONFIG_PCI", "y"}});
    } catch (const dkms::Error&) {
        return 0;
    }
    return 0;
}
