// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/unit_protocol.h"

namespace dkms {

std::string_view name_of(UnitKind kind)
{
    switch (kind) {
    case UnitKind::tree:
        return "tree";
    case UnitKind::build:
        return "build";
    case UnitKind::build_network:
        return "build-network";
    case UnitKind::build_root:
        return "build-root";
    case UnitKind::build_root_network:
        return "build-root-network";
    case UnitKind::sign:
        return "sign";
    case UnitKind::script:
        break;
    }
    return "script";
}

std::optional<UnitKind> unit_kind_of(std::string_view name)
{
    for (const UnitKind kind : {UnitKind::tree, UnitKind::build, UnitKind::build_network, UnitKind::build_root,
                                UnitKind::build_root_network, UnitKind::script, UnitKind::sign})
        if (name_of(kind) == name) return kind;
    return std::nullopt;
}

bool runs_commands(UnitKind kind)
{
    return kind != UnitKind::tree && kind != UnitKind::script && kind != UnitKind::sign;
}

std::filesystem::path socket_of(UnitKind kind, const std::filesystem::path& directory)
{
    return directory / name_of(kind);
}

std::string unit_pattern(UnitKind kind) { return "dkms-" + std::string(name_of(kind)) + "@*.service"; }

std::vector<std::pair<const char*, int WorkerGifts::*>> gift_names()
{
    return {{"events", &WorkerGifts::events},
            {"lock", &WorkerGifts::lock},
            {"jobserver_read", &WorkerGifts::jobserver_read},
            {"jobserver_write", &WorkerGifts::jobserver_write},
            {"log", &WorkerGifts::log},
            {"handle", &WorkerGifts::handle}};
}

} // namespace dkms
