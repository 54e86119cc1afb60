#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Knows the kernel from its arguments and from the environment, which must agree.
set -e
[ "$1" = --for ] && [ "$2" = "$kernelver" ]
echo "#define GREETING_FOR \"$2\"" > driver/configured.h
