# SPDX-License-Identifier: GPL-2.0-or-later
"""Definitions of the guests in a PassHost. Most have firmware and no system: enough for all that
the host does, and stopped and started in seconds."""
import uuid

from .machine import APPEND
from .stage_guest import PORT, TOKEN

DOMAIN = """<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>{memory}</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type>{os}</os><features><acpi/></features>
  <on_reboot>destroy</on_reboot>
  <devices>{usb}<memballoon model='none'/>{devices}{hostdevs}</devices>{more}
</domain>"""
USB = "<controller type='usb' model='qemu-xhci'/>"
NO_USB = "<controller type='usb' model='none'/>"
# QEMU ends at once, after everything else was made ready
BROKEN = ("<qemu:commandline><qemu:arg value='-device'/><qemu:arg value='no-such-device'/>"
          "</qemu:commandline>")



def linux(kernel, initrd):
    return f"<kernel>{kernel}</kernel><initrd>{initrd}</initrd><cmdline>{APPEND}</cmdline>"


def linux_devices(name):
    """A console to read, the rig's port, and the channel as people are told to write it."""
    return (f"<serial type='file'><source path='/run/{name}.console'/><target port='0'/></serial>"
            f"<channel type='unix'><source mode='bind' path='/run/{name}.rig'/>"
            f"<target type='virtio' name='org.virtaid.rig'/></channel>"
            f"<channel type='unix'><target type='virtio' name='{PORT}'/></channel>")


def token(name):
    return (f"<sysinfo type='fwcfg'><entry name='{TOKEN}' "
            f"file='/var/lib/virt-aid/pair/{name}.token'/></sysinfo>")


def hostdev(address, managed="yes"):
    domain, bus, rest = address.split(":")
    slot, function = rest.split(".")
    return (f"<hostdev mode='subsystem' type='pci' managed='{managed}'><source>"
            f"<address domain='0x{domain}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'/>"
            f"</source><rom bar='off'/></hostdev>")


def definition(name, *addresses, managed="yes", usb=True, memory=64, os="", devices="", more=""):
    """The XML of a guest that gets these PCI devices."""
    return DOMAIN.format(name=name, uuid=uuid.uuid5(uuid.NAMESPACE_DNS, name), memory=memory, os=os,
                         usb=USB if usb else NO_USB, devices=devices, more=more,
                         hostdevs="".join(hostdev(a, managed) for a in addresses))
