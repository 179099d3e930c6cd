# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for lvsctl(1). Commands, options, their values and what a command is about are what lvsctl's own --help
# says, and names of objects those a running lvsd has, so there is nothing to keep in step here.
_lvsctl() {
    local line=${COMP_LINE:0:COMP_POINT} current word help option='' values='' operand
    local -a words path=() where=()
    local -i typed=0
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[-1]}
    help=$(lvsctl --help 2>/dev/null)
    for word in "${words[@]:1:${#words[@]}-2}"; do
        if [[ $option ]]; then
            [[ $option == --socket ]] && where=(--socket "$word")
            option=''
        elif [[ $word == -* ]]; then
            [[ $word == --system ]] && where=(--system)
            [[ $word == --socket ]] || grep -qE "^  $word [A-Z]" <<<"$help" && option=$word
        elif _lvsctl_commands "$help" | grep -qxF "$word"; then
            path+=("$word")
            help=$(lvsctl "${path[@]}" --help 2>/dev/null)
        else
            typed+=1
        fi
    done
    operand=$(sed -n '/^Positionals:/,/^$/s/^  \([A-Z]*\) .*/\1/p' <<<"$help" | sed -n "$((typed + 1))p")
    case $option in
        --socket) operand=FILE ;;
        --service) values=$(_lvsctl_names services '$1') ;;
        --router) values=$(_lvsctl_names routers '$1') ;;
        --server) values=$(_lvsctl_names servers '$2') ;;
        ?*) values=$(sed -n "s/^ *$option .*{\([a-z0-9,-]*\)}.*/\1/p" <<<"$help" | tr , '\n') operand= ;;
        *)
            values=$(_lvsctl_commands "$help")
            case $operand in
                SERVER) values=$(_lvsctl_names servers '$1 "/" $2') ;;
                ROUTER) values=$(_lvsctl_names routers '$1') ;;
            esac
            [[ $current == -* || -z $values$operand ]] && values=$(_lvsctl_options "$help") operand=
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
    if [[ $operand == FILE ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
    # For readline a word ends at a colon: it wants what comes after that.
    [[ $COMP_WORDBREAKS == *:* ]] && COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*:}"}"}")
}
_lvsctl_commands() {
    sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\) .*/\1/p' <<<"$1"
}
_lvsctl_options() {
    printf '%s\n' --socket --system --no-pager
    grep -oE '^  (-h,)?--[a-z-]+' <<<"$1" | sed 's/.*--/--/'
}
_lvsctl_names() {
    lvsctl "${where[@]}" --no-pager "$1" 2>/dev/null | awk "NR > 1 { print $2 }" | sort -u
}
complete -F _lvsctl lvsctl
