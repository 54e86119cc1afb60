// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"
#include "lib/model/step.h"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>

namespace dkms {

/// Version of what dkmsd and dkms-worker say to each other, and of the programs. They come from one package: another
/// version is an error and not a negotiation.
std::string worker_protocol();

/// Descriptors of a worker, beside the three usual ones (docs/architecture.md, "Worker protocol").
struct WorkerDescriptors {
    static constexpr int step = 3;   ///< the order; end of file: the parent is gone
    static constexpr int events = 4; ///< one event a line; the last line is the outcome
    static constexpr int lock = 5;   ///< the tree's lock, only to keep it
    static constexpr int jobserver_read = 6;
    static constexpr int jobserver_write = 7;
    static constexpr int handle = 8; ///< what lies beside the request
    static constexpr int signer = 9; ///< in units: a connection to the one that signs, if there is one already
};

/// What a worker is told: one line of JSON after the line with the protocol's version.
struct WorkOrder {
    Step step;
    Places places;
    JobId job = 0;
    bool jobserver = false;                           ///< whether descriptors 6 and 7 are make's jobserver
    bool handle = false;                              ///< whether descriptor 8 is what lies beside the request
    std::map<std::string, std::string> settings = {}; ///< see Work::settings
    unsigned uid = 0;                                 ///< the user who asked, for records
    bool background = false;                          ///< nobody waits for it: it is to yield to others
};
/// Settings of the service's own orders: everyone's builds are not done as root without a sandbox, unless an
/// administrator says so.
std::map<std::string, std::string> service_settings();

nlohmann::json to_json(const WorkOrder& order);
WorkOrder work_order_from_json(const nlohmann::json& value);

} // namespace dkms
