#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# An installer that builds its module itself and hands it to DKMS in an archive of its own making:
# vendor_installer.sh install|uninstall NAME VERSION KERNEL
# Before: the sources are in ./source, a module for the kernel is ./NAME.ko.
set -e
action=$1 name=$2 version=$3 kernel=$4 arch=$(uname -m)
dkms --help | tr '[]' '  ' | grep -q ' --no-depmod ' && no_depmod=--no-depmod
case $action in
install)
    if [ "$(dkms status -m "$name" -v "$version" 2>&1)" ]; then
        echo "$name $version is registered already" >&2
        exit 1
    fi
    # The installer itself has put the module in its place before.
    mkdir -p "/lib/modules/$kernel/updates/dkms"
    cp "$name.ko" "/lib/modules/$kernel/updates/dkms/"
    main=dkms_main_tree/$kernel/$arch
    mkdir -p "$main/log" "$main/module"
    echo 2.0.0 > dkms_main_tree/dkms_dbversion
    echo "made by the installer" > "$main/log/make.log"
    cp "$name.ko" "$main/module/"
    cp -r source dkms_source_tree
    tar -cf archive.tar dkms_main_tree dkms_source_tree
    rm -r dkms_main_tree dkms_source_tree
    dkms ldtarball archive.tar
    dkms install $no_depmod -m "$name" -v "$version" -k "$kernel"
    dkms status -m "$name" -v "$version" -k "$kernel" 2>&1 | grep -q ': installed'
    ;;
uninstall)
    dkms remove $no_depmod -m "$name" -v "$version" --all
    [ -z "$(dkms status -m "$name" 2>&1)" ]
    ;;
esac
