#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""No monitor is configured: who is on which input is found by looking, kept, and switched."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, wait_for  # noqa: E402
from lib.joined import GPUS, INPUTS, Joined, run_cases  # noqa: E402


def bare(*habits):
    """Paired; host.conf says nothing of monitors."""
    made = Joined("alpha", monitor=True, monitors="", habits=habits)
    made.pair()
    return made


def looked(made, text):
    """va-host monitors, until it has something in its section."""
    def try_it():
        sections = made.host.ask("monitors").all("section")
        return sections and text in sections[0]["text"]
    wait_for(try_it, 60, f"{text} in the section\n{made.host.tail(40)}", step=0.5)


def show(made, name):
    """By the monitor's own button."""
    made.monitor.do(f"input {INPUTS[name]}")
    made.monitor.wait_shown(INPUTS[name], 5)


def line(name):
    return f"input.in-{INPUTS[name]:02x} = 0x{INPUTS[name]:02x} {GPUS[name]}\n"


def shown_once_each_and_switched():
    with bare("deaf ddc") as d:
        looked(d, line("host"))
        check("# add for each cable" in d.host.ask("monitors").all("section")[0]["text"], "a hint")
        check_eq(d.host.ask("monitors").all("monitor"), [], "not used before it is known")
        show(d, "alpha")
        looked(d, line("alpha"))
        check_eq(len(d.host.ask("monitors").all("monitor")), 1, "monitors")
        check_eq(d.host.holder(), "alpha", "holder")
        for name in ("host", "alpha", "host"):
            answer = d.host.ask("switch", name)
            check_eq(answer.rc, 0, f"to {name}: {answer.text}\n{d.host.tail(30)}")
            d.monitor.wait_shown(INPUTS[name], 5)
        text = d.host.ask("monitors").all("section")[0]["text"]
        # what it prints is a configuration
        d.host.set_config(text)
        d.host.reload()
        d.host.wait_monitors()
        check_eq(d.host.ask("monitors").all("section"), [], "nothing to add any more")
        answer = d.host.ask("switch", "alpha")
        check_eq(answer.rc, 0, answer.text)
        d.monitor.wait_shown(INPUTS["alpha"], 5)


def kept_over_a_restart():
    with bare("deaf ddc") as d:
        looked(d, line("host"))
        show(d, "alpha")
        looked(d, line("alpha"))
        d.host.stop()
        d.host.start()
        d.host.wait_session("alpha")
        looked(d, line("alpha"))
        answer = d.host.ask("switch", "host")
        check_eq(answer.rc, 0, f"{answer.text}\n{d.host.tail(30)}")
        d.monitor.wait_shown(INPUTS["host"], 5)


def a_damaged_file_is_said_and_replaced():
    with bare("deaf ddc") as d:
        looked(d, line("host"))
        d.host.stop()
        (d.host.state_dir / "monitors").write_text("[learned]\nversion = 7\n")
        d.host.start()
        d.host.wait_session("alpha")
        looked(d, line("host"))
        check("what was seen before cannot be read" in d.host.tail(200), d.host.tail(200))
        check("version = 1" in (d.host.state_dir / "monitors").read_text(), "the file")


def one_that_answers_everywhere_is_not_guessed():
    with bare() as d:
        looked(d, "# add for each cable")
        show(d, "alpha")
        wait_for(lambda: d.host.ask("monitors").all("display")[0]["input"] == INPUTS["alpha"], 60,
                 "the host's own look", step=0.5)
        check_eq(d.host.ask("monitors").all("monitor"), [], "monitors")
        check("input." not in d.host.ask("monitors").all("section")[0]["text"].split("#")[0], "guess")
        check(not (d.host.state_dir / "monitors").exists(), "nothing is kept")


run_cases(shown_once_each_and_switched, kept_over_a_restart, a_damaged_file_is_said_and_replaced,
          one_that_answers_everywhere_is_not_guessed)
