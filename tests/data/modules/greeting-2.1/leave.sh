#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Leaves something beside the built modules, as modules do on which others are built.
set -e
place="$dkms_tree/$module/$module_version/$kernelver/$arch"
[ -d "$place/module" ]
cp driver/configured.h "$place/"
