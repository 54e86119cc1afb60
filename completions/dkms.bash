# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for dkms and dkmsctl in bash. Looks into directories, and asks dkmsctl for the numbers of jobs; starts nothing else.

_dkms_actions='add autoinstall build generate_mok install kernel_postinst kernel_preinst kernel_prerm ldtarball match
    mkbmdeb mkdeb mkdriverdisk mkdsc mkkmp mkrpm mktarball remove status unbuild uninstall'
_dkmsctl_commands='add autoinstall build cancel check export help history import install jobs lint log monitor plan prune rebuild
    remove rollback status switch unbuild uninstall wait'

# The value of an option that has been typed, else the second word.
_dkms_typed() {
    local i
    REPLY=$2
    for ((i = 1; i + 1 < cword; i++)); do
        [[ ${words[i]} != "$1" ]] || REPLY=${words[i + 1]}
    done
    REPLY=${REPLY/#\~/$HOME}
}

# Every module of the tree as MODULE/VERSION.
_dkms_modules() {
    local tree version
    _dkms_typed --dkmstree /var/lib/dkms
    tree=$REPLY
    modules=()
    for version in "$tree"/*/*/; do
        version=${version%/}
        [[ ${version##*/} != kernel-* && ${version##*/} != original_module && -d $version ]] && modules+=("${version#"$tree"/}")
    done
}

# Every source of the source tree as MODULE/VERSION. The configuration says where the name ends, if it does so plainly.
_dkms_sources() {
    local tree conf line directory version
    _dkms_typed --sourcetree /usr/src
    tree=$REPLY
    modules=()
    for conf in "$tree"/*/dkms.conf; do
        [[ -r $conf ]] || continue
        directory=${conf%/dkms.conf}
        directory=${directory##*/}
        version=${directory##*-}
        while read -r line; do
            [[ $line =~ ^PACKAGE_VERSION=[\"\']?([A-Za-z0-9._+~:^-]+)[\"\']?$ ]] || continue
            [[ $directory == *-"${BASH_REMATCH[1]}" ]] && version=${BASH_REMATCH[1]}
        done <"$conf"
        [[ $directory == *-* ]] && modules+=("${directory%-"$version"}/$version")
    done
}

# The module that has been typed, MODULE or MODULE/VERSION, the version perhaps by -v.
_dkms_typed_module() {
    local i
    _dkms_typed --module ''
    [[ -n $REPLY ]] || _dkms_typed -m ''
    module=$REPLY
    for ((i = action_at + 1; action_at > 0 && i < cword; i++)); do
        [[ -n $module || ${words[i]} == -* ]] || _dkms_takes_value "${words[i - 1]}" || module=${words[i]}
    done
    _dkms_typed -v ''
    [[ -z $REPLY || $module == */* ]] || module+=/$REPLY
}

# Whether a word is an option that takes a value here.
_dkms_takes_value() { [[ " $options " == *" $1= "* ]]; }

# The kernels that are installed; for an action that undoes something, those of the module's builds.
_dkms_kernels() {
    local tree kernel module
    kernels=()
    _dkms_typed_module
    case $action in
    remove | unbuild | uninstall)
        _dkms_typed --dkmstree /var/lib/dkms
        for kernel in "$REPLY/${module%%/*}"/*/*/*/module/; do
            kernel=${kernel%/*/module/}
            [[ -d $kernel && ($module != */* || $kernel == */"$module"/*) ]] && kernels+=("${kernel##*/}")
        done
        ;;
    esac
    ((${#kernels[@]} == 0)) || return
    _dkms_typed --installtree /lib/modules
    tree=$REPLY
    for kernel in "$tree"/*/; do
        [[ -d $kernel ]] && kernel=${kernel%/} && kernels+=("${kernel##*/}")
    done
}

# The options of an action of dkms; those that end in '=' take a value.
_dkms_options() {
    local making='--config= --directive= --force --kernelsourcedir= -j='
    local package='--all --binaries-only --legacy-postinst= --source-only -c='
    case $action in
    add) options='--archive= --force --rpm_safe_upgrade -c=' ;;
    autoinstall) options=$making ;;
    build) options="$making -c=" ;;
    install) options="$making --force-version-override --modprobe-on-install --no-depmod -c=" ;;
    ldtarball) options='--archive= --force' ;;
    match) options="$making --templatekernel=" ;;
    mkbmdeb) options='--all -c=' ;;
    mkdeb) options=$package ;;
    mkdriverdisk) options='--all --distro= --label= --media= --release= --size= --spec= -c= -d= -r=' ;;
    mkdsc) options='--legacy-postinst= -c=' ;;
    mkkmp) options='--spec= -c=' ;;
    mkrpm) options="$package --spec=" ;;
    mktarball) options='--all --archive= --binaries-only --source-only -c=' ;;
    remove) options='--all --rpm_safe_upgrade' ;;
    unbuild) options=--all ;;
    uninstall) options='--all --modprobe-on-install --no-depmod' ;;
    *) options= ;;
    esac
    case $action in
    '')
        options='--help --version -V -h'
        return
        ;;
    generate_mok | ldtarball) ;;
    kernel_* | autoinstall) options+=' --arch= --kernelver= -a= -k=' ;;
    add) options+=' --module= -m= -v=' ;;
    *) options+=' --arch= --kernelver= --module= -a= -k= -m= -v=' ;;
    esac
    options+=' --debug --dkmstree= --help --installtree= --quiet --sourcetree= --verbose -q'
}

# The options of a command of dkmsctl.
_dkmsctl_options() {
    local change='--dkmstree= --installtree= --json --module= --no-wait --quiet --root= --sourcetree= -m= -q -v='
    local for_kernels='--arch= --kernel= -a= -k=' after='--no-depmod --no-initramfs' conf='--conf= --directive= -c='
    local build='--all-kernels --config= --force --jobs= --kernelsourcedir= -j='
    case $action in
    add) options="$change $conf" ;;
    autoinstall)
        options="$for_kernels $after --all-kernels --dkmstree= --hook --installtree= --json --no-wait --quiet --root= --sourcetree= -q"
        ;;
    build) options="$change $for_kernels $conf $build" ;;
    export)
        options="$for_kernels --archive= --binaries-only --distribution= --dkmstree= --format= --installtree= --json --label="
        options+=' --media= --module= --output= --quiet --root= --size= --source-only --sourcetree= --spec= -m= -o= -q -v='
        ;;
    import) options='--dkmstree= --force --installtree= --json --quiet --root= --sourcetree= -q' ;;
    install) options="$change $for_kernels $conf $build $after --force-version-override --newest" ;;
    switch) options="$change $for_kernels $conf $build $after --force-version-override" ;;
    rollback) options="$change $for_kernels ${build#--all-kernels } $after" ;;
    rebuild) options="$change $for_kernels $conf $build $after --all --force-version-override" ;;
    remove | unbuild | uninstall) options="$change $for_kernels $after --all" ;;
    plan) options="$for_kernels --dkmstree= --installtree= --json --root= --sourcetree=" ;;
    history | status) options="$for_kernels --dkmstree= --installtree= --json --module= --root= --sourcetree= -m= -v=" ;;
    lint) options='--json --quiet --strict -q' ;;
    check) options='--dkmstree= --installtree= --json --quiet --repair --root= --sourcetree= -q' ;;
    jobs) options='--all --json' ;;
    cancel | monitor) options=--json ;;
    prune) options='--dkmstree= --installtree= --json --no-wait --quiet --root= --sourcetree= -q' ;;
    wait) options="$for_kernels --dkmstree= --installtree= --json --quiet --root= --sourcetree= -q" ;;
    log) options="$for_kernels --dkmstree= --follow --installtree= --root= --sourcetree= -f" ;;
    help) options= ;;
    *) options='--version' ;;
    esac
    options+=' --help -h'
}

# Offers those of the words that begin like the one that is typed. Not compgen -W, which would expand names of directories.
_dkms_offer() {
    local word
    for word; do
        [[ $word != "$current"* ]] || COMPREPLY+=("$(printf %q "$word")")
    done
}

_dkms_offer_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
}

# The value of an option.
_dkms_value() {
    local module modules kernels
    case $1 in
    -m | --module)
        _dkms_modules
        [[ $action != add ]] || _dkms_sources
        [[ $current == */* ]] || modules=("${modules[@]%%/*}")
        _dkms_offer "${modules[@]}"
        ;;
    -v)
        _dkms_typed_module
        _dkms_modules
        [[ $action != add ]] || _dkms_sources
        local version versions=()
        for version in "${modules[@]}"; do [[ -n $module && $version != "$module"/* ]] || versions+=("${version#*/}"); done
        _dkms_offer "${versions[@]}"
        ;;
    -k | --kernel | --kernelver | --templatekernel)
        _dkms_kernels
        [[ $current != */* ]] || kernels=("${kernels[@]/%//$HOSTTYPE}")
        _dkms_offer "${kernels[@]}"
        ;;
    -a | --arch) _dkms_offer "$HOSTTYPE" ;;
    --dkmstree | --sourcetree | --installtree | --root | --kernelsourcedir | --output | -o) _dkms_offer_files -d ;;
    --legacy-postinst) _dkms_offer 0 1 ;;
    --format) _dkms_offer bmdeb deb driver-disk dsc kmod kmp rpm tarball ;;
    --media) _dkms_offer cpio.gz floppy img iso tar ;;
    -d | --distro | --distribution) _dkms_offer debian redhat redhat3 suse ubuntu ;;
    --archive | --config | --conf | -c) _dkms_offer_files -f ;;
    *) COMPREPLY=() ;;
    esac
}

# Offers the numbers of jobs: with --all the newest, else those that have not ended.
_dkms_jobs() {
    local row rows jobs=()
    mapfile -t rows < <("${COMP_WORDS[0]}" jobs "$@" 2>/dev/null)
    for row in "${rows[@]:1}"; do
        [[ $# -eq 0 && $row =~ \ \ (done|failed|cancelled|skipped|unreadable)(\ \ |$) ]] || jobs+=("${row%% *}")
    done
    ((${#jobs[@]} <= 30)) || jobs=("${jobs[@]: -30}")
    _dkms_offer "${jobs[@]}"
}

# A word that is no option's value.
_dkms_word() {
    local modules
    case $action in
    add)
        [[ $current != [./~]* ]] || { _dkms_offer_files -f && return; }
        _dkms_sources
        ;;
    autoinstall | generate_mok | jobs | kernel_* | monitor | plan | check | prune) return ;;
    cancel | wait)
        _dkms_jobs
        return
        ;;
    help)
        # shellcheck disable=SC2086 # one word a command
        _dkms_offer $known
        return
        ;;
    log)
        _dkms_jobs --all
        _dkms_modules
        ;;
    import | ldtarball | lint) _dkms_offer_files -f && return ;;
    *)
        _dkms_modules
        [[ $current != [./~]* || $1 != dkms ]] || { _dkms_offer_files -f && return; }
        ;;
    esac
    _dkms_offer "${modules[@]}"
}

_dkms() {
    local program=${1##*/} words=() cword current=${COMP_WORDS[COMP_CWORD]} previous
    local action='' action_at=0 options='' known=$_dkms_actions i REPLY
    COMPREPLY=()
    # bash takes --option=value apart at the equals sign.
    for ((i = 0; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == = ]] || words+=("${COMP_WORDS[i]}")
    done
    [[ $current != = ]] || current=''
    cword=${#words[@]}
    previous=${words[cword - 1]}

    [[ $program == dkms ]] || known=$_dkmsctl_commands
    for ((i = 1; i < cword && action_at == 0; i++)); do
        [[ " ${known//$'\n'/ } " != *" ${words[i]} "* ]] || action=${words[i]} action_at=$i
    done
    "_${program}_options"
    if _dkms_takes_value "$previous"; then
        _dkms_value "$previous"
    elif [[ $current == -* ]]; then
        # shellcheck disable=SC2086 # one word an option
        _dkms_offer ${options//=/}
    elif [[ -z $action ]]; then
        # shellcheck disable=SC2086
        _dkms_offer $known
    else
        _dkms_word "$program"
    fi
}

complete -F _dkms dkms dkmsctl
