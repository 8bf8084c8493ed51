#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that shares the host's keyboard and mouse ("input = evdev") instead of having them.

va-hostd, va-input, va-link, va-ddc, va-guestd and the monitor's wires are real; libvirt is not
(fakevirt), and keyboards, mice and uinput are pipes (usbdesk, evdevshim). alpha shares, beta is
given the USB devices.
"""
import contextlib
import os
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import base, check, check_eq, wait_for  # noqa: E402
from lib.fakevirt import Machines  # noqa: E402
from lib.joined import GPUS, INPUTS, Joined, run_cases, wrapper  # noqa: E402
from lib.usbdesk import EV_REL, KEYBOARD, LEFTCTRL, MOUSE, RIGHTCTRL, UsbDesk  # noqa: E402

CONFIG = """libvirt = fake:///
[input keys]
id = 046d:c31c
[input mouse]
id = 046d:c077
[hotkey]
host = leftctrl+rightctrl
[host]
"""
A, ENTER, REL_X = 30, 28, 0
SYN = (0, 0, 0)
BUTTONS = "1f0000 0 0 0 0\n"
BOTH = {(1, 5), (1, 6)}


class NoMachines:
    """Both guests are plain QEMU's: nobody can give them a device."""

    def usb(self, _name):
        return set()

    def log(self):
        return []


@contextlib.contextmanager
def running(d, plain):
    """Both guests run and are paired."""
    d.machines = NoMachines() if plain else Machines(d, alpha=[GPUS["alpha"]], beta=[GPUS["beta"]])
    try:
        d.host.start()
        for name in ("alpha", "beta"):
            if plain:
                d.guests[name].start()
            else:
                d.machines.set(name, "running")
            d.pair(name)
        yield
    finally:
        if not plain:
            d.machines.close()


@contextlib.contextmanager
def desk(plain=False):
    with UsbDesk() as usb:
        usb.plug("1-1", 5, "046d:c31c", KEYBOARD)
        usb.plug("1-2", 6, "046d:c077", MOUSE)
        press, move, sent = usb.node(3, "1-1"), usb.node(4, "1-2", BUTTONS), usb.uinput()
        config = CONFIG.replace("fake:///", "none") if plain else CONFIG
        with Joined("alpha", "beta", monitor=True, start=False, config=config) as d:
            d.usb, d.press, d.move, d.sent = usb, press, move, sent
            path = d.host.config_dir / "guests.d/alpha.conf"
            path.write_text(path.read_text() + "input = evdev\n")
            d.host.env["VIRT_AID_ROOT"] = str(usb.root)
            shim = f"LD_PRELOAD={base.program('tests/sim/evdevshim.so')}"
            for name, more in (("va-hostd", f"EVDEVSHIM_HEARD={usb.heard}"), ("va-input", "")):
                real = d.host.libexec / f"{name}.real"
                (d.host.libexec / name).rename(real)
                wrapper(d.host.libexec / name, [real], f"{shim} {more}")
            with running(d, plain):
                yield d


def holders(d):
    return {i["name"]: i["holder"] for i in d.host.ask("status").all("input")}


def is_all_at(d, name):
    status = d.host.ask("status")
    host = status.one("host")
    return host["holder"] == name and not host["switching"] and \
        {i["holder"] for i in status.all("input")} == {name}


def all_at(d, name, limit=20):
    try:
        wait_for(lambda: is_all_at(d, name), limit, "")
    except base.RigError:
        raise base.RigError(f"not all at {name}: the seat is at {d.host.holder()}, {holders(d)}\n"
                            f"{d.machines.log()}\n{d.host.tail()}") from None
    d.monitor.wait_shown(INPUTS[name], 10)
    check_eq(d.machines.usb("alpha"), set(), "alpha's USB devices")
    check_eq(d.machines.usb("beta"), BOTH if name == "beta" else set(), "beta's USB devices")


def switch(d, name):
    answer = d.host.ask("switch", name)
    check_eq(answer.rc, 0, f"{answer.text}\n{d.host.tail()}")
    all_at(d, name)


def heard(d, n):
    """The next n events at the virtual device."""
    events = []
    wait_for(lambda: events.extend(d.sent()) or len(events) >= n, 10, f"{n} events")
    return events


def tap(d, key):
    d.press(key, 1)
    d.press(key, 0)


def typed_there(d, key=A):
    tap(d, key)
    check_eq(heard(d, 4), [(1, key, 1), SYN, (1, key, 0), SYN], "what the guest hears")


def is_quiet(d):
    """va-input has read what was typed, and passed on none of it: a hotkey comes after it."""
    mark = d.host.mark()
    d.press(LEFTCTRL, 1)
    d.press(RIGHTCTRL, 1)
    d.press(LEFTCTRL, 0)
    d.press(RIGHTCTRL, 0)
    d.host.wait_log("asked for by a hotkey", 10, mark)
    check_eq(d.sent(), [], "what the guest hears")


def shared_with_the_seat():
    with desk() as d:
        tap(d, A)
        is_quiet(d)
        sharing, = d.host.ask("inputs").all("sharing")
        check_eq((sharing["name"], sharing["state"]), ("alpha", "ready"), "inputs")
        check("dev='/dev/input/by-id/virt-aid-alpha'" in sharing["xml"], sharing["xml"])
        switch(d, "alpha")
        typed_there(d)
        d.move(REL_X, -5, EV_REL)
        check_eq(heard(d, 2), [(2, REL_X, -5), SYN], "the mouse")
        check_eq(d.machines.log(), [], "what libvirt was asked")
        switch(d, "beta")  # a guest of the other kind
        switch(d, "alpha")
        typed_there(d)
        switch(d, "host")
        tap(d, A)
        is_quiet(d)


def a_hotkey_brings_it_home():
    with desk() as d:
        switch(d, "alpha")
        d.press(A, 1)  # held, whatever else
        check_eq(heard(d, 2), [(1, A, 1), SYN])
        d.press(A, 0)
        heard(d, 2)
        d.press(LEFTCTRL, 1)
        d.press(RIGHTCTRL, 1)
        check_eq(heard(d, 4), [(1, LEFTCTRL, 1), SYN, (1, LEFTCTRL, 0), SYN],
                 "the hotkey: begun, and taken back")
        all_at(d, "host")
        d.press(RIGHTCTRL, 0)
        d.press(LEFTCTRL, 0)
        is_quiet(d)


def waits_for_keys_to_be_up():
    """Who says "va-host switch alpha" has Enter down: it must come up on the host."""
    with desk() as d:
        d.press(ENTER, 1)
        asking = d.host.begin("switch", "alpha")
        wait_for(lambda: any("mouse is given" in o["text"] and o["state"] == "done"
                             for o in asking.objects("step")), 20, "the mouse's move")
        check(asking.running, "it did not wait")
        d.press(ENTER, 0)
        check_eq(asking.finish(20).rc, 0, "the switch")
        all_at(d, "alpha")
        typed_there(d)


def a_key_that_stays_down():
    with desk() as d:
        d.press(ENTER, 1)
        answer = d.host.ask("switch", "alpha")
        check_eq(answer.rc, 1, answer.text)
        check("held down" in answer.text and "is given to alpha" in answer.text, answer.text)
        all_at(d, "host")
        d.press(ENTER, 0)
        switch(d, "alpha")


def nobody_listens():
    with desk() as d:
        d.usb.heard.unlink()
        answer = d.host.ask("switch", "alpha")
        check_eq(answer.rc, 1, answer.text)
        check("/dev/input/by-id/virt-aid-alpha" in answer.text, answer.text)
        all_at(d, "host")
        d.usb.heard.touch()
        switch(d, "alpha")
        typed_there(d)


def a_guest_that_goes_gives_it_back():
    with desk() as d:
        switch(d, "alpha")
        d.press(A, 1)
        heard(d, 2)
        d.machines.set("alpha", "off")
        check_eq(heard(d, 2), [(1, A, 0), SYN], "released")
        d.press(A, 0)
        all_at(d, "host")
        is_quiet(d)


def a_guest_of_plain_qemu():
    """It cannot be given devices, but it can share them."""
    with desk(plain=True) as d:
        switch(d, "alpha")
        typed_there(d)
        answer = d.host.ask("switch", "beta")
        check_eq(answer.rc, 3, answer.text)
        check("not libvirt's" in answer.text, answer.text)
        all_at(d, "alpha")
        typed_there(d)
        d.relays["alpha"].stop()
        d.monitor.wait_shown(INPUTS["host"], 30)
        all_at(d, "host")
        is_quiet(d)


def killed_va_input():
    with desk() as d:
        switch(d, "alpha")
        for pid in d.host.pids("va-input.real"):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: d.host.pids("va-input.real"), 10, "another one")
        all_at(d, "alpha")
        released = d.sent()  # whatever was down
        check((1, A, 0) in released and not any(e[2] for e in released), f"{released}")
        typed_there(d)


def killed_va_hostd():
    with desk() as d:
        switch(d, "alpha")
        d.host.kill()
        d.host.start()
        all_at(d, "alpha", 40)
        typed_there(d)
        switch(d, "host")
        d.host.kill()
        d.host.start()
        all_at(d, "host", 40)


def kept_by_systemd():
    """The virtual device is handed to systemd's store, and what comes back from there is used: QEMU
    would not open another one."""
    with desk() as d:
        d.host.stop()
        path = d.dir / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as store:
            store.bind(str(path))
            store.settimeout(10)
            d.host.env["NOTIFY_SOCKET"] = str(path)
            d.host.start()
            kept = []
            while not kept:
                text, kept, _flags, _from = socket.recv_fds(store, 4096, 1)
            check_eq(sorted(text.decode().split()), ["FDNAME=evdev-alpha", "FDSTORE=1"])
        d.host.stop()
        d.sent()
        del d.host.env["NOTIFY_SOCKET"]
        wrap = d.host.libexec / "va-hostd"
        head, _, rest = wrap.read_text().partition("\n")
        other = d.usb.other_uinput()
        wrap.write_text(f"{head}\nexport LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=evdev-alpha\n"
                        f"exec 3<>{d.usb.root}/dev/uinput2\n{rest}")
        d.host.start()
        d.host.wait_session("alpha")
        for fd in kept:
            os.close(fd)
        switch(d, "alpha")
        wait_for(other, 10, "that all keys were released there")
        tap(d, A)
        events = []
        wait_for(lambda: events.extend(other()) or len(events) >= 4, 10, "what is typed")
        check_eq(events[-4:], [(1, A, 1), SYN, (1, A, 0), SYN], "at the device that was kept")
        check_eq(d.sent(), [], "at another one")


def rescue_in_the_middle():
    with desk() as d:
        d.press(ENTER, 1)
        asking = d.host.begin("switch", "alpha")
        wait_for(lambda: any("mouse is given" in o["text"] and o["state"] == "done"
                             for o in asking.objects("step")), 20, "the mouse's move")
        check(d.host.ask("rescue", limit=60).rc in (0, 7), "the rescue")
        check_eq(asking.finish(10).rc, 1, "the switch")
        d.press(ENTER, 0)
        all_at(d, "host")
        is_quiet(d)
        switch(d, "alpha")


def pulled_out_and_back():
    with desk() as d:
        switch(d, "alpha")
        d.usb.pull("1-2")
        d.machines.set("beta", "paused")  # news of any kind: there is no udev here
        wait_for(lambda: holders(d)["mouse"] is None, 10, "a mouse that is gone")
        typed_there(d)
        d.usb.pull_node(4)
        d.usb.plug("1-2", 9, "046d:c077", MOUSE)
        move = d.usb.node(4, "1-2", BUTTONS)
        d.machines.set("beta", "running")
        all_at(d, "alpha")
        move(REL_X, 3, EV_REL)
        check_eq(heard(d, 2), [(2, REL_X, 3), SYN], "the mouse")


if __name__ == "__main__":
    run_cases(a_key_that_stays_down, shared_with_the_seat, a_hotkey_brings_it_home,
              waits_for_keys_to_be_up, nobody_listens, a_guest_that_goes_gives_it_back,
              a_guest_of_plain_qemu, killed_va_input, killed_va_hostd, kept_by_systemd,
              rescue_in_the_middle, pulled_out_and_back)
