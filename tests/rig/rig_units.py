#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages in a machine with systemd: units, sandboxes, rules, users, polkit.

The machine's root is this machine's own, read-only, under a layer that is forgotten at the end; so
it needs root here, and a Debian with systemd, D-Bus and polkit on its disk. Nothing of what is
installed, started or removed happens on this machine.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import Machine, Monitor, Skip, base, check, check_eq, run_cases, wait_for
from lib.ownroot import QEMU, OwnRoot

TARGET = """[Unit]
Requires=basic.target dbus.socket rig-agent.service
After=basic.target
AllowIsolate=yes
"""
AGENT_UNIT = """[Unit]
BindsTo=dev-virtio\\x2dports-org.virtaid.rig.device
After=dev-virtio\\x2dports-org.virtaid.rig.device
[Service]
ExecStart=/usr/bin/python3 /rig/agent.py
"""
# the test's hand in there, with the frames of guest/init.c
AGENT = r"""
import os, select, struct, subprocess
port = os.open("/dev/virtio-ports/org.virtaid.rig", os.O_RDWR)
def say(op, number, status, text=b""):
    data = struct.pack("<I", 9 + len(text)) + op + struct.pack("<Ii", number, status) + text
    while data:
        data = data[os.write(port, data):]
say(b"H", 0, 0)
rest = b""
while True:
    more = os.read(port, 1 << 16)
    if not more:
        select.select([], [], [], 0.1)
    rest += more
    while len(rest) >= 4 and len(rest) >= 4 + struct.unpack_from("<I", rest)[0]:
        size = struct.unpack_from("<I", rest)[0]
        body, rest = rest[4:4 + size], rest[4 + size:]
        op, number, payload = body[:1], struct.unpack_from("<I", body, 1)[0], body[5:]
        if op == b"R":
            done = subprocess.run(payload.split(b"\0")[:-1], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            say(b"D", number, done.returncode, done.stdout)
        elif op == b"W":
            path, mode, data = payload.split(b"\0", 2)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
            os.chmod(path, int(mode, 8))
            say(b"D", number, 0)
"""
LISTENER = """
import socket, time
s = socket.socket(socket.AF_UNIX); s.bind("/run/vm/zorg.sock"); s.listen(1)
kept = []
while True:
    kept.append(s.accept())
"""
# what a machine without disks and consoles can do without
MASKED = ("apparmor.service", "console-setup.service", "keyboard-setup.service",
          "networking.service", "systemd-binfmt.service", "systemd-random-seed.service",
          "systemd-timesyncd.service")
TOKEN = bytes(range(32))


def packages():
    """The packages in VA_DEBS, or such as are built from the tree as it is."""
    folder = os.environ.get("VA_DEBS")
    if not folder:
        for program in ("dpkg-buildpackage", "dh"):
            if not shutil.which(program):
                raise Skip(f"no {program} here: apt-get install dpkg-dev debhelper")
        folder = base.scratch("debs-") / "deb"
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        done = subprocess.run(["make", f"BUILD={folder.parent}", "deb"], cwd=base.ROOT, env=env,
                              text=True, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            raise base.RigError(f"make deb: {(done.stdout + done.stderr)[-2000:]}")
    return [next(pathlib.Path(folder).glob(f"virt-aid-{name}_*.deb"))
            for name in ("common", "guest", "host")]


class System(Machine):
    """A Machine whose system is this one's, under systemd."""

    def __init__(self, monitor):
        for path in ("/lib/systemd/systemd", "/usr/lib/polkit-1/polkitd", "/usr/bin/dbus-daemon"):
            if not os.path.exists(path):
                raise Skip(f"no {path} here")
        ramfs = OwnRoot("/lib/systemd/systemd")
        units = "/etc/systemd/system"
        ramfs.add_there(f"{units}/rig.target", TARGET)
        ramfs.add_there(f"{units}/rig-agent.service", AGENT_UNIT)
        ramfs.add_there("/rig/agent.py", AGENT)
        ramfs.add_there("/rig/listener.py", LISTENER)
        ramfs.add_there("/rig/simgpu_i2c.ko", ramfs.kernel.simgpu)
        for deb in packages():
            ramfs.add_there(f"/rig/{deb.name.split('_')[0]}.deb", deb)
        super().__init__(
            ramfs, name="units", gpus=[monitor.vhost(0x11)], memory=1536, cpus=2, boot_limit=600,
            ports={"org.virtaid.0": None}, fw_cfg={"opt/org.virtaid/pair": TOKEN},
            append="systemd.unit=rig.target systemd.show_status=yes " +
                   " ".join(f"systemd.mask={unit}" for unit in MASKED),
            extra=QEMU)

    def run(self, argv, limit=180):
        """Emulated, on a machine that may be busy: no limit here judges how fast anything is."""
        return super().run(argv, limit)

    def check(self, argv, limit=180):
        return super().check(argv, limit)

    def install(self, *names):
        self.check(["dpkg", "--no-triggers", "--force-confnew", "-i",
                    *[f"/rig/{name}.deb" for name in names]])

    def wait_unit(self, unit, state, limit=180):
        def there():
            return self.run(["systemctl", "is-active", unit]).out.strip() == state
        try:
            wait_for(there, limit, f"{unit} {state}", 0.3)
        except base.RigError as why:
            raise base.RigError(f"{why}: {self.run(['systemctl', 'status', '-l', unit]).out}")

    def prop(self, unit, name):
        return self.check(["systemctl", "show", "-P", name, unit]).strip()

    def journal(self, unit):
        return self.check(["journalctl", "--no-pager", "-o", "cat", "-u", unit])

    def status_of(self, pid):
        return dict(re.findall(r"^(\w+):[ \t]*(.*)$", self.read(f"/proc/{pid}/status"), re.M))


_shared = {}


def system():
    """The one machine of all cases; what keeps it from starting is said once for each."""
    if "why" not in _shared:
        _shared["why"] = None
        try:
            _shared["monitor"] = Monitor(0x0f, 0x11)
            _shared["system"] = System(_shared["monitor"])
            _shared["system"].check(["insmod", "/rig/simgpu_i2c.ko"])
        except (base.RigError, Skip) as why:
            _shared["why"] = why
    if _shared["why"]:
        raise _shared["why"]
    return _shared["system"]


# --- the guest's package


def the_port_starts_the_agent():
    s = system()
    s.install("virt-aid-common", "virt-aid-guest")
    s.wait_unit("va-guestd", "active")
    check_eq(s.check(["stat", "-L", "-c", "%U %G %a", "/dev/virtio-ports/org.virtaid.0"]).strip(),
             "root virt-aid 660", "the port's rights")
    status = s.status_of(s.prop("va-guestd", "MainPID"))
    check_eq(status["Uid"].split()[0], s.check(["id", "-u", "virt-aid"]).strip(), "uid")
    check_eq((status["CapEff"], status["CapBnd"], status["NoNewPrivs"], status["Seccomp"]),
             ("0" * 16, "0" * 16, "1", "2"), "what is left to the agent")
    check_eq(s.check(["stat", "-c", "%U %a", "/var/lib/virt-aid"]).strip(), "virt-aid 700", "state")


def the_token_is_handed_over():
    s = system()
    path = "/run/virt-aid/pair.token"
    check_eq(s.check(["stat", "-c", "%U %a %s", path]).strip(), "virt-aid 600 32", path)
    check("one-time token" in s.journal("va-guestd"), s.journal("va-guestd"))


def users_may_ask_the_agent():
    s = system()
    rc, out = s.run(["runuser", "-u", "nobody", "--", "va-guest", "status"])
    check("not running" not in out and rc in (0, 5, 6), f"{rc}: {out}")
    rc, out = s.run(["runuser", "-u", "nobody", "--", "va-guest", "pair", "AAAA-AAAA"])
    check_eq(rc, 3, f"pairing by nobody: {out}")


def monitors_are_reached_through_the_sandbox():
    s = system()
    out = s.check(["va-guest", "ddc", "detect", "--json"])
    check('"type":"display"' in out.replace(" ", ""), f"no monitor: {out}{s.journal('va-guestd')}")
    key = re.search(r'"key": ?"([0-9a-f]{16})"', out)[1]
    check(s.run(["va-guest", "ddc", "set", key, "0x11"]).rc in (0, 7), "set")
    _shared["monitor"].wait_shown(0x11, 30)
    s.check(["va-guest", "ddc", "set", key, "0x0f"])
    _shared["monitor"].wait_shown(0x0f, 30)


def from_manual(page, path):
    """The text that a manual gives for a file."""
    text = (base.ROOT / "packaging/man" / page).read_text()
    return re.search(rf"^\.Pa {re.escape(path)} :\n\.Bd -literal\n(.*?)^\.Ed", text,
                     re.M | re.S)[1].replace("\\e\n", "\\\n")


CONNECTOR = "/sys/class/drm/card0-Virtual-1"


def picture(s):
    return s.check(["cat", f"{CONNECTOR}/status", f"{CONNECTOR}/dpms"]).split()


def a_guest_may_end_its_picture():
    """With what va-guest.conf(5) says for it, and not without."""
    s = system()
    rules = "/etc/udev/rules.d/66-virt-aid-signal.rules"
    drop_in = "/etc/systemd/system/va-guestd.service.d/signal.conf"
    key = re.search(r'"key": ?"([0-9a-f]{16})"',
                    s.check(["va-guest", "ddc", "detect", "--json"]))[1]
    ask = ["systemd-run", "--wait", "--pipe", "-p", "User=virt-aid", "-p", "Group=virt-aid", "-p",
           "SupplementaryGroups=i2c", "-p", "ProtectSystem=strict", "-p",
           "ProtectKernelTunables=yes"]
    end = ["/usr/libexec/virt-aid/va-ddc", "set", key, "0", "--via", "signal"]
    rc, out = s.run([*ask, *end])
    check(rc and "no-right" in out, f"without: {rc}: {out}")
    s.put(rules, from_manual("va-guest.conf.5", rules))
    s.check(["udevadm", "control", "--reload"])
    s.check(["udevadm", "trigger", "--settle", "--action=change", "-s", "drm", "-s", "graphics"])
    text = from_manual("va-guest.conf.5", drop_in)
    writable = re.search(r"^(ReadWritePaths=.*)$", text, re.M)[1]
    rc, out = s.run([*ask, "-p", writable, *end])
    check_eq((rc, picture(s)), (0, ["disconnected", "Off"]), out)
    s.put(drop_in, text)
    s.check(["systemctl", "daemon-reload"])
    s.check(["systemctl", "restart", "va-guestd"])  # it sends a picture again when it stops
    s.wait_unit("va-guestd", "active")
    check_eq(picture(s), ["connected", "On"], s.journal("va-guestd"))
    s.check(["rm", rules, drop_in])
    s.check(["systemctl", "daemon-reload"])


def polkit_lets_the_agent_power_off():
    s = system()
    ask = ["busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1",
           "org.freedesktop.login1.Manager", "CanPowerOff"]
    check_eq(s.check(["runuser", "-u", "virt-aid", "--", *ask]).strip(), 's "yes"', "virt-aid")
    check('"yes"' not in s.run(["runuser", "-u", "nobody", "--", *ask]).out, "anybody may")


def the_agent_goes_and_comes_with_its_port():
    s = system()
    s.qmp("device_del", id="dev1")
    s.wait_unit("va-guestd", "inactive")
    s.qmp("device_add", driver="virtserialport", bus="serial0.0", nr=2, chardev="port1", id="dev1",
          name="org.virtaid.0")
    s.wait_unit("va-guestd", "active")


def a_purged_guest_package_leaves_nothing():
    s = system()
    s.check(["dpkg", "--no-triggers", "-P", "virt-aid-guest"])
    s.wait_unit("va-guestd", "inactive")
    for path in ("/var/lib/virt-aid", "/etc/virt-aid/guest.conf", "/usr/sbin/va-guestd"):
        check(s.run(["test", "-e", path]).rc, f"{path} is still there")


# --- the host's package


def the_daemon_runs_in_its_sandbox():
    s = system()
    s.install("virt-aid-common", "virt-aid-host")
    check_eq(s.run(["systemctl", "is-active", "va-hostd"]).out.strip(), "inactive", "before")
    s.put("/etc/virt-aid/host.conf", "[host]\nlibvirt = none\n")
    s.put("/etc/virt-aid/guests.d/zorg.conf", "channel = /run/vm/zorg.sock\n")
    s.check(["mkdir", "/run/vm"])
    s.check(["systemd-run", "--unit=listener", "/usr/bin/python3", "/rig/listener.py"])
    s.check(["systemctl", "start", "va-hostd"])
    s.check(["va-host", "status"])
    status = s.status_of(s.prop("va-hostd", "MainPID"))
    check_eq((status["CapEff"], status["NoNewPrivs"], status["Seccomp"]),
             (f"{0b11100011:016x}", "1", "2"), "what is left to the daemon")
    check_eq(s.check(["stat", "-c", "%U %G %a", "/run/virt-aid/control.sock"]).strip(),
             "root virt-aid 660", "the control socket")


def a_link_has_nothing_left():
    s = system()
    pid = wait_for(lambda: s.run(["pidof", "va-link"]).out.strip(), 90, "a va-link", 0.3)
    status = s.status_of(pid.split()[0])
    check_eq(status["Uid"].split()[0], s.check(["id", "-u", "virt-aid-link"]).strip(), "uid")
    check_eq((status["CapEff"], status["CapBnd"], status["NoNewPrivs"], status["Seccomp"]),
             ("0" * 16, status["CapBnd"], "1", "2"), "what is left to it")
    check("Groups" not in status or not status["Groups"].strip(), status["Groups"])
    log = s.journal("va-hostd")
    check("failed" not in log and "forbidden" not in log, log)


def the_group_may_look_and_others_may_not():
    s = system()
    rc, out = s.run(["runuser", "-u", "nobody", "--", "va-host", "status"])
    check_eq(rc, 5, out)
    rc, out = s.run(["runuser", "-u", "nobody", "-g", "virt-aid", "--", "va-host", "status"])
    check_eq(rc, 0, out)


def the_host_reaches_its_monitors():
    s = system()
    out = wait_for(lambda: (lambda o: o if '"display"' in o else None)(
        s.check(["va-host", "monitors", "--json"])), 120, "the display", 0.5)
    check('"key"' in out, out)


def the_host_may_end_its_picture():
    """With what va-host.conf(5) says for it, and not without; and stopping it sends one again."""
    s = system()
    drop_in = "/etc/systemd/system/va-hostd.service.d/signal.conf"
    key = re.search(r'"key": ?"([0-9a-f]{16})"', s.check(["va-host", "monitors", "--json"]))[1]
    s.put("/etc/virt-aid/host.conf",
          f"[host]\nlibvirt = none\n[monitor desk]\nkey = {key}\nvia = signal\n"
          "input.a = 0x11 0000:00:04.0\ninput.b = 0x0f 0000:00:05.0\n")
    s.check(["va-host", "reload"])
    rc, out = s.run(["va-host", "ddc", "set", "desk", "0"])
    check(rc == 1 and "via = signal" in out, f"without: {rc}: {out}")
    s.put(drop_in, from_manual("va-host.conf.5", drop_in))
    s.check(["systemctl", "daemon-reload"])
    s.check(["systemctl", "restart", "va-hostd"])
    s.check(["va-host", "ddc", "set", "desk", "0"])
    check_eq(picture(s), ["disconnected", "Off"])
    s.check(["va-host", "ddc", "set", "desk", "1"])
    check_eq(picture(s), ["connected", "On"])
    s.check(["va-host", "ddc", "set", "desk", "0"])
    s.check(["systemctl", "kill", "-s", "KILL", "va-hostd"])
    wait_for(lambda: picture(s) == ["connected", "On"], 60, "its picture after a crash", 0.3)
    s.check(["rm", drop_in])
    s.put("/etc/virt-aid/host.conf", "[host]\nlibvirt = none\n")
    s.check(["systemctl", "daemon-reload"])
    s.check(["systemctl", "restart", "va-hostd"])


def shutdown_goes_through_logind():
    s = system()
    scheduled = ["busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1",
                 "org.freedesktop.login1.Manager", "ScheduledShutdown"]
    s.check(["va-host", "shutdown", "--delay", "3000"])
    check("poweroff" in s.check(scheduled), "nothing is scheduled")
    s.check(["va-host", "cancel"])
    wait_for(lambda: "poweroff" not in s.check(scheduled), 60, "the cancellation", 0.3)


def reload_restart_and_a_hung_daemon():
    s = system()
    s.check(["systemctl", "reload", "va-hostd"])
    wait_for(lambda: "read again" in s.journal("va-hostd"), 60, "the reload", 0.3)
    first = s.prop("va-hostd", "MainPID")
    s.check(["kill", "-KILL", first])
    wait_for(lambda: s.prop("va-hostd", "MainPID") not in (first, "0"), 90, "a new one", 0.3)
    s.wait_unit("va-hostd", "active")
    wait_for(lambda: s.run(["va-host", "status"]).rc == 0, 90, "its answer", 0.3)
    check_eq(s.prop("va-hostd", "WatchdogUSec"), "30s", "the watchdog")
    s.check(["systemctl", "stop", "va-hostd"])
    check(s.run(["pidof", "va-hostd", "va-link", "va-ddc"]).rc, "helpers are left")


def ask_daemon(s, *words):
    """Its answer in JSON; without one, why, from its log."""
    rc, out = s.run(["va-host", *words, "--json"])
    check(rc == 0, f"va-host {' '.join(words)}: {rc}: {out}{s.journal('va-hostd')[-1500:]}")
    return out


def libvirt_through_the_sandbox():
    s = system()
    if not os.path.exists("/usr/sbin/libvirtd"):
        raise Skip("no libvirtd here")
    s.put("/etc/virt-aid/host.conf", "[host]\nlibvirt = test:///default\n")
    s.check(["systemctl", "restart", "va-hostd"])
    wait_for(lambda: re.search(r'"name": ?"test"', ask_daemon(s, "list")), 120,
             "libvirt's guest", 0.5)
    s.put("/etc/virt-aid/host.conf", "[host]\nlibvirt = qemu:///system\n")
    s.check(["systemctl", "start", "libvirtd"])
    ask_daemon(s, "reload")
    wait_for(lambda: re.search(r'"up": ?true', ask_daemon(s, "status")), 180,
             "libvirt is connected", 1)


def a_purged_host_package_leaves_nothing():
    s = system()
    s.check(["dpkg", "--no-triggers", "-P", "virt-aid-host"])
    s.wait_unit("va-hostd", "inactive")
    for path in ("/var/lib/virt-aid", "/etc/virt-aid/host.conf", "/usr/sbin/va-hostd"):
        check(s.run(["test", "-e", path]).rc, f"{path} is still there")
    check_eq(pathlib.Path("/usr/sbin/va-hostd").exists(), False, "on this machine")


if __name__ == "__main__":
    run_cases(the_port_starts_the_agent, the_token_is_handed_over, users_may_ask_the_agent,
              monitors_are_reached_through_the_sandbox, a_guest_may_end_its_picture, polkit_lets_the_agent_power_off,
              the_agent_goes_and_comes_with_its_port, a_purged_guest_package_leaves_nothing,
              the_daemon_runs_in_its_sandbox, a_link_has_nothing_left,
              the_group_may_look_and_others_may_not, the_host_reaches_its_monitors,
              the_host_may_end_its_picture,
              shutdown_goes_through_logind, reload_restart_and_a_hung_daemon,
              libvirt_through_the_sandbox, a_purged_host_package_leaves_nothing)
