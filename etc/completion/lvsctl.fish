# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for lvsctl(1). Commands, options, their values and what a command is about are what lvsctl's own --help
# says, and names of objects those a running lvsd has.
function __lvsctl_commands
    printf '%s\n' $argv | sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\)  *\(.*\)/\1\t\2/p'
end
function __lvsctl_names --argument-names list columns
    lvsctl $argv[3..-1] --no-pager $list 2>/dev/null | awk "NR > 1 { print $columns }" | sort -u
end
function __lvsctl_complete
    set -l words (commandline -opc)
    set -l help (lvsctl --help 2>/dev/null)
    set -l at
    set -l where
    set -l option
    set -l typed 1
    for word in $words[2..-1]
        if test -n "$option"
            test $option = --socket; and set where --socket $word
            set option
        else if string match -q -- '-*' $word
            test $word = --system; and set where --system
            if test $word = --socket; or string match -qr -- "^  $word [A-Z]" $help
                set option $word
            end
        else if contains -- $word (__lvsctl_commands $help | cut -f1)
            set -a at $word
            set help (lvsctl $at --help 2>/dev/null)
        else
            set typed (math $typed + 1)
        end
    end
    switch "$option"
        case --socket
            __fish_complete_path (commandline -ct)
        case --service
            __lvsctl_names services '$1' $where
        case --router
            __lvsctl_names routers '$1' $where
        case --server
            __lvsctl_names servers '$2' $where
        case '--*'
            printf '%s\n' $help | sed -n "s/^ *$option .*{\([a-z0-9,-]*\)}.*/\1/p" | string split ,
        case '*'
            set -l operands (printf '%s\n' $help | sed -n '/^Positionals:/,/^$/s/^  \([A-Z]*\) .*/\1/p')
            switch "$operands[$typed]"
                case SERVER
                    __lvsctl_names servers '$1 "/" $2' $where
                case ROUTER
                    __lvsctl_names routers '$1' $where
                case FILE
                    __fish_complete_path (commandline -ct)
                case '*'
                    __lvsctl_commands $help
            end
            printf '%s\n' --socket --system --no-pager
            printf '%s\n' $help | grep -oE -- '^  (-h,)?--[a-z-]+' | sed 's/.*--/--/'
    end
end
complete -c lvsctl -f -a '(__lvsctl_complete)'
