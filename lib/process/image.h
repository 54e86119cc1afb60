// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

namespace dkms {

/// Whether what is worked on is an image that is being made, and not the system that runs here: another root (--root),
/// a chroot, or a container in which podman or buildah make one. A root user who may not look at the root directory of
/// the first process counts as in a chroot, unless systemd runs here. Not to be known for an ordinary user, who counts
/// as not in an image. A namespace over the same directory, as a service manager makes them, is none.
bool is_image(const Places& places);

} // namespace dkms
