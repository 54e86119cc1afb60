#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What Debian 12's kernel hook does before a kernel goes: debian_kernel_prerm.sh KERNEL
kernel=$1
dkms status -k "$kernel" 2>/dev/null | while IFS=",:/ " read -r name vers _ arch status; do
    [ "$status" = installed ] || continue
    echo "removing $name $vers for $kernel ($arch)" >&2
    dkms remove -m "$name" -v "$vers" -k "$kernel" -a "$arch"
done
rmdir --ignore-fail-on-non-empty "/lib/modules/$kernel/updates/dkms" "/lib/modules/$kernel/updates" 2>/dev/null
exit 0
