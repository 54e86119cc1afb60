#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a package's postinst and prerm do on Debian: debian_postinst.sh configure|remove NAME VERSION KERNEL…
set -e
action=$1 name=$2 version=$3
shift 3
case $action in
configure)
    if [ "$(dkms status -m "$name" -v "$version")" ]; then
        dkms remove -m "$name" -v "$version" --all
    fi
    if [ -e "$TARBALL" ]; then
        dkms ldtarball --archive "$TARBALL"
    else
        dkms add -m "$name" -v "$version"
    fi
    last=0
    for kernel; do
        if [ "$(dkms status -m "$name" -v "$version" -k "$kernel" | grep -c ': built')" -eq 0 ]; then
            if [ ! -e "/lib/modules/$kernel/build/include" ]; then
                echo "skipping $kernel: no headers"
                continue
            fi
            code=0
            dkms build -m "$name" -v "$version" -k "$kernel" || code=$?
            case $code in
            0) ;;
            77) continue ;;
            *) last=$code ;;
            esac
        fi
        if [ "$(dkms status -m "$name" -v "$version" -k "$kernel" | grep -c ': built')" -gt 0 ]; then
            dkms install -m "$name" -v "$version" -k "$kernel"
        fi
    done
    exit "$last"
    ;;
remove | upgrade | deconfigure)
    if [ "$(dkms status -m "$name" -v "$version")" ]; then
        dkms remove -m "$name" -v "$version" --all
    fi
    ;;
esac
