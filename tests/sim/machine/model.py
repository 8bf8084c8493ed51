# SPDX-License-Identifier: GPL-2.0-or-later
"""A model of a machine with graphics cards, for va-gpu --root; see README.md here.

    with Model(build, spawn, scratch()) as model:
        model.gpu("0000:01:00.0", "nvidia", group=14, boot=1)
        done = model.run("take", "win10", xml=model.xml(["0000:01:00.0"]))

Every write to sysfs and every command of va-gpu is one operation, in model.log. A fault (number,
mode) strikes one of them: "fail" it does not work, "hang" it never ends, "die" va-gpu is killed
before it, "die-after" after it.
"""
import errno
import os
import pathlib
import signal
import socket
import subprocess
import threading

from kernel import Device, Kernel
from services import Services
from tree import Tree

COMMANDS = ("modprobe", "systemctl", "loginctl", "rc-service", "sv", "s6-rc", "dinitctl")
IDS = {"nvidia": 0x10de, "nouveau": 0x10de, "amdgpu": 0x1002, "radeon": 0x1002, "i915": 0x8086,
       "xe": 0x8086, "bochs": 0x1234}


class Model:
    def __init__(self, build, spawn, folder, init="systemd", dm=None):
        self.build, self.spawn, self.root = pathlib.Path(build), spawn, pathlib.Path(folder)
        self.tree = Tree(self.root)
        self.kernel = Kernel(self.tree)
        self.kernel.held = self._held
        self.kernel.told = self._told
        self.follows = set()  # pids of those who let go of a card that is gone
        self.services = Services(self.tree, init, self.end_service, self.end_session)
        self.processes = {}  # pid -> (process, nodes, service, session)
        self.log, self.fault, self.gpu_pid, self.limits = [], None, None, 100
        self.env = {}  # more of it for va-gpu
        self.struck = threading.Event()
        self.lock = threading.RLock()
        self.tree.put("/proc/sys/kernel/random/boot_id", "7b7b6b3e-model\n")
        for name in COMMANDS:
            self.tree.folder("/usr/bin")
            self.tree.at(f"/usr/bin/{name}").symlink_to(self.build / "tests/sim/model-tool")
        if dm:
            self.display_manager(dm)
        self._serve()

    # --- building

    def display_manager(self, name):
        self.dm = name
        self.services.add(name)
        if self.services.init == "systemd":
            self.tree.at("/etc/systemd/system").mkdir(parents=True)
            self.tree.at("/etc/systemd/system/display-manager.service").symlink_to(
                f"/usr/lib/systemd/system/{name}")

    def gpu(self, addr, home, group, boot=None, cls=0x030000, lit=True, fb=False, buses=1,
            modules=(), start=None, connectors=("HDMI-A-1", "DP-1")):
        device = Device(addr, home, group, "gpu",
                        [(c, lit and i == 0) for i, c in enumerate(connectors)], fb, buses)
        bar = "0x00000000e0000000 0x00000000efffffff 0x000000000014220c"
        self.kernel.add_device(device, cls, IDS.get(home, 0x1234), 0x1b80, boot,
                               bar if start is None else start)
        for module in modules or ([home] if home else []):
            self.kernel.load(module)
        self.kernel.probe(device)
        return device

    def function(self, addr, home, group, cls=0x040300, vendor=0x10de, kind="audio"):
        device = Device(addr, home, group, kind)
        self.kernel.add_device(device, cls, vendor, 0x10f0)
        if home:
            self.kernel.load({"xhci_hcd": "xhci_pci", "nvidia-gpu": "i2c_nvidia_gpu"}.get(home, home))
        self.kernel.probe(device)
        return device

    def bridge(self, addr, group):
        device = Device(addr, None, group, "bridge")
        self.kernel.add_device(device, 0x060400, 0x8086, 0x1901)
        device.driver = "pcieport"
        self.tree.folder("/sys/bus/pci/drivers/pcieport")
        self.tree.link(f"/sys/bus/pci/devices/{addr}/driver", "/sys/bus/pci/drivers/pcieport")

    def hold(self, nodes, comm, service=None, session=None, user_unit=None, stubborn=False,
             immortal=False, mapped=False, cgroup=None):
        """A process that has the nodes open, and what it belongs to."""
        files = [str(self.tree.at(n)) for n in nodes]
        argv = [str(self.build / "tests/sim/model-tool"), "hold"] + (["-s"] if stubborn else [])
        argv += [w for f in files for w in ("-m", f)] if mapped else files
        process = self.spawn(argv, stdout=subprocess.PIPE)
        if process.stdout.readline() != b"holding\n":
            raise RuntimeError(f"{comm} does not hold {nodes}")
        pid, base = process.pid, f"/proc/{process.pid}"
        if cgroup is None:
            cgroup = f"/system.slice/{service}" if service and "." in service else \
                f"/user.slice/user-1000.slice/session-{session}.scope" if session else \
                f"/user.slice/user-1000.slice/user@1000.service/{user_unit}" if user_unit else "/"
        if self.services.init != "systemd":
            cgroup = "/"
        self.tree.put(f"{base}/cgroup", f"0::{cgroup}\n")
        self.tree.put(f"{base}/comm", comm[:15] + "\n")
        for name in ("fd", "maps", "stat", "status"):
            self.tree.at(f"{base}/{name}").symlink_to(f"/proc/{pid}/{name}")
        if immortal:  # what the kernel shows of it stays, whatever is done to it
            self.tree.drop(f"{base}/fd")
            for i, name in enumerate(files):
                self.tree.folder(f"{base}/fd")
                self.tree.at(f"{base}/fd/{i}").symlink_to(name)
        owner = service or (user_unit.rsplit("/", 1)[1] if user_unit else None)
        self.processes[pid] = (process, list(nodes), owner, session)
        return process

    def session(self, number, service, seat="seat0"):
        self.tree.put(f"/run/systemd/sessions/{number}",
                      f"# private\nUID=1000\nACTIVE=1\nSERVICE={service}\n"
                      + (f"SEAT={seat}\n" if seat else ""))

    def user_unit(self, name, part_of_session=True):
        self.services.add(name, user=part_of_session)

    def xml(self, addresses, managed="yes", name="win10"):
        devices = ""
        for address in addresses:
            domain, bus, rest = address.split(":")
            slot, function = rest.split(".")
            devices += (f"<hostdev mode='subsystem' type='pci' managed='{managed}'><source>"
                        f"<address domain='0x{domain}' bus='0x{bus}' slot='0x{slot}' "
                        f"function='0x{function}'/></source></hostdev>")
        return f"<domain type='kvm'><name>{name}</name><devices>{devices}</devices></domain>"

    # --- what happens

    def _held(self, node):
        return any(node in nodes and p.poll() is None
                   for p, nodes, _, _ in self.processes.values())

    def _told(self, device, event):
        """A compositor that follows udev closes the card; the real process stays as it is."""
        gone = self.kernel.nodes(device)
        for pid in self.follows if event == "remove" else ():
            process, nodes, service, session = self.processes[pid]
            self.processes[pid] = (process, [n for n in nodes if n not in gone], service, session)
            for name in ("fd", "maps"):
                self.tree.drop(f"/proc/{pid}/{name}")
            self.tree.folder(f"/proc/{pid}/fd")

    def _end(self, chosen):
        for pid, (process, nodes, service, session) in list(self.processes.items()):
            if chosen(service, session):
                process.kill()
                process.wait()
                process.stdout.close()
                self.tree.drop(f"/proc/{pid}")
                del self.processes[pid]

    def end_service(self, name):
        """With a display manager goes what it started."""
        dms = name == getattr(self, "dm", None)
        self._end(lambda service, session: service == name or
                  (dms and session is not None and self._is_dms(session)))

    def _is_dms(self, session):
        text = self.tree.get(f"/run/systemd/sessions/{session}")
        return text is None or "SERVICE=login" not in text and "SERVICE=sshd" not in text

    def end_session(self, number):
        self._end(lambda service, session: str(session) == number)

    def _modprobe(self, args):
        if args[0] != "-r":
            why = self.kernel.load(args[0])
            return (1, f"modprobe: FATAL: {why}") if why else (0, "")
        for module in args[1:]:
            why = self.kernel.unload(module)
            if why:
                return 1, f"modprobe: FATAL: {why}"
        return 0, ""

    def _act(self, words):
        if words[0] == "write":
            return self.kernel.write(words[1], words[2]), ""
        if words[1] == "modprobe":
            return self._modprobe(words[2:])
        return self.services.command(words[1:])

    def _kill(self):
        self.struck.set()
        if self.gpu_pid:
            os.kill(self.gpu_pid, signal.SIGKILL)

    def _answer(self, conn, words):
        number = len(self.log)
        self.log.append(" ".join(words))
        mode = self.fault[1] if self.fault and self.fault[0] == number else None
        if mode == "hang":
            self.struck.set()
            return False  # its connection stays open until the model ends
        if mode == "die":
            self._kill()
            return True
        if mode == "fail":
            self.struck.set()
            code, text = (errno.EIO, "") if words[0] == "write" else (1, "it does not work")
        else:
            code, text = self._act(words)
        if mode == "die-after":
            self._kill()
            return True
        conn.sendall(f"{code}\n{text}".encode())
        return True

    def _client(self, conn):
        data = b""
        try:
            while chunk := conn.recv(4096):
                data += chunk
            words = data.decode().rstrip("\0").split("\0")
            with self.lock:
                if self._answer(conn, words):
                    conn.close()
                else:
                    self.hung.append(conn)
        except OSError:
            conn.close()

    def _serve(self):
        self.hung = []
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(str(self.root / "model.sock"))
        self.server.listen(16)

        def accept():
            while True:
                try:
                    conn, _ = self.server.accept()
                except OSError:
                    return
                threading.Thread(target=self._client, args=(conn,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    # --- running va-gpu

    def start(self, *argv, xml=None, **options):
        env = {"PATH": os.environ["PATH"], "VA_MODEL_ROOT": str(self.root),
               "LD_PRELOAD": str(self.build / "tests/sim/sysfs-shim.so")} | self.env
        words = [str(self.build / "va-gpu"), "--root", str(self.root), "--limits",
                 str(self.limits), *argv]
        process = self.spawn(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=env, **options)
        self.gpu_pid = process.pid
        return process

    def run(self, *argv, xml="", limit=60):
        """subprocess.CompletedProcess of va-gpu with these words."""
        process = self.start(*argv)
        try:
            out, err = process.communicate(xml.encode() if isinstance(xml, str) else xml, limit)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            self.gpu_pid = None
        return subprocess.CompletedProcess(argv, process.returncode, out.decode(), err.decode())

    def plain(self):
        """What must be again as it was."""
        k = self.kernel
        return {
            "drivers": {a: d.driver for a, d in k.devices.items()},
            "overrides": {a: k.override(d) for a, d in k.devices.items()},
            "modules": sorted(m for m in k.modules if m != "vfio_pci"),
            "services": self.services.active(users=False),
            "consoles": {n: self.tree.get(f"/sys/class/vtconsole/{n}/bind")
                         for n in self.tree.names("/sys/class/vtconsole")},
            "cards": [n for n in self.tree.names("/sys/class/drm")],
        }

    def journals(self):
        return [n for n in self.tree.names("/run/virt-aid/gpu") if n != "lock"]

    def libvirt_takes(self, addresses):
        """What libvirt does to managed devices after "prepare": it binds vfio-pci."""
        for address in addresses:
            device = self.kernel.devices[address]
            self.kernel.load("vfio_pci")
            self.kernel.write(f"/sys/devices/pci0000:00/{address}/driver_override", "vfio-pci")
            if device.driver:
                self.kernel.write(f"/sys/bus/pci/drivers/{device.driver}/unbind", address)
            self.kernel.write("/sys/bus/pci/drivers_probe", address)

    def libvirt_returns(self, addresses):
        """And before "release"."""
        for address in addresses:
            self.kernel.write(f"/sys/devices/pci0000:00/{address}/driver_override", "\n")
            self.kernel.write("/sys/bus/pci/drivers/vfio-pci/unbind", address)
            self.kernel.write("/sys/bus/pci/drivers_probe", address)

    def close(self):
        self.server.close()
        for conn in self.hung:
            conn.close()
        for process, *_ in self.processes.values():
            process.kill()
            process.wait()
            process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
