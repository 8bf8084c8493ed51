# SPDX-License-Identifier: GPL-2.0-or-later
"""What the cases of rig C share: one booted PassHost, mended between them."""
from . import base
from .base import wait_for
from .passhost import (GUEST_INITRD, GUEST_KERNEL, HOME, HOSTD_LOG, INPUTS, KEYBOARD_1,
                       KEYBOARD_2, TABLET, PassHost)
from .suite import check, check_eq

# the second of two keyboards that differ in nothing but their port
CONFIG = f"""
[input keys]
id = 0627:0001
port = 0000:00:0d.0/{KEYBOARD_2}
kind = keyboard
[input tablet]
port = 0000:00:0d.0/{TABLET}
[host]
silence-limit = 0
"""
SHOWN = {"alpha": INPUTS["gpu"], "beta": INPUTS["gpu"], "gamma": INPUTS["other"],
         "prime": INPUTS["host"], "host": INPUTS["host"]}
_shared = []


def host():
    """The shared one: libvirtd runs and knows no guest, the hook is there, va-hostd is not."""
    if not _shared:
        try:
            _shared.append(PassHost())
            check_eq(_shared[0].normal.drivers, HOME, "the drivers after the start")
            _shared[0].enable_hook()
        except (base.RigError, base.Skip) as why:
            _shared[:] = [why]
    m = _shared[0]
    if isinstance(m, Exception):
        raise m  # it was tried once
    if not m.running:
        raise base.RigError("the host of an earlier case is gone")
    _mend(m)
    return m


def _mend(m):
    """After a case that failed; one that did not has left definitions only."""
    if m.hostd is not None:
        m.signal(m.hostd, 9)
        m.hostd = None
    m.run(["sh", "-c", FORGET])
    if m.virsh("uri", ok=False).rc:
        m.start_libvirt()
    m.forget_guests()
    now = m.state()
    if now != m.normal or len(m.usb()) < len(USB_PORTS):
        print(f"# mending {now}")
        m.run(["va-gpu", "recover"])
        for port in USB_PORTS - set(m.usb()):
            m.plug(port)
        m.check(["sh", "-c", MEND])
        check_eq(m.state(), m.normal, "the host, mended")


USB_PORTS = {KEYBOARD_1, KEYBOARD_2, TABLET}
FORGET = f"""pkill -9 -x va-hostd; while pgrep -x va-hostd; do :; done
rm -rf {HOSTD_LOG} {GUEST_INITRD} {GUEST_KERNEL} /var/lib/virt-aid/* /etc/virt-aid/gpu.conf
find /run/virt-aid -maxdepth 1 -type f -delete
"""
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


def desk(m, *names, files=None, config=CONFIG):
    """va-hostd runs and knows these guests, which are defined, and all else."""
    m.start_hostd(config, files or {})
    until(m, lambda: {g["name"] for g in m.ask("list").all("guest") if g["gpus"]} == set(names) and
          m.ask("status").one("host")["libvirt"]["up"] and
          all(o["shown"] for o in m.ask("monitors").all("monitor")), "guests and monitor known")
    return m


def until(m, condition, what):
    """wait_for(), and va-hostd's log if it does not come."""
    try:
        wait_for(condition, 60, what, 0.3)
    except base.RigError as why:
        raise base.RigError(f"{why}\n{m.hostd_log()}") from None


def until_runs(m, name):
    until(m, lambda: m.ask("list").one("guest", name=name)["state"] == "running", f"{name} runs")


def switch(m, target, *options, code=0):
    answer = m.ask("switch", target, *options)
    check(answer.rc == code, f"switch {target}: exit {answer.rc}: {answer.text}\n{m.hostd_log()}")
    return answer


def inputs(m):
    return {i["name"]: i["holder"] for i in m.ask("status").all("input")}


def all_at(m, name, guests):
    """Seat, monitor, keyboard and tablet are there, and these guests run."""
    seen = []

    def there():
        answer = m.ask("status")
        host = answer.one("host")
        seen[:] = [host["holder"], {i["name"]: i["holder"] for i in answer.all("input")}]
        return (seen[0] == name and set(seen[1].values()) == {name} and not host["switching"] and
                not host["recovering"])
    try:
        until(m, there, f"all at {name}")
    except base.RigError as why:
        raise base.RigError(f"seat and inputs are at {seen}; {why}") from None
    m.monitor.wait_shown(SHOWN[name], 20)
    check_eq(set(m.guests()), set(guests), "guests that run")
    check_eq(len(usb_of(m, name)) if name != "host" else 2, 2, "devices in the live definition")


def usb_of(m, name):
    """Bus numbers of USB devices that libvirt says the guest has."""
    xml = m.virsh("dumpxml", name).out.split("<hostdev mode='subsystem' type='usb'")[1:]
    return {int(part.split("device='")[1].split("'")[0]) for part in xml}


def finish(m):
    """Everything is stopped from outside; the host has all of it then."""
    for name in m.guests():
        m.virsh("destroy", name)
    all_at(m, "host", [])
    m.stop_hostd()
    is_normal(m, "the end")
