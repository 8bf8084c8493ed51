#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""No monitor is configured: who is on which input is found by looking, kept, and switched."""
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, wait_for  # noqa: E402
from lib.box import Box  # noqa: E402
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


def one_that_the_host_does_not_see():
    """Only guests are cabled to it: what they see is enough."""
    with Joined("alpha", "beta", monitor=True, monitors="", start=False,
                habits=["deaf ddc", f"input {INPUTS['alpha']}"]) as d:
        d.host.box.remove(4)
        d.host.start()
        for guest in d.guests.values():
            guest.start()
        d.pair()

        def is_kept(name):
            d.host.ask("monitors")
            kept = d.host.state_dir / "monitors"
            return kept.exists() and GPUS[name] in kept.read_text()
        for name in ("alpha", "beta"):
            show(d, name)
            wait_for(lambda n=name: is_kept(n), 20, f"{name}'s cable", step=0.5)
        found = wait_for(lambda: d.host.ask("monitors").all("monitor"), 30, "it is used")
        check_eq(len(found), 1, "monitors")
        for name in ("alpha", "beta", "alpha"):
            answer = d.host.ask("switch", name)
            check_eq(answer.rc, 0, f"to {name}: {answer.text}\n{d.host.tail(30)}")
            d.monitor.wait_shown(INPUTS[name], 5)


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


def whoever_looks_all_the_time_leaves_room_for_a_switch():
    with bare("deaf ddc") as d:
        looked(d, line("host"))
        show(d, "alpha")
        looked(d, line("alpha"))
        d.relays["alpha"].pause()  # a guest that is slow to answer
        for _ in range(8):
            d.host.ask("monitors")
            time.sleep(0.1)  # the host itself looks
        switch = d.host.begin("switch", "host")
        d.relays["alpha"].resume()
        answer = switch.finish()
        check_eq(answer.rc, 0, f"{answer.text}\n{d.host.tail(30)}")
        check("too many requests" not in d.host.log(), d.host.tail(30))


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


NEXT = "0000:05:00.0"
RADEON, GEFORCE = "driver=amdgpu", "driver=vfio-pci,vendor=0x10de,device=0x2204"


@contextlib.contextmanager
def two_cards(first, second):
    """alpha has two cards, and sees the monitor at a Radeon; its addresses are its own."""
    host = Box(f"pci={GPUS['host']},{RADEON}", f"pci={GPUS['alpha']},{first}", f"pci={NEXT},{second}")
    with Joined("alpha", monitor=True, monitors="", habits=["deaf ddc"], start=False) as d:
        d.host.env["VIRT_AID_ROOT"] = str(host.root)
        with open(d.host.config_dir / "guests.d/alpha.conf", "a", encoding="utf-8") as conf:
            conf.write(f"gpu = {NEXT}\n")
        d.host.start()
        d.guests["alpha"].start()
        d.pair()
        looked(d, line("host"))
        show(d, "alpha")
        yield d


def the_card_is_known_by_its_numbers():
    with two_cards(GEFORCE, RADEON) as d:
        looked(d, f"input.in-11 = 0x11 {NEXT}\n")
        answer = d.host.ask("switch", "host")
        check_eq(answer.rc, 0, f"{answer.text}\n{d.host.tail(30)}")
        d.monitor.wait_shown(INPUTS["host"], 5)


def of_two_cards_alike_neither_is_guessed():
    with two_cards(RADEON, RADEON) as d:
        looked(d, f"# input.alpha = 0x11 {GPUS['alpha']} or {NEXT}\n")
        text = d.host.ask("monitors").one("section")["text"]
        check("of its graphics cards several may be the one" in text, text)
        check_eq(d.host.ask("monitors").all("monitor"), [], "monitors")


def declared_inputs_are_offered_as_a_hint():
    with bare("deaf ddc") as d:
        looked(d, line("host"))
        text = d.host.ask("monitors").one("section")["text"]
        hint = text.partition("many declare wrong ones:\n")[2]
        check_eq(hint, "# input.in-11 = 0x11 PCI-ADDRESS\n# input.in-12 = 0x12 PCI-ADDRESS\n", text)
        asked = d.monitor.events("caps")
        check(asked, "the monitor was asked")
        d.host.ask("monitors")
        check_eq(len(d.monitor.events("caps")), len(asked), "once")


def without_a_known_monitor_a_switch_says_so():
    with bare() as d:
        answer = d.host.ask("switch", "alpha")
        check_eq((answer.rc, answer.text), (0, "alpha has the seat; no monitor is switched: none is "
                                            "known (va-host monitors)"), "what is said")
        check_eq(d.monitor.shown, INPUTS["host"], "shown")


def contradictions(d, command):
    return [c for m in d.host.ask(command).all("monitor") for c in m.get("contradictions", [])]


def configured(d, **inputs):
    """host.conf names the monitor, with these inputs."""
    lines = Joined.section(()).splitlines()[:-1]
    lines += [f"input.{name} = {value}" for name, value in inputs.items()]
    d.host.set_config("\n".join(lines))
    check_eq(d.host.reload().rc, 0, "reload")


def what_is_seen_and_configured_otherwise_is_said():
    with bare("deaf ddc") as d:
        looked(d, line("host"))
        show(d, "alpha")
        looked(d, line("alpha"))
        here, there = GPUS["host"], GPUS["alpha"]
        configured(d, dp=f"0x0f {here}", hdmi=f"0x12 {there}")
        for command in ("monitors", "status"):
            check_eq([c["line"] for c in contradictions(d, command)], [f"input.hdmi = 0x11 {there}"],
                     command)
        plain = d.host.plain("status").stdout
        check(f"desk: by host.conf it shows alpha ({there}) as hdmi (0x12), but it reads 0x11 then; "
              "host.conf is followed" in plain, plain)
        check(f"    its line would be: input.hdmi = 0x11 {there}\n" in plain, plain)
        # the cables are swapped
        configured(d, dp=f"0x11 {here}", hdmi=f"0x0f {there}")
        check_eq(sorted(c["line"] for c in contradictions(d, "monitors")),
                 [f"input.dp = 0x11 {there}", f"input.hdmi = 0x0f {here}"], "swapped")
        # a card of alpha that is none of those configured
        configured(d, dp=f"0x0f {here}")
        check_eq([c["line"] for c in contradictions(d, "monitors")], [f"input.NAME = 0x11 {there}"],
                 "not configured")
        # what host.conf says is followed, and nothing is said any more when it is right
        configured(d, dp=f"0x0f {here}", hdmi=f"0x11 {there}")
        check_eq((contradictions(d, "monitors"), contradictions(d, "status")), ([], []), "mended")


def what_a_guest_sees_later_is_said_and_unsaid():
    with Joined("alpha", monitor=True, monitors="", habits=["deaf ddc"], start=False) as d:
        here, there = GPUS["host"], GPUS["alpha"]
        lines = Joined.section(()).splitlines()[:-1]
        d.host.set_config("\n".join([*lines, f"input.dp = 0x0f {here}",
                                     "input.hdmi = 0x12 0000:07:00.0"]))
        d.host.start()
        d.guests["alpha"].start()
        d.pair()
        # status has nobody asked; who asks for monitors has all looked at: at once, and, where
        # nothing is to be found out, again after half a minute
        check_eq(contradictions(d, "status"), [], "alpha was not asked yet")
        d.host.wait_monitors()
        wait_for(lambda: contradictions(d, "monitors"), 60, f"a word on it\n{d.host.tail()}\n",
                 step=0.5)
        check_eq([c["line"] for c in contradictions(d, "status")], [f"input.NAME = VALUE {there}"])
        check("alpha sees it at" in d.host.log() and "its line would be" in d.host.log(), "the log")
        d.relays["alpha"].stop()
        wait_for(lambda: not contradictions(d, "status"), 10, "no word of it any more", step=0.2)


run_cases(one_that_the_host_does_not_see, shown_once_each_and_switched, kept_over_a_restart,
          whoever_looks_all_the_time_leaves_room_for_a_switch, a_damaged_file_is_said_and_replaced,
          one_that_answers_everywhere_is_not_guessed,
          the_card_is_known_by_its_numbers, of_two_cards_alike_neither_is_guessed,
          declared_inputs_are_offered_as_a_hint, without_a_known_monitor_a_switch_says_so,
          what_is_seen_and_configured_otherwise_is_said, what_a_guest_sees_later_is_said_and_unsaid)
