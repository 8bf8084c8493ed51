#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Switching and policy: va-hostd, two guests' agents, a simulated monitor on three made-up GPUs."""
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, wait_for  # noqa: E402
from lib.joined import INPUTS, Joined, run_cases  # noqa: E402

READ_ALL = "guest.list * - * allow\n"


def desk(*names, **options):
    """Paired, and the host knows what its monitor shows."""
    made = Joined(*(names or ("alpha", "beta")), monitor=True, **options)
    made.pair()
    made.host.wait_monitors()
    return made


def shows(made, name):
    made.monitor.wait_shown(INPUTS[name], 5)
    check_eq(made.host.holder(), name, "holder")


def idle(made):
    wait_for(lambda: not made.host.ask("status").one("host")["switching"], 20, "the switch's end")


def set_policy(made, text):
    made.host.set_policy(text)
    return made.host.reload()


# --- the seat

def goes_round():
    with desk() as d:
        for name in ("alpha", "beta", "host"):
            dry = d.host.ask("switch", name, "--dry-run")
            check_eq(dry.rc, 0, dry.text)
            answer = d.host.ask("switch", name)
            check_eq(answer.rc, 0, f"to {name}: {answer.text}")
            shows(d, name)
            check_eq([s["text"] for s in answer.all("step")],
                     [s["text"] for s in dry.all("step")], "what --dry-run foretold")
        steps = answer.all("step")
        check_eq([s["state"] for s in steps], ["done", "skipped", "skipped", "done", "done"], "states")
        check_eq(d.host.ask("switch", "host").rc, 0, "where it is already")
        check_eq(len(d.monitor.events("set")), 3, "writes in all")


def guest_gives_it_away_but_does_not_take():
    with desk() as d:
        alpha, beta = d.guests["alpha"], d.guests["beta"]
        answer = alpha.ask("switch", "alpha")
        check_eq(answer.rc, 3, "taking it from the host")
        check("while it has it" in answer.text, answer.text)
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        check_eq(beta.ask("switch", "beta").rc, 3, "taking it from alpha")
        answer = alpha.ask("switch", "beta")
        check_eq(answer.rc, 0, answer.text)
        shows(d, "beta")
        check_eq(beta.ask("switch", "host").rc, 0)
        shows(d, "host")
        check_eq(alpha.ask("switch", "nobody").rc, 3, "to nowhere")
        machines = {m["name"]: m for m in alpha.ask("list").all("machine")}
        check_eq(sorted(machines), ["alpha", "beta", "host"], "list")
        check(machines["host"]["holder"] and not machines["alpha"]["holder"], f"{machines}")


def holder_that_goes_gives_it_back():
    with desk("alpha") as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.relays["alpha"].stop()
        shows(d, "host")
        idle(d)
        check_eq(d.host.ask("switch", "alpha").rc, 3, "to a machine that is off")


def agent_that_goes_keeps_the_picture():
    with desk("alpha") as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.guests["alpha"].kill()
        wait_for(lambda: d.host.guest("alpha")["session"] != "up", 40, "the session's end")
        shows(d, "alpha")
        check_eq(d.host.ask("switch", "host").rc, 0, "pulled")
        shows(d, "host")
        answer = d.host.ask("switch", "alpha")
        check_eq(answer.rc, 5, answer.text)
        check_eq(d.host.ask("switch", "alpha", "--force").rc, 0, "forced")


def one_at_a_time():
    with desk("alpha", habits=["switch_ms 1500"]) as d:
        first = d.host.begin("switch", "alpha")
        first.wait_for("step")
        check_eq(d.host.ask("switch", "host").rc, 8, "a second switch")
        check_eq(d.host.reload().rc, 8, "a reload meanwhile")
        check(d.host.ask("status").one("host")["switching"], "not in the status")
        check_eq(first.finish().rc, 0)


def hangup_waits_for_the_switch():
    with desk("alpha", habits=["switch_ms 1500"]) as d:
        first = d.host.begin("switch", "alpha")
        first.wait_for("step")
        mark = d.host.mark()
        d.host.process.send_signal(signal.SIGHUP)
        check_eq(first.finish().rc, 0)
        d.host.wait_log("read again", 5, mark)
        shows(d, "alpha")


def client_may_leave():
    with desk("alpha", habits=["switch_ms 1000"]) as d:
        first = d.host.begin("switch", "alpha")
        first.wait_for("step")
        first.interrupt()
        first.finish(5)
        idle(d)
        shows(d, "alpha")


def dark_target_gives_it_back():
    """Its agent answers all the while; what an emulated card shows is not seen on the desk."""
    with desk(config="confirm-limit = 2s\n") as d:
        beta = d.guests["beta"]
        check_eq(d.host.ask("switch", "alpha").rc, 0, "nothing is known of its screen")
        beta.screen(vendor="0x1b36", card=1)
        for status, why in (("connected", "no output of its graphics card is on"),
                            ("disconnected", "its graphics card sees no monitor")):
            beta.screen(status, "disabled")
            check_eq(beta.status()["screen"], "dark" if status == "connected" else "unplugged")
            answer = d.host.ask("switch", "beta")
            check_eq(answer.rc, 1, answer.text)
            check(f"beta answers, but its screen is dark: {why}; --force skips this" in answer.text
                  and "everything is back where it was" in answer.text, answer.text)
            check_eq([s["state"] for s in answer.all("step")][-2:], ["failed", "undone"], "states")
            shows(d, "alpha")
        check_eq(d.host.ask("switch", "beta", "--force").rc, 0, "forced")
        shows(d, "beta")
        check_eq(d.host.ask("switch", "host").rc, 0, "the host looks at nobody's screen")
        beta.screen()
        check_eq(d.host.ask("switch", "beta").rc, 0, "lit")
        shows(d, "beta")


def slow_desktop_is_waited_for():
    """It lights its output when it has seen its monitor; the keyboard is there already."""
    with desk("alpha") as d:
        d.guests["alpha"].screen("disconnected", "disabled")
        mark = d.host.mark()
        first = d.host.begin("switch", "alpha")
        d.host.wait_log("reads monitor desk until it shows alpha: done", 10, mark)
        for _ in range(2):
            check(d.host.ask("status").one("host")["switching"], "it is over already")
            d.guests["alpha"].screen("connected", "disabled")
        d.guests["alpha"].screen("connected", "enabled")
        answer = first.finish(20)
        check_eq(answer.rc, 0, answer.text)
        check_eq([s["state"] for s in answer.all("step")][-2:], ["done", "done"], "states")
        shows(d, "alpha")


def target_dies_on_the_way():
    """Everything is written back, and what the dead one was asked for ends at once."""
    with desk(habits=["switch_ms 3000"]) as d:
        first = d.host.begin("switch", "alpha")
        first.wait_for("step")
        d.relays["alpha"].stop()
        answer = first.finish(30)
        check_eq(answer.rc, 1, answer.text)
        check("back where it was" in answer.text, answer.text)
        d.monitor.wait_shown(INPUTS["host"], 10)
        check_eq(d.host.holder(), "host", "holder")
        check_eq(d.host.ask("switch", "beta").rc, 0, "afterwards")


def holder_dies_on_the_way():
    with desk(habits=["switch_ms 1500"]) as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        first = d.host.begin("switch", "beta")
        first.wait_for("step")
        d.relays["alpha"].stop()
        check_eq(first.finish(30).rc, 0)
        shows(d, "beta")


def both_die_on_the_way():
    with desk(habits=["switch_ms 1500"]) as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        first = d.host.begin("switch", "beta")
        first.wait_for("step")
        d.relays["alpha"].stop()
        d.relays["beta"].stop()
        first.finish(40)
        wait_for(lambda: d.host.holder() == "host", 20, "the host has the seat")
        d.monitor.wait_shown(INPUTS["host"], 10)


def removed_on_the_way():
    """A guest that is no longer configured when a switch to it ends; its slot is another's."""
    with desk(habits=["switch_ms 1500"]) as d:
        check_eq(d.host.ask("switch", "beta").rc, 0)
        (d.host.config_dir / "guests.d/beta.conf").unlink()
        d.host.add_guest("gamma", f"channel = {d.dir}/gamma\ngpu = 0000:05:00.0\n")
        first = d.host.begin("switch", "alpha")
        first.wait_for("step")
        d.host.process.send_signal(signal.SIGHUP)
        check_eq(first.finish(30).rc, 0)
        names = [g["name"] for g in d.host.ask("list").all("guest")]
        check_eq(sorted(names), ["alpha", "gamma"], "guests")
        shows(d, "alpha")


def unreadable_is_not_confirmed():
    with desk("alpha") as d:
        d.monitor.do("reply null")
        answer = d.host.ask("switch", "alpha")
        check_eq(answer.rc, 7, answer.text)
        d.monitor.wait_shown(INPUTS["alpha"], 5)


def shown_by_hand():
    """The monitor's own button is noticed when it matters."""
    with desk("alpha") as d:
        d.monitor.do(f"input {INPUTS['alpha']}")
        check_eq(d.host.ask("switch", "host").rc, 0)
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        shows(d, "alpha")


def one_that_left_is_noticed():
    """Back at the host by itself, after the switch: who says it again is told, then obeyed."""
    with desk("alpha") as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.monitor.do(f"input {INPUTS['host']}")
        answer, mark = d.host.ask("switch", "alpha"), d.host.mark()
        check_eq((answer.rc, "looked at again" in answer.text), (0, True), answer.text)
        d.host.wait_log("the host sees", 10, mark)
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        shows(d, "alpha")


def new_daemon_finds_the_holder():
    for habits in ((), ("deaf ddc",)):
        with desk("alpha", habits=habits) as d:
            check_eq(d.host.ask("switch", "alpha").rc, 0)
            d.host.kill()
            d.host.start()
            d.host.wait_session("alpha")
            wait_for(lambda h=d.host: h.holder() == "alpha", 15, f"the holder, {habits}")
            check_eq(d.guests["alpha"].ask("switch", "host").rc, 0, "given away")
            shows(d, "host")


# --- policy

def deny_and_no_match():
    with desk("alpha") as d:
        check_eq(set_policy(d, READ_ALL + "switch * * * deny\n").rc, 0)
        check_eq(d.guests["alpha"].ask("switch", "host").rc, 3, "deny")
        check_eq(set_policy(d, READ_ALL).rc, 0)
        check_eq(d.guests["alpha"].ask("switch", "host").rc, 3, "no match")
        check_eq(set_policy(d, "switch alpha host 0 allow\n").rc, 0)
        check_eq(d.guests["alpha"].ask("switch", "host").rc, 0, "allow")
        check_eq(d.guests["alpha"].ask("list").rc, 3, "no guest.list")
        check_eq(d.host.ask("policy", "explain", "alpha", "switch", "host", "0").rc, 0, "explain")


def rate():
    with desk("alpha") as d:
        set_policy(d, READ_ALL + "switch * * * allow rate=2/h\n")
        check_eq([d.guests["alpha"].ask("switch", "host").rc for _ in range(3)], [0, 0, 3])
        check("too often" in d.guests["alpha"].ask("switch", "host").text, "what it is told")
        check_eq(d.host.reload().rc, 0)
        check_eq(d.guests["alpha"].ask("switch", "host").rc, 0, "after a reload")


def broken_file_denies_all():
    with desk("alpha") as d:
        answer = set_policy(d, READ_ALL + "switch * * * allow\nswitch * * * maybe\n")
        check_eq(d.guests["alpha"].ask("switch", "host").rc, 3, "switch")
        check_eq(d.guests["alpha"].ask("list").rc, 3, "list")
        policy = d.host.ask("status").one("host")["policy"]
        check(not policy["ok"] and "50-stage.policy:3" in policy["text"], f"{policy}")
        check_eq(answer.rc, 0, "reload")
        set_policy(d, READ_ALL + "switch * * * allow\n")
        check_eq(d.guests["alpha"].ask("switch", "host").rc, 0, "mended")
        (d.host.config_dir / "host.conf").write_text("[host]\nnonsense = 1\n")
        answer = set_policy(d, READ_ALL)
        check_eq(answer.rc, 1, "a broken configuration")
        check("host.conf:2" in answer.text, answer.text)
        check_eq(d.guests["alpha"].ask("switch", "host").rc, 3, "but the policy is the new one")


def a_person_is_asked():
    with desk("alpha") as d:
        set_policy(d, READ_ALL + "switch * * * ask timeout=2s\n")

        def asks():
            asking = d.guests["alpha"].begin("switch", "host")
            found = wait_for(lambda: d.host.ask("pending").all("question"), 5, "the question")
            check_eq((found[0]["guest"], found[0]["operation"], found[0]["target"]),
                     ("alpha", "switch", "host"), "the question")
            return asking, str(found[0]["id"])

        asking, number = asks()
        check_eq(d.guests["alpha"].ask("switch", "host").rc, 8, "a second question")
        check_eq(d.host.ask("approve", number).rc, 0)
        check_eq(asking.finish(10).rc, 0, "approved")
        check_eq(d.host.ask("approve", number).rc, 1, "twice")
        asking, number = asks()
        check_eq(d.host.ask("deny", number).rc, 0)
        check_eq(asking.finish(10).rc, 3, "denied")
        asking, number = asks()
        answer = asking.finish(10)
        check_eq(answer.rc, 3, "nobody answers")
        check("nobody answered" in answer.text, answer.text)
        check_eq(d.host.ask("approve", number).rc, 1, "too late")
        asking, number = asks()
        set_policy(d, READ_ALL)
        check_eq(d.host.ask("approve", number).rc, 0)
        check_eq(asking.finish(10).rc, 3, "approved, but forbidden meanwhile")


def question_of_a_guest_that_went():
    with desk("alpha") as d:
        set_policy(d, READ_ALL + "switch * * * ask timeout=30s\n")
        asking = d.guests["alpha"].begin("switch", "host")
        found = wait_for(lambda: d.host.ask("pending").all("question"), 5, "the question")
        d.relays["alpha"].stop()
        wait_for(lambda: not d.host.ask("pending").all("question"), 5, "its end")
        check_eq(d.host.ask("approve", str(found[0]["id"])).rc, 1)
        check(asking.finish(10).rc in (4, 5), "the guest's command")


# --- every exit status

def exit_codes():
    with desk("alpha", habits=["switch_ms 800"]) as d:
        check_eq(d.host.ask("status").rc, 0)
        check_eq(d.host.ask("cancel").rc, 1, "failed")
        check_eq(d.host.ask("switch").rc, 2, "usage")
        check_eq(d.host.ask("switch", "nobody").rc, 3, "refused")
        d.relays["alpha"].pause()
        check_eq(d.host.ask("ping", "alpha", "--timeout", "1").rc, 4, "unknown")
        d.relays["alpha"].resume()
        d.host.add_guest("gamma", f"channel = {d.dir}/gamma\n")
        d.host.reload()
        check_eq(d.host.ask("ping", "gamma").rc, 6, "not paired")
        first = d.host.begin("switch", "alpha")
        first.wait_for("step")
        check_eq(d.host.ask("switch", "host").rc, 8, "busy")
        check_eq(first.finish().rc, 0)
        d.monitor.do("reply null")
        check_eq(d.host.ask("switch", "host").rc, 7, "unconfirmed")
        d.host.stop()
        check_eq(d.host.ask("status").rc, 5, "not connected")


# the long ones first
run_cases(agent_that_goes_keeps_the_picture, exit_codes, both_die_on_the_way,
          dark_target_gives_it_back, unreadable_is_not_confirmed, target_dies_on_the_way,
          slow_desktop_is_waited_for, holder_dies_on_the_way, removed_on_the_way, goes_round,
          guest_gives_it_away_but_does_not_take,
          holder_that_goes_gives_it_back, one_at_a_time, hangup_waits_for_the_switch,
          client_may_leave, shown_by_hand, one_that_left_is_noticed, new_daemon_finds_the_holder, deny_and_no_match, rate,
          broken_file_denies_all, a_person_is_asked, question_of_a_guest_that_went)
