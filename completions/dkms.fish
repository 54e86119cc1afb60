# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for dkms and dkmsctl in fish. Looks into directories only and starts no program.

# The action that has been typed: the first word that is neither an option nor the value of one.
function __dkms_action
    set -l before ''
    for word in (commandline -opc)[2..]
        if string match -qv -- '-*' $word; and not string match -qr -- '^-[a-z]$|^--[^=]+$' $before
            echo $word
            return 0
        end
        set before $word
    end
    return 1
end

# Whether the action is one of these.
function __dkms_does
    contains -- (__dkms_action; or echo -) $argv
end

# The value of an option that has been typed, else the second word.
function __dkms_typed
    set -l value $argv[2]
    set -l before ''
    for word in (commandline -opc)
        test "$before" = $argv[1]; and set value $word
        string match -q -- "$argv[1]=*" $word; and set value (string split -m 1 = -- $word)[2]
        set before $word
    end
    string replace -r '^~' $HOME -- $value
end

# Every module, as MODULE/VERSION: of the tree, or of the source tree for add.
function __dkms_modules
    if __dkms_does add
        __dkms_sources
        return
    end
    set -l tree (__dkms_typed --dkmstree /var/lib/dkms)
    for directory in $tree/*/*/
        set -l module (string sub -s (math (string length -- $tree) + 2) -- (string trim -r -c / -- $directory))
        string match -qr '/(kernel-.*|original_module)$' -- $module; or echo $module
    end
end

# The configuration says where the name of a source ends, if it does so plainly.
function __dkms_sources
    for conf in (__dkms_typed --sourcetree /usr/src)/*-*/dkms.conf
        set -l directory (string split / -- $conf)[-2]
        set -l behind (string split - -- $directory)[-1]
        while read -l line
            set -l written (string match -rg '^PACKAGE_VERSION=["\']?([^"\'\\s]+)["\']?\\s*$' -- $line); or continue
            string match -q -- "*-$written" $directory; and set behind $written
        end <$conf
        echo (string sub -l (math (string length -- $directory) - (string length -- $behind) - 1) -- $directory)/$behind
    end
end

function __dkms_names
    string match -q -- '*/*' (commandline -ct); and __dkms_modules; or __dkms_modules | string replace -r '/.*' ''
end

# Versions of the module that has been typed; of all, when none has.
function __dkms_versions
    set -l module (__dkms_typed --module (__dkms_typed -m '*'))
    __dkms_modules | string match -- "$module/*" | string replace -r '^[^/]*/' ''
end

function __dkms_kernels
    set -l tree (__dkms_typed --installtree /lib/modules)
    for directory in $tree/*/
        echo (string split / -- $directory)[-2]
    end
end

# __dkms_option PROGRAM OPTION ACTIONS…: an option of these actions; one that ends in '=' takes a value.
function __dkms_option
    set -l name (string trim -l -c - -- (string trim -r -c = -- $argv[2]))
    set -l kind -l
    test (string length -- $name) = 1; and set kind -s
    set -l words -c $argv[1] -n "__dkms_does $argv[3..]" $kind $name
    switch $argv[2]
        case --module= -m=
            complete $words -x -a '(__dkms_names)'
        case -v=
            complete $words -x -a '(__dkms_versions)'
        case --kernel= --kernelver= --templatekernel= -k=
            complete $words -x -a '(__dkms_kernels)'
        case --dkmstree= --sourcetree= --installtree= --root= --kernelsourcedir= --output= -o=
            complete $words -x -a '(__fish_complete_directories)'
        case --format=
            complete $words -x -a 'bmdeb deb driver-disk dsc kmod kmp rpm tarball'
        case --distro= --distribution= -d=
            complete $words -x -a 'debian redhat redhat3 suse ubuntu'
        case --archive= --config= --conf= -c=
            complete $words -r -F
        case --legacy-postinst=
            complete $words -x -a '0 1'
        case --media=
            complete $words -x -a 'cpio.gz floppy img iso tar'
        case '*='
            complete $words -x
        case '*'
            complete $words -f
    end
end

complete -c dkms -c dkmsctl -f
set -l packing mkbmdeb mkdeb mkdriverdisk mkdsc mkkmp mkrpm mktarball
complete -c dkms -n 'not __dkms_action' -a "add autoinstall build generate_mok install kernel_postinst kernel_preinst
    kernel_prerm ldtarball match $packing remove status unbuild uninstall"
complete -c dkmsctl -n 'not __dkms_action' -a 'add autoinstall build cancel check export history import install jobs lint log monitor plan prune
    rebuild remove rollback status switch unbuild uninstall wait'
complete -c dkms -n "__dkms_does add build install match $packing remove status unbuild uninstall" -a '(__dkms_modules)'
complete -c dkmsctl -n '__dkms_does add build export history install rebuild remove rollback status switch unbuild uninstall' -a '(__dkms_modules)'
complete -c dkms -n '__dkms_does ldtarball' -F
complete -c dkmsctl -n '__dkms_does import lint' -F

for option in --dkmstree= --sourcetree= --installtree= --quiet -q --verbose --debug --help
    __dkms_option dkms $option add autoinstall build generate_mok install kernel_postinst kernel_preinst kernel_prerm ldtarball \
        match $packing remove status unbuild uninstall
end
for option in --module= -m= -v=
    __dkms_option dkms $option add build install match $packing remove status unbuild uninstall
end
for option in --kernelver= -k= --arch= -a=
    __dkms_option dkms $option autoinstall build install kernel_postinst kernel_preinst kernel_prerm match $packing remove status \
        unbuild uninstall
end
for option in --config= --directive= --kernelsourcedir= -j=
    __dkms_option dkms $option autoinstall build install match
end
__dkms_option dkms --force add autoinstall build install ldtarball match
__dkms_option dkms --all mkbmdeb mkdeb mkdriverdisk mkrpm mktarball remove unbuild uninstall
__dkms_option dkms --archive= add ldtarball mktarball
for option in --binaries-only --source-only
    __dkms_option dkms $option mkdeb mkrpm mktarball
end
__dkms_option dkms --legacy-postinst= mkdeb mkdsc mkrpm
__dkms_option dkms --spec= mkdriverdisk mkkmp mkrpm
for option in --distro= -d= --label= --media= --release= -r= --size=
    __dkms_option dkms $option mkdriverdisk
end
__dkms_option dkms --rpm_safe_upgrade add remove
__dkms_option dkms --templatekernel= match
__dkms_option dkms --force-version-override install
__dkms_option dkms --modprobe-on-install install uninstall
__dkms_option dkms --no-depmod install uninstall
__dkms_option dkms -c= add build install $packing

set -l changes add build install rebuild remove rollback switch unbuild uninstall
for option in --dkmstree= --sourcetree= --installtree= --root=
    __dkms_option dkmsctl $option $changes autoinstall check export history import lint plan prune status wait
end
for option in --module= -m= -v=
    __dkms_option dkmsctl $option $changes export history status
end
for option in --kernel= -k= --arch= -a=
    __dkms_option dkmsctl $option autoinstall build export history install plan rebuild remove rollback status switch unbuild uninstall \
        wait
end
for option in --config= --kernelsourcedir= --jobs= -j= --force
    __dkms_option dkmsctl $option build install rebuild rollback switch
end
__dkms_option dkmsctl --all-kernels autoinstall build install rebuild switch
__dkms_option dkmsctl --force import
for option in --conf= -c= --directive=
    __dkms_option dkmsctl $option add build install rebuild switch
end
for option in --no-depmod --no-initramfs
    __dkms_option dkmsctl $option autoinstall install rebuild remove rollback switch unbuild uninstall
end
for option in --quiet -q
    __dkms_option dkmsctl $option $changes autoinstall check export import lint prune wait
end
__dkms_option dkmsctl --json $changes autoinstall cancel check export history import jobs lint monitor plan prune status wait
__dkms_option dkmsctl --no-wait $changes autoinstall prune
__dkms_option dkmsctl --hook autoinstall
__dkms_option dkmsctl --all jobs rebuild remove unbuild uninstall
__dkms_option dkmsctl --force-version-override install rebuild switch
__dkms_option dkmsctl --newest install
for option in --output= -o= --format= --archive= --spec= --distribution= --media= --size= --label= --binaries-only --source-only
    __dkms_option dkmsctl $option export
end
__dkms_option dkmsctl --strict lint
__dkms_option dkmsctl --repair check
for option in --help -h
    __dkms_option dkmsctl $option $changes autoinstall cancel check export history import jobs lint log monitor plan status wait
end
