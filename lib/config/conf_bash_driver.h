// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace dkms {

/// The script that evaluates configuration files. Arguments: the wanted names in one word, the length of the longest
/// value, the number of files, for each file its path (empty: not to be used) and that of a copy of its text,
/// then triples of directive, index and value. Writes name, index and value of each element to its standard output,
/// each followed by NUL, and "end" at last.
///
/// Files are read inside a function, for some use `local`, and in a subshell, so that nothing of theirs is left when
/// values are expanded again: each is written as NAME[#]="value", blanks run together, and evaluated. A file is taken
/// from its copy where the sandbox hides it. Where what follows `||` is known to be coming, `set -e` ends
/// nothing.
constexpr const char* conf_bash_driver = R"bash(
_dkms_names=($1)
_dkms_longest=$2
_dkms_files=("${@:4:2*$3}")
_dkms_directives=("${@:4+2*$3}")
set --
exec 3>&1 >/dev/null
ulimit -u 4096

_dkms_emit() {
    set +efuvx
    set -f
    IFS=$' \t\n'
    local _dkms_name _dkms_index _dkms_value
    for _dkms_name in "${_dkms_names[@]}"; do
        local -n _dkms_elements=$_dkms_name
        for _dkms_index in "${!_dkms_elements[@]}"; do
            _dkms_value=${_dkms_elements[$_dkms_index]}
            # Bash takes ages to split long values.
            ((${#_dkms_value} <= _dkms_longest)) || builtin exit 1
            if [[ ${_dkms_value: -1} == $'\r' ]]; then _dkms_value=${_dkms_value:0:-1}; fi
            builtin set -- $_dkms_name[$_dkms_index]=\"$_dkms_value\"
            builtin printf '%s\n' "$*" >&4
        done
        builtin unset -n _dkms_elements
    done
    builtin printf 'end\n' >&4
}

_dkms_read() {
    local _dkms_i _dkms_j
    for ((_dkms_i = 0; _dkms_i < ${#_dkms_files[@]}; _dkms_i += 2)); do
        if [[ -f ${_dkms_files[_dkms_i]} && -r ${_dkms_files[_dkms_i]} ]]; then
            source "${_dkms_files[_dkms_i]}" 4>&-
        else
            source "${_dkms_files[_dkms_i + 1]}" 4>&-
        fi
        for ((_dkms_j = 0; _dkms_j < ${#_dkms_directives[@]}; _dkms_j += 3)); do
            builtin printf -v "${_dkms_directives[_dkms_j]}[${_dkms_directives[_dkms_j + 1]}]" %s "${_dkms_directives[_dkms_j + 2]}"
        done
    done
    _dkms_emit
}

_dkms_emitted=$(exec 4>&1 >/dev/null 3>&-; _dkms_read || builtin true)
_dkms_status=$?
if [[ $_dkms_emitted != end && $_dkms_emitted != *$'\nend' ]]; then
    exit $((_dkms_status > 0 ? _dkms_status : 1))
fi

set -f
IFS=$'\n'
_dkms_lines=($_dkms_emitted)
IFS=$' \t\n'
set +f
for _dkms_line in "${_dkms_lines[@]:0:${#_dkms_lines[@]}-1}"; do
    eval "$_dkms_line" 3>&-
done

for _dkms_name in "${_dkms_names[@]}"; do
    declare -n _dkms_elements=$_dkms_name
    for _dkms_index in "${!_dkms_elements[@]}"; do
        printf '%s\0%s\0%s\0' "$_dkms_name" "$_dkms_index" "${_dkms_elements[$_dkms_index]}" >&3
    done
    unset -n _dkms_elements
done
printf 'end\0' >&3
)bash";

} // namespace dkms
