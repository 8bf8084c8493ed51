#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A monitor that no side can write: the host switches it by a program of the user's."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import base, check, check_eq, wait_for  # noqa: E402
from lib.joined import INPUTS, Joined, run_cases  # noqa: E402


def desk(body):
    """All wires are deaf to writes; body: of the program, which has the monitor's name, the
    input's and the value as $2, $3, $4."""
    folder = base.scratch("va-command-")
    script, log = folder / "switch", folder / "log"
    made = Joined("alpha", "beta", monitor=True, start=False, monitors="")
    control = made.monitor.dir / "ctl"
    script.write_text(f"#!/bin/sh\necho \"$@\" >>{log}\nhand() {{ echo \"input $1\" | "
                      f"socat -t 2 - UNIX-CONNECT:{control} >/dev/null; }}\n{body}\n")
    script.chmod(0o755)
    conf = made.host.config_dir / "host.conf"
    conf.write_text(f"{conf.read_text()}{made.section(('alpha', 'beta'))}"
                    f"command = {script} first\n")
    made.host.start()
    for guest in made.guests.values():
        guest.start()
    made.pair()
    made.host.wait_monitors()
    return made, log


def it_switches():
    d, log = desk('hand "$4"')
    with d:
        plan = d.host.ask("switch", "alpha", "--dry-run")
        check_eq([s["actor"] for s in plan.all("step") if "writes" in s["text"]], ["host"])
        start = d.monitor.events("set")
        for source, target in (("host", "alpha"), ("alpha", "beta"), ("beta", "host")):
            asker = d.host if source == "host" else d.guests[source]
            answer = asker.ask("switch", target)
            check_eq(answer.rc, 0, f"{source} to {target}: {answer.text}")
            d.monitor.wait_shown(INPUTS[target], 5)
        check_eq(log.read_text().splitlines(),
                 ["first desk alpha 0x11", "first desk beta 0x12", "first desk host 0x0f"])
        check_eq(d.monitor.events("set"), start, "writes over any wire")


def it_fails():
    d, log = desk('[ "$4" = 0x0f ] && hand 0x0f; exit 3')
    with d:
        answer = d.host.ask("switch", "alpha")
        check_eq(answer.rc, 1, answer.text)
        check("its command ended with exit status 3" in answer.text, answer.text)
        check_eq((d.monitor.shown, d.host.holder()), (INPUTS["host"], "host"))


def it_hangs():
    d, log = desk('[ "$4" = 0x0f ] || exec sleep 1000; hand "$4"')
    with d:
        asking = d.host.begin("switch", "alpha")
        wait_for(lambda: log.exists(), 10, "its start")
        answer = asking.finish(30)
        check_eq(answer.rc, 1, answer.text)
        check("did not end in time" in answer.text, answer.text)
        # it may have had its effect, so it is undone
        check_eq(log.read_text().splitlines()[-1], "first desk host 0x0f")
        check_eq(d.host.holder(), "host")


def it_is_not_there():
    d, log = desk("")
    with d:
        conf = d.host.config_dir / "host.conf"
        conf.write_text(conf.read_text().replace("command = ", "command = /nowhere"))
        check_eq(d.host.reload().rc, 0)
        answer = d.host.ask("switch", "alpha")
        check_eq(answer.rc, 1, answer.text)
        check("its command cannot be run: No such file" in answer.text, answer.text)


run_cases(it_hangs, it_switches, it_fails, it_is_not_there)
