#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What an administrator does with the packages, from the first start to the purge. Runs in a machine that has them
# installed and enabled, with an interface that is not there yet; prints "the end" when every line went as it should.
set -eu

trap '[ $? = 0 ] || journalctl -u lvsd --no-pager -n 40' EXIT

fail() {
    echo "NOT SO: $*"
    exit 1
}

# is COMMAND OUTPUT-PATTERN: what the command prints matches, within a minute: the machine is emulated.
is() {
    end=$(($(date +%s) + 60))
    while :; do
        told=$(sh -c "$1" 2>&1) || true
        case "$told" in $2) return 0 ;; esac
        [ "$(date +%s)" -lt "$end" ] || fail "$1 says '$told', not '$2'"
        sleep 0.1
    done
}

echo "--- a boot brings it, in its place, and it waits for its interface"
is "systemctl list-dependencies multi-user.target" "*lvsd.service*"
for first in network.target systemd-modules-load.service systemd-sysctl.service dbus.socket; do
    is "systemctl show --value -p After lvsd" "*$first*"
done
systemctl start lvsd # this machine boots to another target
is "systemctl is-active lvsd" active
is "lvsctl routers" "*waiting*"
modprobe dummy
ip link add eth7 type dummy
ip link set eth7 up multicast on arp on
ip address add 192.0.2.1/24 dev eth7
is "lvsctl routers" "*master*"
is "ip -brief address show eth7" "*192.0.2.10/24*"
is "journalctl -u lvsd LVSD_TO=master --no-pager -o cat" "*web*master*"
ip link del eth7
is "lvsctl routers" "*waiting*"
systemctl stop lvsd
systemctl disable lvsd 2>&1

echo "--- first start"
systemctl daemon-reload
systemctl enable --now lvsd 2>&1
is "systemctl is-active lvsd" active
is "lvsctl status" "*"
busctl get-property org.linuxvirtualserver.Lvsd1 /org/linuxvirtualserver/Lvsd1 org.linuxvirtualserver.Lvsd1.Manager Version

echo "--- a service"
modprobe dummy
ip link add eth7 type dummy
ip link set eth7 up multicast on arp on
ip address add 192.0.2.1/24 dev eth7
cat >/etc/lvsd/lvsd.toml <<'CONFIG'
virtual_router.web = { interface = "eth7", vrid = 51, addresses = ["192.0.2.10/24"] }
[virtual_service.web]
address = "192.0.2.10:80"
servers = ["192.0.2.1:8080"]
check = { kind = "tcp", interval = "1s", timeout = "500ms" }
CONFIG
systemctl reload lvsd
is "ip -brief address show eth7" "*192.0.2.10/24*"
is "ipvsadm -Sn" "*-A -t 192.0.2.10:80*"
is "cat /sys/module/ip_vs/version" "lvsd*"

echo "--- an upgrade to the same version keeps it running and its configuration"
dpkg -i /root/lvsd_*.deb >/dev/null
is "systemctl is-active lvsd" active
is "systemctl is-enabled lvsd" enabled
is "ipvsadm -Sn" "*-A -t 192.0.2.10:80*"

echo "--- an upgrade that could not start again leaves the former one running, and so does a policy against it"
pid=$(systemctl show --value -p MainPID lvsd)
cp /etc/lvsd/lvsd.toml /root/good.toml
echo "nonsense = 1" >>/etc/lvsd/lvsd.toml
dpkg -i /root/lvsd_*.deb >/tmp/told 2>&1
grep -q "the former one goes on running" /tmp/told || fail "$(cat /tmp/told)"
cp /root/good.toml /etc/lvsd/lvsd.toml
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
dpkg -i /root/lvsd_*.deb >/dev/null 2>&1
rm /usr/sbin/policy-rc.d
[ "$(systemctl show --value -p MainPID lvsd)" = "$pid" ] || fail "it was restarted"

echo "--- a removal that dpkg takes back"
/var/lib/dpkg/info/lvsd.prerm remove
[ "$(systemctl is-active lvsd)" != active ] || fail "still active"
/var/lib/dpkg/info/lvsd.postinst abort-remove
is "systemctl is-active lvsd" active
is "ipvsadm -Sn" "*-A -t 192.0.2.10:80*"

echo "--- how exposed it is"
systemd-analyze security lvsd.service --no-pager --threshold=30 | tail -n 1

echo "--- stock and back"
lvsd-ipvs use stock
is "lvsd-ipvs status | tr -d '\n'" "*loaded:*stock*chosen:*stock*"
[ ! -e /sys/module/ip_vs/version ] || is "cat /sys/module/ip_vs/version" "[!l]*"
is "ipvsadm -Sn" "*-A -t 192.0.2.10:80*"
lvsd-ipvs use lvsd
is "cat /sys/module/ip_vs/version" "lvsd*"
is "ipvsadm -Sn" "*-A -t 192.0.2.10:80*"

echo "--- a module that is in use stays, and the command says so"
ip netns add other
ip netns exec other ipvsadm -A -t 198.51.100.1:80
if lvsd-ipvs use stock 2>/tmp/why; then fail "switched under a service"; fi
grep -q "in use" /tmp/why || fail "$(cat /tmp/why)"
is "systemctl is-active lvsd" active
ip netns exec other ipvsadm -C
ip netns del other
lvsd-ipvs use lvsd >/dev/null
is "runuser -u nobody -- lvsd-ipvs status | tr -d '\n'" "*loaded:*lvsd*chosen:*lvsd*"

echo "--- remove"
dpkg -r lvsd >/dev/null 2>&1
is "ip -brief address show eth7" "*192.0.2.1/24*"
case "$(ip -brief address show eth7)" in *192.0.2.10*) fail "the virtual address is still there" ;; esac
[ -z "$(ipvsadm -Sn)" ] || fail "services are still there"
[ -e /etc/lvsd/lvsd.toml ] || fail "removing took the configuration"
[ ! -e /etc/systemd/system/multi-user.target.wants/lvsd.service ] || fail "still enabled"

echo "--- purge"
dpkg -P lvsd >/dev/null 2>&1
left=$(find / -xdev \( -path /root -o -path /proc -o -path /sys -o -path /usr/src -o -path /var/lib/dkms -o -path /var/log -o -path /var/cache \
    -o -path /run/lab -o -path /usr/lib/modules -o -path /var/lib/dpkg \) -prune -o -name '*lvsd*' -print | grep -v ipvs || true)
[ -z "$left" ] || fail "left behind: $left"
! getent passwd lvsd-check lvsd-notify || fail "a user is still there"
! getent group lvsd || fail "the group is still there"

echo "--- the module's package goes, and stock is back"
dpkg -P lvsd-ipvs-dkms >/dev/null 2>&1
left=$(find /etc /usr/src /usr/sbin /usr/share /var/lib/dkms /lib/modules/*/updates -name '*lvsd*' -o -path '*/updates/*' -name 'ip_vs*' \
    2>/dev/null || true)
[ -z "$left" ] || fail "left behind: $left"
rmmod ip_vs 2>/dev/null || true
modprobe ip_vs
[ ! -e /sys/module/ip_vs/version ] || is "cat /sys/module/ip_vs/version" "[!l]*"
echo "the end"
