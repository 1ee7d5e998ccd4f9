# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# bash completion of bulkhead(1), to be installed as /usr/share/bash-completion/completions/bulkhead. The command itself
# says what there is.

_bulkhead() {
    local i word words=() lines=() reply=() cur kind
    # bash takes "--output=json" for three words.
    for ((i = 1; i <= COMP_CWORD; ++i)); do
        word=${COMP_WORDS[i]}
        if [[ ($word == = || ${COMP_WORDS[i - 1]} == =) && ${#words[@]} -gt 0 && ${words[-1]} == -* ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done
    cur=${words[-1]}
    mapfile -t lines < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
    kind=${lines[0]:-}
    if [[ $cur == -*=* ]]; then cur=${cur#*=}; fi
    case $kind in
    files) mapfile -t reply < <(compgen -f -- "$cur") ;;
    directories) mapfile -t reply < <(compgen -d -- "$cur") ;;
    words)
        reply=("${lines[@]:1}")
        reply=("${reply[@]%%$'\t'*}")
        if [[ ${words[-1]} == -*=* ]]; then reply=("${reply[@]#*=}"); fi
        ;;
    esac
    if [[ $kind == files || $kind == directories ]]; then compopt -o filenames 2>/dev/null; fi
    COMPREPLY=("${reply[@]}")
}

complete -F _bulkhead bulkhead
