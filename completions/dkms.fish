# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for dkms and dkmsctl in fish. Looks into directories, and asks dkmsctl for the numbers of jobs; starts nothing else.

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

# What an option of a command does; the same words as in help.
function __dkms_about
    switch "$argv"
        case 'jobs --all'
            echo 'Also jobs that ended long ago'
        case 'export --kernel' 'export -k'
            echo 'Kernel release; repeatable (default: all it is built for)'
        case 'history --arch' 'status --arch' 'log --arch' 'history -a' 'status -a' 'log -a'
            echo 'Only kernels of this architecture'
        case 'history --kernel' 'status --kernel' 'log --kernel' 'history -k' 'status -k' 'log -k'
            echo "Only this kernel, or a pattern such as '6.1.*' (default: all)"
        case 'import --force'
            echo 'Replace what is registered already'
        case '* --all'
            echo 'All kernels the module is built for'
        case '* --all-kernels'
            echo 'All installed kernels that have headers'
        case '* --archive'
            echo 'Name of the tarball; its suffix selects the compression'
        case '* --binaries-only'
            echo 'Leave out the source'
        case '* --config'
            echo 'Kernel configuration file'
        case '* --directive'
            echo 'Set a directive of dkms.conf; repeatable'
        case '* --distribution' '* --distro' '* -d'
            echo 'Installer that a driver disk is for; repeatable'
        case '* --dkmstree'
            echo 'DKMS tree (default: /var/lib/dkms)'
        case '* --force'
            echo 'Override checks; redo finished work; allow downgrades'
        case '* --force-version-override'
            echo "Replace the kernel's own module although it is newer"
        case '* --format'
            echo 'tarball (default), rpm, deb, dsc, bmdeb, kmod, kmp or driver-disk'
        case '* --hook'
            echo 'Fail only for modules required by dkms-policy.conf(5)'
        case '* --installtree'
            echo 'Module directories of kernels (default: /lib/modules)'
        case '* --json'
            echo 'Print JSON, for programs'
        case '* --kernelsourcedir'
            echo 'Kernel headers directory'
        case '* --label'
            echo 'Volume label of a driver disk'
        case '* --media'
            echo 'Type of a driver disk: floppy, img, iso, tar or cpio.gz'
        case '* --newest'
            echo 'If several versions are registered, use the newest'
        case '* --no-depmod'
            echo 'Do not run depmod'
        case '* --no-initramfs'
            echo 'Do not rebuild the initramfs'
        case '* --no-wait'
            echo 'Return when the job is accepted'
        case '* --repair'
            echo 'Repair what can be repaired without loss'
        case '* --root'
            echo 'Work on the system below DIR'
        case '* --size'
            echo 'Size of a driver disk in KiB'
        case '* --source-only'
            echo 'Leave out the builds'
        case '* --sourcetree'
            echo 'Source tree (default: /usr/src)'
        case '* --spec'
            echo "Spec file in the module's source"
        case '* --strict'
            echo 'Count warnings as errors'
        case '* --arch' '* -a'
            echo 'Architecture: one for all kernels, or one for each'
        case '* --conf' '* -c'
            echo "Read FILE instead of the source's dkms.conf"
        case '* --follow' '* -f'
            echo 'Print the output as it appears, until the job has finished'
        case '* --help' '* -h'
            echo 'Show this help'
        case '* --jobs' '* -j'
            echo 'Number of parallel compile jobs (0: unlimited)'
        case '* --kernel' '* --kernelver' '* -k'
            echo 'Kernel release; repeatable (default: the running kernel)'
        case '* --module' '* -m'
            echo 'Another way to name the module'
        case '* --output' '* -o'
            echo 'Directory to write to (default: the working directory)'
        case '* --quiet' '* -q'
            echo 'Print only errors'
        case '* -v'
            echo 'Version of the module'
    end
end

# Jobs by number, each with what it does; with an argument the newest of all, else those that have not ended.
function __dkms_jobs
    set -l program (commandline -opc)[1]
    command -q $program; or return
    set -l rows (command $program jobs $argv 2>/dev/null)
    set -q argv[1]; or set rows (string match -rv -- '  (done|failed|cancelled|skipped|unreadable)(  |$)' $rows)
    set -q rows[2]; or return
    set rows (string replace -ra ' +' ' ' -- $rows[2..] | string replace ' ' \t)
    test (count $rows) -le 30; or set rows $rows[-30..]
    printf '%s\n' $rows
end

function __dkms_commands
    printf '%s\t%s\n' \
        add "Register a module's source" \
        autoinstall 'Build and install all modules that are missing for a kernel' \
        build 'Build a module for kernels' \
        cancel 'Cancel a job' \
        check 'Check the trees for leftovers and contradictions' \
        export 'Write a module to an archive, packages or a driver disk' \
        help 'Show how a command is used' \
        history 'Show which versions were installed, when and by whom' \
        import 'Register the module in an archive or a source directory' \
        install 'Install a module into kernels, building it first if needed' \
        jobs 'Show the jobs of the service' \
        lint "Check a module's source for common mistakes" \
        log "Print the output of a job or of a module's last build" \
        monitor 'Print a line for every change of a job' \
        plan 'Show what autoinstall would do for a kernel, without doing it' \
        prune 'Delete what was built for kernels that are gone' \
        rebuild 'Build a module again and install it where it was installed' \
        remove "Delete a module's builds; with --all, unregister it too" \
        rollback 'Go back to the version that was installed before' \
        status 'Show modules and the kernels they are installed for' \
        switch 'Install another version of a module, and keep it' \
        unbuild 'Delete builds of a module, uninstalling them first' \
        uninstall 'Uninstall a module from kernels, but keep its builds' \
        wait 'Wait for jobs, or for all jobs for a kernel, to finish'
end

function __dkms_actions
    printf '%s\t%s\n' \
        add "Register a module's source" \
        autoinstall 'Build and install all modules that are missing for a kernel' \
        build 'Build a module for kernels' \
        generate_mok 'Make the key that modules are signed with' \
        install 'Install a module into kernels, building it first if needed' \
        kernel_postinst 'Build and install for a new kernel' \
        kernel_preinst 'Delete stale builds for a kernel' \
        kernel_prerm 'Delete builds for a kernel that is removed' \
        ldtarball 'Register the module in an archive' \
        match 'Install what another kernel has' \
        mkbmdeb 'Make a Debian package of built modules' \
        mkdeb 'Make a Debian package' \
        mkdriverdisk 'Make a driver disk' \
        mkdsc 'Make a Debian source package' \
        mkkmp 'Make a SUSE kernel module package' \
        mkrpm 'Make an RPM' \
        mktarball 'Write a module to an archive' \
        remove "Delete a module's builds; with --all, unregister it too" \
        status 'Show modules and the kernels they are installed for' \
        unbuild 'Delete builds of a module, uninstalling them first' \
        uninstall 'Uninstall a module from kernels, but keep its builds'
end

# __dkms_option PROGRAM OPTION ACTIONS…: an option of these actions; one that ends in '=' takes a value.
function __dkms_option
    set -l name (string trim -l -c - -- (string trim -r -c = -- $argv[2]))
    set -l kind -l
    test (string length -- $name) = 1; and set kind -s
    set -l words -c $argv[1] -n "__dkms_does $argv[3..]" $kind $name
    set -l about (__dkms_about $argv[3] (string trim -r -c = -- $argv[2]))
    set -q about[1]; and set -a words -d $about
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
complete -c dkms -n 'not __dkms_action' -a '(__dkms_actions)'
complete -c dkmsctl -n 'not __dkms_action; or __dkms_does help' -a '(__dkms_commands)'
complete -c dkmsctl -n '__dkms_does cancel wait' -a '(__dkms_jobs)'
complete -c dkmsctl -n '__dkms_does log' -a '(__dkms_jobs --all)'
complete -c dkms -n "__dkms_does add build install match $packing remove status unbuild uninstall" -a '(__dkms_modules)'
complete -c dkmsctl -n '__dkms_does add build export history install log rebuild remove rollback status switch unbuild uninstall' -a '(__dkms_modules)'
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
    __dkms_option dkmsctl $option $changes autoinstall check export history import log plan prune status wait
end
for option in --module= -m= -v=
    __dkms_option dkmsctl $option $changes export history status
end
for option in --kernel= -k= --arch= -a=
    __dkms_option dkmsctl $option autoinstall build install plan rebuild remove rollback switch unbuild uninstall wait
    __dkms_option dkmsctl $option export
    __dkms_option dkmsctl $option history log status
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
__dkms_option dkmsctl --all rebuild remove unbuild uninstall
__dkms_option dkmsctl --all jobs
for option in --follow -f
    __dkms_option dkmsctl $option log
end
__dkms_option dkmsctl --force-version-override install rebuild switch
__dkms_option dkmsctl --newest install
for option in --output= -o= --format= --archive= --spec= --distribution= --media= --size= --label= --binaries-only --source-only
    __dkms_option dkmsctl $option export
end
__dkms_option dkmsctl --strict lint
__dkms_option dkmsctl --repair check
for option in --help -h
    __dkms_option dkmsctl $option $changes autoinstall cancel check export help history import jobs lint log monitor plan prune status wait
end
