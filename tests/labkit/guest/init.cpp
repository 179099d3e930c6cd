// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest.hpp"

namespace lab {
namespace {

const std::string kRoot = "/newroot";

// /lab/modules names the files in the order in which they must be loaded.
void load_modules() {
    const std::string list = read_file("/lab/modules");
    for (size_t at = 0; at < list.size();) {
        const size_t end = list.find('\n', at);
        const std::string name = list.substr(at, end - at);
        at = end == std::string::npos ? list.size() : end + 1;
        const int fd = open(("/lab/ko/" + name).c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) fail("module missing in the RAM disk: " + name);
        if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)
            fail("cannot load module " + name + ": " + strerror(errno));
        close(fd);
    }
}

// cache=loose: the host's files do not change under us in a way that matters, and without a cache every
// exec would cross to the host page by page.
void mount_overlay() {
    for (const char* directory : {"/lower", "/cow", "/newroot"})
        mkdir(directory, 0755);
    mount_or_fail("host", "/lower", "9p", MS_RDONLY,
                  "trans=virtio,version=9p2000.L,msize=512000,cache=loose");
    mount_or_fail("cow", "/cow", "tmpfs", 0, "mode=0755,size=75%");
    mkdir("/cow/upper", 0755);
    mkdir("/cow/work", 0755);
    mount_or_fail("root", kRoot, "overlay", 0, "lowerdir=/lower,upperdir=/cow/upper,workdir=/cow/work");
}

void mount_kernel_file_systems() {
    mount_or_fail("proc", kRoot + "/proc", "proc");
    mount_or_fail("sys", kRoot + "/sys", "sysfs");
    mount_or_fail("dev", kRoot + "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
    mkdir((kRoot + "/dev/pts").c_str(), 0755);
    mkdir((kRoot + "/dev/shm").c_str(), 01777);
    mount_or_fail("devpts", kRoot + "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                  "mode=0620,gid=5,ptmxmode=0666");
    mount_or_fail("shm", kRoot + "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
    mount_or_fail("run", kRoot + "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
    mount_or_fail("cgroup", kRoot + "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC);
    mount_or_fail("debugfs", kRoot + "/sys/kernel/debug", "debugfs");
    mount_or_fail("tracefs", kRoot + "/sys/kernel/tracing", "tracefs");
    [[maybe_unused]] const int linked = symlink("/proc/self/fd", (kRoot + "/dev/fd").c_str());
}

// The agent and its orders move out of the RAM disk, which is about to become unreachable.
void carry_over() {
    make_directories(kRoot + "/run/lab");
    write_file(kRoot + "/run/lab/guest", read_file("/init"));
    write_file(kRoot + "/run/lab/run", read_file("/lab/run"));
    chmod((kRoot + "/run/lab/run").c_str(), 0600);
}

void show_own_modules(const Run& run) {
    utsname kernel{};
    uname(&kernel);
    const std::string parent = kRoot + "/usr/lib/modules";
    make_directories(parent);
    const std::string link = parent + "/" + kernel.release;
    if (access(link.c_str(), F_OK) == 0) return;  // the host runs this very kernel
    if (symlink(run.modules.c_str(), link.c_str()) != 0) fail("cannot link " + link + ": " + strerror(errno));
}

void mount_shared(const Run& run) {
    for (size_t index = 0; index < run.shared.size(); ++index) {
        const std::string tag = "rw" + std::to_string(index);
        const std::string where = kRoot + run.shared[index];
        make_directories(where);
        mount_or_fail(tag.c_str(), where, "9p", 0, "trans=virtio,version=9p2000.L,msize=512000,cache=mmap");
    }
}

// What would touch the host's disks, walks the whole tree, or only costs time in a machine that lives for
// one command.
constexpr const char* kMasked[] = {
    "apparmor.service",
    "blk-availability.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "console-setup.service",
    "cryptsetup.target",
    "integritysetup.target",
    "keyboard-setup.service",
    "kmod-static-nodes.service",
    "ldconfig.service",
    "modprobe@.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "systemd-ask-password-console.path",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-flush.service",
    "systemd-machine-id-commit.service",
    "systemd-modules-load.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-sysusers.service",
    "systemd-timesyncd.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-tmpfiles-setup.service",
    "systemd-udev-settle.service",
    "systemd-udev-trigger.service",
    "systemd-udevd.service",
    "systemd-update-done.service",
    "systemd-update-utmp.service",
    "timers.target",
    "veritysetup.target",
};

// Generators are programs run before the first unit; what they would generate (mounts of the host's disks,
// consoles, init scripts of the host's services) has no place here.
std::vector<std::string> generators() {
    std::vector<std::string> names;
    for (const char* place : {"/lib", "/etc", "/usr/local/lib"}) {
        DIR* directory = opendir((std::string(place) + "/systemd/system-generators").c_str());
        if (directory == nullptr) continue;
        while (const dirent* entry = readdir(directory)) {
            if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
        }
        closedir(directory);
    }
    return names;
}

template <typename Names>
void mask(const std::string& directory, const Names& names) {
    make_directories(directory);
    for (const auto& name : names) {
        [[maybe_unused]] const int linked = symlink("/dev/null", (directory + "/" + name).c_str());
    }
}

void write_units() {
    const std::string units = "/run/systemd/system";
    mask(units, kMasked);
    mask("/run/systemd/system-generators", generators());
    write_file(units + "/lab.target",
               "[Unit]\nDescription=the command of the lab\nRequires=basic.target lab.service\n"
               "Wants=dbus.socket\nAfter=basic.target\nAllowIsolate=yes\n");
    write_file(units + "/lab.service",
               "[Unit]\nDescription=the command of the lab\nAfter=basic.target dbus.socket\n"
               "[Service]\nExecStart=/run/lab/guest agent\nStandardInput=null\nStandardOutput=journal\n"
               "TasksMax=infinity\nLimitMEMLOCK=infinity\nDelegate=yes\nKillMode=process\n");
}

}  // namespace

void enter_host_root(const Run& run) {
    mkdir("/proc", 0755);
    mkdir("/dev", 0755);
    mount_or_fail("proc", "/proc", "proc");
    mount_or_fail("dev", "/dev", "devtmpfs");
    load_modules();
    mount_overlay();
    mount_kernel_file_systems();
    carry_over();
    show_own_modules(run);
    mount_shared(run);
    if (chdir(kRoot.c_str()) != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0)
        fail(std::string("cannot change into the new root: ") + strerror(errno));
    if (chdir("/") != 0) fail("cannot enter the new root");
}

void become_systemd(const Run& run) {
    write_units();
    // Mounted by systemd itself, in its own way.
    umount("/sys/fs/cgroup");
    const char* systemd = "/lib/systemd/systemd";
    for (const std::string& entry : run.env)
        if (entry.starts_with("PATH=")) putenv(const_cast<char*>(entry.c_str()));
    execl(systemd, systemd, "--unit=lab.target", "--show-status=0", nullptr);
    fail(std::string("cannot start ") + systemd + ": " + strerror(errno));
}

}  // namespace lab
