# SPDX-License-Identifier: GPL-2.0-or-later
"""What the cases of rig C share: one booted PassHost, mended between them."""
from . import base
from .passhost import HOME, HOSTD_LOG, PassHost
from .suite import check, check_eq

_shared = []


def host():
    """The shared one: libvirtd runs and knows no guest, the hook is there, va-hostd is not."""
    if not _shared:
        _shared.append(PassHost())
        check_eq(_shared[0].normal.drivers, HOME, "the drivers after the start")
        _shared[0].enable_hook()
    m = _shared[0]
    if not m.running:
        raise base.RigError("the host of an earlier case is gone")
    _mend(m)
    return m


def _mend(m):
    """After a case that failed; one that did not has left nothing."""
    m.run(["pkill", "-9", "-x", "va-hostd"])
    m.stop_hostd(9)
    m.check(["rm", "-f", HOSTD_LOG])
    if m.virsh("uri", ok=False).rc:
        m.start_libvirt()
    m.forget_guests()
    m.run(["va-gpu", "recover"])
    for port in set("123") - set(m.usb()):
        m.plug(port)
    if m.state() != m.normal:
        print(f"# mending {m.state()}")
        m.check(["sh", "-c", MEND])
        check_eq(m.state(), m.normal, "the host, mended")


MEND = """rm -f /run/virt-aid/gpu/*
""" + "".join(f"""
d=/sys/bus/pci/devices/{a}
echo {home} >$d/driver_override; echo {a} >$d/driver/unbind; echo {a} >/sys/bus/pci/drivers_probe
echo >$d/driver_override
""" for a, home in HOME.items()) + "for v in /sys/class/vtconsole/*; do echo 1 >$v/bind; done; :"


def is_normal(m, what):
    """All is as it was: drivers, reservations, connectors, consoles, and no journal."""
    now = m.state()
    for field, was in m.normal._asdict().items():
        check(getattr(now, field) == was, f"{what}: {field}: {getattr(now, field)}, before: {was}")
