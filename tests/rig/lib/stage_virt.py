# SPDX-License-Identifier: GPL-2.0-or-later
"""The stage with libvirt's guests instead of plain QEMU's.

It takes a running libvirtd as rig_b_virt.py makes it: a session of its own, of another user when
root runs this. va-hostd then runs as that user, too. The domain has the channel as people are
told to write it (libvirt chooses the path), and the pairing token as <sysinfo type='fwcfg'>.
"""
import os
import shutil
import time
import uuid

from . import base
from .machine import APPEND
from .monitor import Monitor
from .stage import GPUS, IDENTITY, INPUTS, monitor_section
from .stage_guest import PORT, TOKEN, Guest, make_initramfs
from .stage_host import POLICY, Host

# bochs-display and its wire by their addresses, as Machine's; libvirt's own devices come before
DOMAIN = f"""<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{{name}}</name><uuid>{{uuid}}</uuid><memory unit='MiB'>256</memory><vcpu>1</vcpu>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <sysinfo type='fwcfg'><entry name='{TOKEN}' file='{{token}}'/></sysinfo>
  <os><type arch='x86_64' machine='pc'>hvm</type><kernel>{{kernel}}</kernel>
    <initrd>{{initrd}}</initrd><cmdline>{APPEND}</cmdline></os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact'><model fallback='allow'>qemu64</model>
    <feature policy='require' name='rdrand'/></cpu>
  <on_reboot>restart</on_reboot>
  <devices><emulator>{{emulator}}</emulator>
    <serial type='file'><source path='{{dir}}/console'/><target port='0'/></serial>
    <controller type='usb' model='none'/><memballoon model='none'/>
    <channel type='unix'><source mode='bind' path='{{dir}}/rig'/>
      <target type='virtio' name='org.virtaid.rig'/></channel>
    <channel type='unix'><target type='virtio' name='{PORT}'/></channel>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-device'/><qemu:arg value='bochs-display,id=gpu0,addr=0x14,edid=off'/>
    <qemu:arg value='-chardev'/><qemu:arg value='socket,id=wire0,path={{wire}}'/>
    <qemu:arg value='-device'/>
    <qemu:arg value='vhost-user-i2c-pci,chardev=wire0,id=i2c0,addr=0x15'/>
  </qemu:commandline>
</domain>"""


class VirtGuest(Guest):
    """A Guest whose QEMU is libvirt's."""

    def __init__(self, libvirt, name, initrd, wire, token):
        self.libvirt, self.name = libvirt, name
        self.dir = libvirt.root / f"m-{name}"
        self.dir.mkdir()
        if libvirt.drop:
            os.chown(self.dir, libvirt.drop["user"], libvirt.drop["group"])
        self.console = self.dir / "console"
        self._qmp = None
        self._forget()
        path = self.dir / "domain.xml"
        path.write_text(DOMAIN.format(
            name=name, uuid=uuid.uuid4(), token=token, kernel=libvirt.kernel, initrd=initrd,
            emulator=shutil.which("qemu-system-x86_64"), dir=self.dir, wire=wire))
        libvirt.virsh("define", path)
        base.keep(self)

    def _forget(self):
        self.exited, self._results, self._ids, self._rest = {}, {}, 0, b""
        self._channel = self.boot_seconds = None

    def power_on(self, limit=60):
        self._forget()
        self.started = time.monotonic()
        self.libvirt.virsh("start", self.name)
        self.wait_up(limit)

    def wait_started(self, limit=60):
        """Somebody else is starting it."""
        self._forget()
        self.started = time.monotonic()
        base.wait_for(lambda: self.running, limit, f"{self.name}'s start")
        self.wait_up(limit)

    def power_cut(self):
        self._channel.close()
        self.libvirt.virsh("destroy", self.name)
        self._forget()

    @property
    def running(self):
        return self.libvirt.virsh("domstate", self.name, ok=False).stdout.strip() == "running"

    def qemu_log(self):
        logs = list(self.libvirt.root.glob(f"h/libvirt/qemu/log/{self.name}.log"))
        return logs[0].read_text(errors="replace")[-800:] if logs else ""

    def close(self):
        if self._channel:
            self._channel.close()
            self._channel = None
        self.libvirt.virsh("destroy", self.name, ok=False)


class VirtStage(base.Closing):
    """VirtStage(libvirt): monitor, host, and guests by name; define() adds one."""

    def __init__(self, libvirt, policy=POLICY, guests=("alpha",)):
        self.libvirt = libvirt
        self.monitor = Monitor(*INPUTS.values(), **IDENTITY)
        self.monitor.dir.chmod(0o711)
        for value in INPUTS.values():
            self.monitor.plain(value).chmod(0o666)
            self.monitor.vhost(value).chmod(0o666)
        self.host = Host(self.monitor, INPUTS["host"], monitor_section(),
                         "libvirt = qemu:///session\n", policy, drop=libvirt.drop,
                         environment={k: v for k, v in libvirt.env.items() if k != "PATH"})
        self.guests = {}
        self.initrd = libvirt.root / "stage-initrd"
        shutil.copy(make_initramfs().write(), self.initrd)
        self.initrd.chmod(0o644)
        for name in guests:
            self.host.add_guest(name, f"gpu = {GPUS[name]}\n")

    def define(self, name):
        self.guests[name] = VirtGuest(self.libvirt, name, self.initrd,
                                      self.monitor.vhost(INPUTS[name]), self.host.token(name))
        return self.guests[name]

    def close(self):
        for guest in self.guests.values():
            guest.close()
            base.forget(guest)
        self.host.close()
        self.monitor.close()
