#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""keep-session: the card goes, and the session stays on the other one; or the start is refused."""
import contextlib
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, run_cases  # noqa: E402
from lib.gpumachines import machine  # noqa: E402

CARD = "0000:02:00.0"


@contextlib.contextmanager
def kept(name="two_screens", follows=True, scale=100):
    with machine(name, scale) as m:
        m.tree.put("/etc/virt-aid/gpu.conf", "[gpu]\nkeep-session = yes\n")
        if follows:
            m.follows.update(m.processes)
        yield m


def session_stays():
    with kept() as m:
        compositor = next(iter(m.processes.values()))[0]
        game = m.hold(["/dev/dri/renderD129"], "game", session=3)
        before = m.plain()
        done = m.take()
        check_eq((done.returncode, done.stdout, done.stderr), (0, "", ""))
        m.check_taken()
        check(m.services.all["gdm.service"].active and compositor.poll() is None, f"{m.log}")
        check_eq(game.wait(5), -signal.SIGTERM, "the game")
        acts = m.acts()
        told = next(i for i, a in enumerate(acts) if "card2/uevent remove" in a)
        check(told < next(i for i, a in enumerate(acts) if f"unbind {CARD}" in a), f"{acts}")
        check(not any("systemctl" in a or "loginctl" in a for a in acts), f"{acts}")
        check_eq(m.give_back().returncode, 0)
        check(any("card2/uevent add" in a for a in m.acts()), f"{m.acts()}")
        m.check_back(before)
        check(not m.kernel.sins, f"{m.kernel.sins}")


def compositor_that_does_not_let_go():
    """Better no guest than no session, if that is what was asked for."""
    with kept(follows=False, scale=10) as m:
        before = m.plain()
        done = m.take()
        check_eq(done.returncode, 1)
        for words in ("still held by gnome-shell", "does not let go", "keep-session = no"):
            check(words in done.stderr, done.stderr)
        check(m.services.all["gdm.service"].active, "the session was ended")
        check("card2/uevent add" in m.acts()[-1], f"{m.acts()}")
        m.check_back(before)


def refused(m, *words):
    before = m.plain()
    done = m.take()
    check_eq(done.returncode, 1, done.stderr)
    for word in words:
        check(word in done.stderr, done.stderr)
    check_eq((m.acts(), m.journals()), ([], []), "operations and journals")
    m.check_back(before)


def not_without_its_last_card():
    with kept("no_display_manager") as m:
        refused(m, "last card of the host", "keep-session = no")


def not_without_the_boot_gpu():
    with kept("amd") as m:
        refused(m, "booted on 0000:01:00.0", "keep-session = no")


def says_so_beforehand():
    with kept() as m:
        m.hold(["/dev/dri/renderD129"], "game", session=3)
        text = m.run("show", CARD).stdout
        for words in ("tell the session that 0000:02:00.0 is gone", "has to let go of the card",
                      "game (pid ", "ends, or loses", "tell the session that 0000:02:00.0 is there"):
            check(words in text, text)
        check("all programs" not in text and "stop the service" not in text, text)


def nothing_to_keep():
    """Nobody draws on the card: it goes as ever."""
    with kept("second_card") as m:
        before = m.plain()
        check_eq(m.take().returncode, 0)
        check(not any("uevent" in a for a in m.acts()), f"{m.acts()}")
        check_eq(m.give_back().returncode, 0)
        m.check_back(before)


run_cases(session_stays, compositor_that_does_not_let_go, not_without_its_last_card,
          not_without_the_boot_gpu, says_so_beforehand, nothing_to_keep)
