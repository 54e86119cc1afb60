#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A package manager's hook with the changed paths on standard input: pacman_hook.sh install|remove
declare -A kernels
run() {
    echo "==> $*"
    "$@" >/dev/null || echo "==> WARNING: \`$*' exited $?"
}
installed_for() { # MODULE KERNEL
    [[ "$(dkms status 2>/dev/null)" =~ (^|$'\n')"$1, $2, "[^:]+": "(built|installed) ]]
}
modules=()
while read -r path; do
    case $path in
    usr/src/*/dkms.conf)
        name=$(. "/$path" && echo "$PACKAGE_NAME/$PACKAGE_VERSION")
        modules+=("$name")
        ;;
    esac
done
for directory in /usr/lib/modules/*/build/; do
    kernel=$(basename "$(dirname "$directory")")
    for module in "${modules[@]}"; do
        case $1 in
        install)
            run dkms install --no-depmod "$module" -k "$kernel"
            kernels[$kernel]=1
            ;;
        remove)
            if installed_for "$module" "$kernel"; then
                run dkms remove --no-depmod "$module" -k "$kernel"
                kernels[$kernel]=1
            fi
            ;;
        esac
    done
done
if [[ $1 == remove ]]; then
    for module in "${modules[@]}"; do
        [[ -z $(dkms status "$module") ]] || run dkms remove "$module"
    done
fi
for kernel in $(printf '%s\n' "${!kernels[@]}" | sort); do
    run depmod "$kernel"
done
exit 0
