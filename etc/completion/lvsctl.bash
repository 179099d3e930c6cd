# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for lvsctl(1). Commands, options and their values are those lvsctl's own --help lists, and names of
# objects those a running lvsd has, so there is nothing to keep in step here.
_lvsctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word help values
    local -a path=() commands=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        mapfile -t commands < <(_lvsctl_commands "$(lvsctl "${path[@]}" --help 2>/dev/null)")
        [[ " ${commands[*]} " == *" $word "* ]] && path+=("$word")
    done
    help=$(lvsctl "${path[@]}" --help 2>/dev/null)
    case $previous in
        --socket | --config) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --service) mapfile -t COMPREPLY < <(compgen -W "$(_lvsctl_names services)" -- "$current"); return ;;
        --router) mapfile -t COMPREPLY < <(compgen -W "$(_lvsctl_names routers)" -- "$current"); return ;;
    esac
    values=$(sed -n "s/^ *$previous .*{\([a-z0-9,-]*\)}.*/\1/p" <<<"$help")
    if [[ $previous == --* && $values ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${values//,/ }" -- "$current")
        return
    fi
    mapfile -t commands < <(_lvsctl_commands "$help")
    values="${commands[*]} --socket --system --no-pager"
    [[ $current == -* ]] && values+=" $(grep -oE '^  (-h,)?--[a-z-]+' <<<"$help" | sed 's/.*--/--/' | tr '\n' ' ')"
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
    [[ ${#COMPREPLY[@]} == 0 && $current != -* ]] && mapfile -t COMPREPLY < <(compgen -f -- "$current")
}
_lvsctl_commands() {
    sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\) .*/\1/p' <<<"$1"
}
_lvsctl_names() {
    lvsctl --no-pager "$1" 2>/dev/null | awk 'NR > 1 { print $1 }' | sort -u
}
complete -o filenames -F _lvsctl lvsctl
