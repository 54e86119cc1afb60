#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A release of a driver: built for every kernel of a distribution's medium, on all its machines, and packed as an RPM and
# as a driver disk. The example of "DKMS for Developers" (2005), where it was
#
#     driver-release.sh megaraid 2.20.4.4 suse sles9 2.6.5-1.139-default/i586 2.6.5-1.139-smp/i586 \
#         2.6.5-1.139-default/x86_64 2.6.5-1.139-smp/x86_64
#
# The source lies in /usr/src/MODULE-VERSION, the headers of the kernels where /lib/modules/KERNEL/build leads to, and cross
# compilers are installed. In DKMS_OPTIONS may stand what each call is to be given, such as "--dkmstree DIRECTORY": with
# trees of one's own nothing of this needs root.
set -eu

[ $# -ge 5 ] || {
    echo "usage: driver-release.sh MODULE VERSION DISTRIBUTION RELEASE KERNEL/ARCH..." >&2
    exit 2
}
module=$1 version=$2 distribution=$3 release=$4
shift 4

# shellcheck disable=SC2086 # several words
call() { dkms "$@" -m "$module" -v "$version" ${DKMS_OPTIONS:-}; }

call add
for kernel; do
    call build -k "${kernel%/*}" -a "${kernel#*/}"
    set -- "$@" -k "${kernel%/*}" -a "${kernel#*/}"
    shift
done
call mkrpm "$@"
call mkdriverdisk -d "$distribution" -r "$release" "$@"
call status
