# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for lvsctl(1)
_lvsctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word command=
    if [[ $previous == --socket ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == status || $word == version ]] && command=$word
    done
    local options="--socket --system --help"
    [[ $command == status ]] && options+=" --json"
    [[ -z $command && $current != -* ]] && options="status version"
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
}
complete -F _lvsctl lvsctl
