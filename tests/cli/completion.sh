# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion.sh FILE WORD…: completes the last word as an interactive bash would, and prints what is offered, one a line.
source "$1"
shift
# As readline takes a line apart: an equals sign is a word of its own.
COMP_WORDS=()
for word; do
    while [[ $word == *=* && $word != = && -n $word ]]; do
        [[ -z ${word%%=*} ]] || COMP_WORDS+=("${word%%=*}")
        COMP_WORDS+=("=")
        word=${word#*=}
        [[ -n $word ]] || continue 2
    done
    COMP_WORDS+=("$word")
done
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
[[ $(complete -p "${1##*/}") == 'complete -F _dkms '* ]] || exit 1
PATH=/nonexistent
_dkms "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" && printf '%s\n' "${COMPREPLY[@]}"
