#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In a machine with our IPVS: a service balanced by the new scheduler, its servers checked by the new kind of check.
# story.sh FOLDER; prints "the end" when everything went as it should.
set -eu
cd "$1"

fail() {
    echo "NOT SO: $*"
    exit 1
}

# is COMMAND OUTPUT-PATTERN: what the command prints matches, within a minute.
is() {
    end=$(($(date +%s) + 60))
    while :; do
        told=$(sh -c "$1" 2>&1) || true
        case "$told" in $2) return 0 ;; esac
        [ "$(date +%s)" -lt "$end" ] || fail "$1 says '$told', not '$2'"
        sleep 0.1
    done
}

ip link set lo up
for number in 1 2 3; do ip address add 192.0.2.$number/32 dev lo; done
python3 tests/lab_tests/recipes/banner_server.py 192.0.2.1 7 "hello one" &
python3 tests/lab_tests/recipes/banner_server.py 192.0.2.2 7 "hello two" &
python3 tests/lab_tests/recipes/banner_server.py 192.0.2.3 7 "goodbye" &
ip address add 192.0.2.10/32 dev lo

mkdir -p /etc/lvsd
cat >/etc/lvsd/lvsd.toml <<'CONFIG'
[virtual_service.greeting]
address = "192.0.2.10:7"
scheduler = "newest"
servers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
check = { kind = "banner", begins = "hello", interval = "500ms", timeout = "400ms", rise = 1, fall = 1 }
CONFIG
modprobe ip_vs_newest
lvsd >/tmp/log 2>&1 &
daemon=$!
is "lvsctl servers --state up" "*192.0.2.1:7*192.0.2.2:7*"
is "lvsctl servers --state down" '*192.0.2.3:7*goodbye*'
is "ipvsadm -Sn" "*-A -t 192.0.2.10:7 -s newest*"
is "ipvsadm -Sn" "*-r 192.0.2.3:7 -m -w 0*"
# Whichever was added last and is up gets every connection.
for _ in 1 2 3; do bash -c 'exec 3<>/dev/tcp/192.0.2.10/7; cat <&3' >/dev/null; done
is "ipvsadm -Ln --stats --exact | awk '\$1 == \"->\" && \$3 > 0 { servers++; all += \$3 } END { print servers, all }'" "1 3"
kill "$daemon"
echo "the end"
