# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole host with passthrough as a machine: rig C.

    00:02.0          VGA, boot_vga=1: the host's own graphics, its wire on the monitor's input 0x0f
    01:00.0, 01:00.1 bochs-display and sound, one IOMMU group; wire on 0x11 while the host has it
    02:00.0          bochs-display; input 0x12
    xHCI             two keyboards that are alike to the serial number (ports 1, 2), a tablet (3)

Its system is this machine's own root (ownroot.py) with our files as "make install" or the packages
put them, udevd, and a real libvirtd that knows no guest. rig-init is process 1.
"""
import collections
import os
import pathlib
import shutil
import subprocess

from . import base, passguest
from .machine import Machine
from .monitor import Monitor
from .ownroot import QEMU, OwnRoot
from .stage import IDENTITY, MONITOR
from .stage_host import parse_answer

VGA, GPU, SOUND, OTHER = "0000:00:02.0", "0000:01:00.0", "0000:01:00.1", "0000:02:00.0"
HOME = {VGA: "bochs-drm", GPU: "bochs-drm", SOUND: "snd_hda_intel", OTHER: "bochs-drm"}
INPUTS = {"host": 0x0F, "gpu": 0x11, "other": 0x12}
CABLES = {"host": VGA, "gpu": GPU, "other": OTHER}
KEYBOARD_1, KEYBOARD_2, TABLET = "1", "2", "3"
HIDDEN = ("/etc/libvirt/qemu", "/etc/libvirt/hooks", "/var/lib/libvirt", "/var/cache/libvirt",
          "/var/log/libvirt", "/etc/virt-aid", "/var/lib/virt-aid")
CAPABILITIES = "/var/cache/libvirt/qemu/capabilities"
# vfio-pci is for va-gpu to load
MODULES = ("virtio_console", "i2c-dev", "bochs", "snd_hda_intel", "xhci_pci", "usbhid",
           "hid_generic", "evdev")
LIBVIRTD_CONF = """auth_unix_rw = "none"
unix_sock_group = "root"
log_outputs = "3:file:/run/libvirtd.log"
"""
BOOT = """#!/bin/sh
systemd-sysusers /usr/lib/sysusers.d/virt-aid-*.conf
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add
udevadm settle -t 60
virtlogd -d
rm -f /usr/bin/qemu-system-i386
exec libvirtd -d -f /rig/libvirtd.conf
"""
# one line for each thing that a hand-over changes; State has them
LOOK = f"""for a in {VGA} {GPU} {SOUND} {OTHER}; do
	d=/sys/bus/pci/devices/$a; l=$(readlink $d/driver); o=$(cat $d/driver_override)
	echo "device $a ${{l##*/}} $o"
done
for c in /sys/class/drm/card*-*; do
	a=$(readlink -f $c/device/device); echo "connector ${{a##*/}} $(cat $c/status)"
done
for v in /sys/class/vtconsole/vtcon*; do echo "console ${{v##*/}} $(cat $v/bind)"; done
for j in /run/virt-aid/gpu/*; do
	[ -e $j ] && [ $j != /run/virt-aid/gpu/lock ] && echo "journal $j"
done
:
"""
# asks rig-init of a guest (guest/init.c has the frames) to run a command
ASK = r"""import socket, struct, sys
rig = socket.socket(socket.AF_UNIX)
rig.connect(sys.argv[1])
body = b"R" + struct.pack("<I", 1) + b"".join(a.encode() + b"\0" for a in sys.argv[2:])
rig.sendall(struct.pack("<I", len(body)) + body)
stream = rig.makefile("rb")
while True:
    body = stream.read(struct.unpack("<I", stream.read(4))[0])
    operation, _, status = struct.unpack_from("<cIi", body)
    if operation == b"D":
        sys.stdout.buffer.write(body[9:])
        sys.exit(status & 255)
"""
HOSTD_LOG = "/run/va-hostd.log"
GUEST_KERNEL, GUEST_INITRD = "/run/guest-vmlinux", "/run/guest-initrd"
HOOK = "/etc/libvirt/hooks/qemu.d/50-virt-aid"

State = collections.namedtuple("State", "drivers overrides connectors consoles journals")


def _our_files():
    """A folder with the host's packages unpacked, or what "make install" makes of the build."""
    folder = base.scratch("va-files-")
    debs = os.environ.get("VA_DEBS")
    if debs:
        for name in ("virt-aid-common", "virt-aid-host"):
            deb = next(pathlib.Path(debs).glob(f"{name}_*.deb"))
            subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], check=True)
        return folder
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = subprocess.run(["make", "-s", f"BUILD={base.BUILD}", f"DESTDIR={folder}",
                           "install-common", "install-host"], cwd=base.ROOT, env=env, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        raise base.RigError(f"make install: {done.stdout[-1000:]}")
    return folder


def _initramfs():
    for program in ("libvirtd", "virtlogd", "virsh", "systemd-sysusers", "udevadm"):
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            raise base.Skip(f"no {program} here (make deps)")
    system = OwnRoot("/rig/init", HIDDEN)
    kernel = system.kernel
    modules = [f"/lib/modules/{kernel.version}/{path}" for path in kernel.closure(MODULES)]
    modules.append(f"/rig/simgpu_i2c.ko gpus={VGA},{GPU}")
    system.add_there("/rig/modules", "".join(f"{m}\n" for m in modules))
    system.add_there("/rig/simgpu_i2c.ko", kernel.simgpu)
    system.add_there("/rig/init", base.program("tests/rig/rig-init"), 0o755)
    system.add_there("/rig/boot", BOOT, 0o755)
    system.add_there("/rig/look", LOOK)
    system.add_there("/rig/ask.py", ASK)
    system.add_there("/rig/libvirtd.conf", LIBVIRTD_CONF)
    system.add_tree_there(_our_files())
    for path in (base.CACHE / "capabilities").glob("*.xml"):
        system.add_there(f"{CAPABILITIES}/{path.name}", path)
    return system


def _devices(monitor):
    """QEMU's arguments."""
    slot = "pcie-root-port,bus=pcie.0"
    devices = ["intel-iommu,intremap=on", "VGA,id=vga,bus=pcie.0,addr=0x2,edid=on",
               f"{slot},id=slot1,chassis=1,addr=0x8",
               "bochs-display,id=gpu,bus=slot1,addr=0.0,multifunction=on,edid=on",
               "ich9-intel-hda,id=sound,bus=slot1,addr=0.1",
               f"{slot},id=slot2,chassis=2,addr=0x9",
               "bochs-display,id=other,bus=slot2,addr=0.0,edid=on",
               "qemu-xhci,id=xhci,bus=pcie.0,addr=0xd"]
    devices += [",".join(f"{k}={v}" if v else k for k, v in _usb(port).items())
                for port in (KEYBOARD_1, KEYBOARD_2, TABLET)]
    wires = ["-chardev", f"socket,id=wire0,path={monitor.vhost(INPUTS['host'])}",
             "-chardev", f"socket,id=wire1,path={monitor.vhost(INPUTS['gpu'])}"]
    devices += [f"vhost-user-i2c-pci,chardev=wire{n},bus=pcie.0,addr=0x{0x10 + n:x}"
                for n in (0, 1)]
    return [*wires, *(word for device in devices for word in ("-device", device))]


def _usb(port):
    """A device of the desk, for QEMU's command line or its device_add."""
    driver = "usb-tablet" if port == TABLET else "usb-kbd"
    return {driver: None, "id": f"usb{port}", "bus": "xhci.0", "port": port, "serial": "42"}


class PassHost(Machine):
    """PassHost(): booted, libvirtd answering, the hook and va-hostd not there yet."""

    def __init__(self):
        system = _initramfs()
        self.monitor = Monitor(*INPUTS.values(), **IDENTITY)
        super().__init__(system, name="passhost", memory=3072, cpus=2, boot_limit=240,
                         machine="q35,kernel-irqchip=split", append="intel_iommu=on iommu=pt",
                         extra=[*_devices(self.monitor), *QEMU])
        self.hostd = None
        self.wait_libvirt()
        self._keep_capabilities()
        self.normal = self.state()

    def run(self, argv, limit=120):
        """Emulated, on a machine that may be busy: no limit here judges how fast anything is."""
        return super().run(argv, limit)

    def check(self, argv, limit=120):
        return super().check(argv, limit)

    def close(self):
        super().close()
        self.monitor.close()

    # --- libvirt

    def virsh(self, *argv, limit=120, ok=True):
        """virsh ARGV; RigError unless it says 0, or what it says if not ok."""
        done = self.run(["virsh", "-q", "-c", "qemu:///system", *argv], limit)
        if ok and done.rc:
            raise base.RigError(f"virsh {' '.join(argv)}: {done.out.strip()}")
        return done

    def wait_libvirt(self, limit=240):
        base.wait_for(lambda: self.virsh("uri", ok=False).rc == 0, limit, "libvirtd answers", 0.2)

    def _keep_capabilities(self):
        """What libvirtd found out about QEMU costs it half a minute; the next one may know."""
        self.virsh("domcapabilities", "--virttype", "qemu")
        folder = base.CACHE / "capabilities"
        folder.mkdir(exist_ok=True)
        for path in self.run(["find", CAPABILITIES, "-name", "*.xml"]).out.split():
            (folder / os.path.basename(path)).write_text(self.read(path))

    def stop_libvirt(self, number=15):
        pid = self.read("/run/libvirtd.pid").strip()
        self.check(["kill", f"-{number}", pid])
        base.wait_for(lambda: self.run(["test", "-d", f"/proc/{pid}"]).rc, 60, "libvirtd's end",
                      0.1)

    def start_libvirt(self):
        self.check(["libvirtd", "-d", "-f", "/rig/libvirtd.conf"])
        self.wait_libvirt()

    # --- devices

    def driver(self, address):
        out = self.run(["readlink", f"/sys/bus/pci/devices/{address}/driver"]).out
        return os.path.basename(out.strip())

    def state(self):
        """What a hand-over changes: a State."""
        drivers, overrides, connectors, consoles, journals = {}, {}, [], {}, []
        for line in self.check(["sh", "/rig/look"]).splitlines():
            kind, *words = line.split(" ")
            if kind == "device":
                drivers[words[0]], overrides[words[0]] = words[1], words[2]
            elif kind == "connector":
                connectors.append(tuple(words))
            elif kind == "console":
                consoles[words[0]] = words[1]
            else:
                journals.append(words[0])
        return State(drivers, overrides, sorted(connectors), consoles, journals)

    def usb(self):
        """{port: device number} of the desk's devices that the machine sees."""
        out = self.sh("cd /sys/bus/usb/devices; "
                      "for d in *-[123]; do echo ${d#*-} $(cat $d/devnum); done").out
        return {line.split()[0]: int(line.split()[1]) for line in out.splitlines()
                if len(line.split()) == 2}

    def unplug(self, port):
        self.qmp("device_del", id=f"usb{port}")
        base.wait_for(lambda: port not in self.usb(), 30, f"USB port {port} empty", 0.1)

    def plug(self, port):
        usb = _usb(port)
        self.qmp("device_add", **{("driver" if v is None else k): k if v is None else v
                                  for k, v in usb.items()})
        base.wait_for(lambda: port in self.usb(), 30, f"a device on USB port {port}", 0.1)

    # --- guests

    def define(self, name, *addresses, **options):
        """See passguest.definition()."""
        self.put(f"/run/{name}.xml", passguest.definition(name, *addresses, **options))
        self.virsh("define", f"/run/{name}.xml")

    def guests(self, *options):
        """Names of guests; with "--all" those that are off, too."""
        return self.virsh("list", "--name", *options).out.split()

    def define_linux(self, name, *addresses, **options):
        """A guest that boots Linux and va-guestd, from files that give_system() brought."""
        self.define(name, *addresses, memory=256, os=passguest.linux(GUEST_KERNEL, GUEST_INITRD),
                    devices=passguest.linux_devices(name), more=passguest.token(name), **options)

    def give_system(self, initramfs):
        """The system of guests that boot; a piece at a time, as frames of the rig's port are small.
        """
        data = pathlib.Path(initramfs.write()).read_bytes()
        for at in range(0, len(data), 4 << 20):
            self.put("/run/piece", data[at:at + (4 << 20)])
            self.check(["sh", "-c", f"cat /run/piece >>{GUEST_INITRD}; rm /run/piece"])
        self.check(["ln", "-s", str(initramfs.kernel.vmlinux), GUEST_KERNEL])

    def in_guest(self, name, *argv, limit=240):
        """Runs a command in a guest that booted: Result(rc, out)."""
        return self.run(["python3", "/rig/ask.py", f"/run/{name}.rig", *argv], limit)

    def state_of(self, name):
        return self.virsh("domstate", name).out.strip()

    def guest_pid(self, name):
        return int(self.read(f"/run/libvirt/qemu/{name}.pid"))

    def kill_guest(self, name):
        """As a crash of its QEMU."""
        self.check(["kill", "-9", str(self.guest_pid(name))])

    def forget_guests(self):
        for name in self.guests():
            self.virsh("destroy", name, ok=False)
        for name in self.guests("--all"):
            self.virsh("undefine", name)

    # --- our programs

    def enable_hook(self):
        """As va-gpu(8) says."""
        self.check(["install", "-D", "-m", "755", "/usr/libexec/virt-aid/libvirt-hook", HOOK])
        self.check(["kill", "-HUP", self.read("/run/libvirtd.pid").strip()])

    def start_hostd(self, config="", guests=None):
        """config: more for host.conf behind the monitor; guests: {name: lines of its file}."""
        monitor = [f"[monitor {MONITOR}]", f"maker = {IDENTITY['maker']}",
                   f"name = {IDENTITY['name']}", f"serial = {IDENTITY['serial_string']}",
                   f"serial-number = {IDENTITY['serial']}"]
        monitor += [f"input.{name} = 0x{value:02x} {CABLES[name]}"
                    for name, value in INPUTS.items()]
        self.put("/etc/virt-aid/host.conf", "\n".join(monitor) + "\n" + config)
        self.check(["sh", "-c", "rm -f /etc/virt-aid/guests.d/*"])
        for name, lines in (guests or {}).items():
            self.put(f"/etc/virt-aid/guests.d/{name}.conf", lines)
        self.hostd, _ = super().start(["va-hostd"], HOSTD_LOG)
        base.wait_for(self._hostd_answers, 60, "va-hostd's control socket", 0.2)

    def _hostd_answers(self):
        if self.ended(self.hostd) is not None:
            raise base.RigError(f"va-hostd ended:\n{self.hostd_log()}")
        return self.ask("status").rc == 0

    def stop_hostd(self, number=15):
        if self.hostd is not None:
            self.signal(self.hostd, number)
            if self.ended(self.hostd, 30) is None:
                raise base.RigError("va-hostd does not end")
            self.hostd = None

    def hostd_log(self, lines=25):
        return "\n".join(self.run(["cat", HOSTD_LOG]).out.splitlines()[-lines:])

    def ask(self, *words, limit=180):
        """va-host WORDS --json: an Answer."""
        return parse_answer(*self.run(["va-host", *words, "--json"], limit))

    def holder(self):
        return self.ask("status").one("host")["holder"]
