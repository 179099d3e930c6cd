# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for lvsctl(1). Commands, options and their values are those lvsctl's own --help lists, and names of
# objects those a running lvsd has.
function __lvsctl_commands
    lvsctl $argv --help 2>/dev/null | sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\)  *\(.*\)/\1\t\2/p'
end
function __lvsctl_names
    lvsctl --no-pager $argv[1] 2>/dev/null | awk 'NR > 1 { print $1 }' | sort -u
end
function __lvsctl_complete
    set -l words (commandline -opc)
    set -l at
    for word in $words[2..-1]
        if contains -- $word (__lvsctl_commands $at | cut -f1)
            set -a at $word
        end
    end
    set -l previous $words[-1]
    switch $previous
        case --service
            __lvsctl_names services
            return
        case --router
            __lvsctl_names routers
            return
    end
    set -l help (lvsctl $at --help 2>/dev/null)
    set -l values (printf '%s\n' $help | sed -n "s/^ *$previous .*{\([a-z0-9,-]*\)}.*/\1/p")
    if string match -q -- '--*' $previous; and test -n "$values"
        string split , $values
        return
    end
    __lvsctl_commands $at
    printf '%s\n' --socket --system --no-pager
    printf '%s\n' $help | grep -oE -- '^  (-h,)?--[a-z-]+' | sed 's/.*--/--/'
end
complete -c lvsctl -f -a '(__lvsctl_complete)'
complete -c lvsctl -n 'string match -qr -- "--(socket|config)\$" (commandline -opc)[-1]' -F
