#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole of virt-aid over real virtio-serial: pairing, the seat, refusals, power, keys.

Every case that does not say otherwise uses one stage: the monitor shows the host, alpha and beta
are paired and have sessions. What the monitor shows is asked of the simulator, never of us.
"""
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import RigError, check, check_eq, run_cases, wait_for  # noqa: E402
from lib.stage import GPUS, INPUTS, MONITOR, Stage  # noqa: E402
from lib.stage_host import POLICY  # noqa: E402

OK, FAILED, USAGE, REFUSED, UNKNOWN, NOT_CONNECTED, NOT_PAIRED, UNCONFIRMED, BUSY = range(9)
NORMAL = ("deaf none", "reply ok", "switch_ms 300", "lie off", "power 1")
NAMES = tuple(INPUTS)
_shared = []


def stage():
    """The shared one, as it was at its start; made anew if a case left it broken."""
    if _shared:
        old = _shared[0]
        try:
            for habit in NORMAL:
                old.monitor.do(habit)
            old.host.set_policy(POLICY)
            check_eq(old.host.reload().rc, OK, "reload")
            if old.host.holder() != "host" or old.shown_name() != "host":
                check_eq(old.host.ask("switch", "host", "--force").rc, OK, "back to the host")
            old.monitor.wait_shown(INPUTS["host"], 5)
            old.host.wait_monitors()
            old.wait_sessions(limit=15)
            return old
        except Exception as why:
            print(f"# a new stage: {why}")
            drop()
    _shared.append(Stage().start())
    return _shared[0]


def drop():
    while _shared:
        _shared.pop().close()


def expect(answer, code, what):
    check(answer.rc == code, f"{what}: exit {answer.rc}, not {code}: {answer.text}")
    return answer


def shows(s, name, limit=3):
    s.monitor.wait_shown(INPUTS[name], limit)
    check_eq(s.host.holder(), name, "who holds the seat")


def ask(s, who, *words, user="ann"):
    """A switch and the like typed by a person on the host or in a guest."""
    return s.host.ask(*words) if who == "host" else s.guests[who].ask(*words, user=user)


def now_ms():
    return time.monotonic() * 1000


def mode(path):
    return oct(path.stat().st_mode & 0o7777)


# --- pairing ------------------------------------------------------------------------------------

def pairing_by_token():
    s = stage()
    for name in s.names:
        guest, g = s.guests[name], s.host.guest(name)
        check_eq((g["paired"], g["session"], g["channel"]), (True, "up", "connected"), name)
        words = re.search(rf"guest {name} is paired, fingerprint (\S+)", s.host.log())
        check(words and words[1] in guest.agent_log(), f"{name} shows another fingerprint")
        check_eq(s.host.token(name).stat().st_size, 0, "the used token")
        check_eq(mode(s.host.key_file(name)), "0o600", "the host's key file")
        check_eq(guest.check(["stat", "-c", "%a %U", "/var/lib/virt-aid/host.key"]).strip(),
                 "600 virt-aid", "the guest's key file")
        secret = s.host.key_file(name).read_text().split("psk = ")[1].split()[0]
        check(secret not in s.host.log() + guest.agent_log(), "a secret is in a log")
        status = expect(guest.ask("status"), OK, "va-guest status")
        check_eq(status.objects[0].get("paired"), True, "va-guest status: paired")


def begin_pairing(s, name):
    asking = s.host.begin("pair", name)
    return asking, asking.wait_for("code")["code"]


def unpair(s, name):
    expect(s.host.ask("unpair", name), OK, "unpair")
    check(not s.host.key_file(name).exists(), "the key file is still there")
    s.host.wait_session(name, "unpaired", 20)


def pairing_by_code():
    s = stage()
    unpair(s, "alpha")
    expect(s.host.ask("ping", "alpha"), NOT_PAIRED, "ping without keys")
    asking, code = begin_pairing(s, "alpha")
    check(re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", code), f"the code is {code}")
    check_eq(s.host.guest("alpha")["pairing"], True, "list: pairing")
    typed = expect(s.guests["alpha"].ask("pair", code.lower()), OK, "va-guest pair")
    told = expect(asking.finish(10), OK, "va-host pair")
    check_eq(typed.result["fingerprint"], told.result["fingerprint"], "fingerprints")
    check(not told.all("attempt"), f"an attempt is counted that did not fail: {told}")
    s.host.wait_session("alpha", "up", 15)
    expect(s.host.ask("ping", "alpha"), OK, "ping")


def wrong_code_thrice():
    s = stage()
    unpair(s, "alpha")
    expect(s.guests["alpha"].ask("switch", "host"), NOT_PAIRED, "va-guest switch without keys")
    asking, code = begin_pairing(s, "alpha")
    wrong = ("0" if code[0] != "0" else "1") + code[1:]
    expect(s.guests["alpha"].ask("pair", "nonsense!"), USAGE, "a code that is none")
    for left in (2, 1, 0):
        expect(s.guests["alpha"].ask("pair", wrong), FAILED, f"wrong code, {left} left")
    answer = expect(asking.finish(15), FAILED, "va-host pair")
    check_eq([a["left"] for a in answer.all("attempt")], [2, 1], "attempts left")
    expect(s.guests["alpha"].ask("pair", code), REFUSED, "the right code, too late")
    asking, code = begin_pairing(s, "alpha")
    expect(s.guests["alpha"].ask("pair", wrong), FAILED, "wrong code")
    expect(s.guests["alpha"].ask("pair", code), OK, "the right one then")
    expect(asking.finish(10), OK, "va-host pair")
    s.host.wait_session("alpha", "up", 15)


def pairing_is_for_root():
    s = stage()
    expect(s.guests["alpha"].ask("pair", "K7Q4-2M9X", user="ann"), REFUSED, "va-guest pair by ann")
    expect(s.guests["alpha"].ask("ddc", "set", MONITOR, "0x11", user="ann"), REFUSED,
           "va-guest ddc set by ann")


# --- the seat ------------------------------------------------------------------------------------

def every_way():
    """From each machine to each other, asked for on the host and in the guest that has it."""
    s = stage()
    for asker in ("host", "holder"):
        for route in (("alpha", "beta", "host"), ("beta", "alpha", "host")):
            holder = "host"
            for target in route:
                start = now_ms()
                who = "host" if asker == "host" else holder
                expect(ask(s, who, "switch", target), OK, f"{holder} to {target} by {who}")
                shows(s, target, 0.1)
                writes = s.monitor.events("set", after=start)
                check_eq([(e["input"], e["value"]) for e in writes],
                         [(INPUTS[holder], INPUTS[target])], "writes: who (input), what")
                holder = target
    again = expect(s.host.ask("switch", "host"), OK, "to who has it")
    check("already" in again.text, again.text)


def dry_run_is_the_plan():
    s = stage()
    start = now_ms()
    plan = expect(s.host.ask("switch", "alpha", "--dry-run"), OK, "dry run")
    check_eq((s.shown_name(), s.host.holder(), s.monitor.events("set", after=start)),
             ("host", "host", []), "after a dry run")
    walk = expect(s.host.ask("switch", "alpha"), OK, "switch")
    keys = ("n", "actor", "text", "limit_ms", "undo", "when")
    check_eq([[o[k] for k in keys] for o in walk.all("step")],
             [[o[k] for k in keys] for o in plan.all("step")], "steps walked and planned")
    check_eq([o["state"] for o in walk.all("step")], ["done", "skipped", "done", "done"])


def hidden_inputs_are_deaf():
    """Only the machine that is shown can write; push must do, both ways."""
    s = stage()
    s.monitor.do("deaf ddc")
    for asker, target in (("host", "alpha"), ("alpha", "beta"), ("beta", "host")):
        expect(ask(s, asker, "switch", target), OK, f"to {target}")
        shows(s, target)


def shown_side_cannot_write():
    """The guest's owner forbids writes, so the other side must pull."""
    s = stage()
    expect(s.host.ask("switch", "alpha"), OK, "to alpha")
    alpha = s.guests["alpha"]
    alpha.put("/etc/virt-aid/guest-policy.d/10-no.policy", "* * * * deny\n")
    try:
        expect(alpha.ask("reload"), OK, "va-guest reload")
        expect(s.host.ask("guest", "alpha", "ddc", "set", MONITOR, "0x0f"), REFUSED, "ddc set")
        expect(s.host.ask("guest", "alpha", "shutdown"), REFUSED, "shutdown of the guest")
        walk = expect(s.host.ask("switch", "beta"), OK, "to beta")
        check_eq([(o["actor"], o["state"]) for o in walk.all("step")][:2],
                 [("alpha", "failed"), ("beta", "done")], "push, then pull")
        shows(s, "beta")
    finally:
        alpha.check(["rm", "/etc/virt-aid/guest-policy.d/10-no.policy"])
        expect(alpha.ask("reload"), OK, "va-guest reload")


def slow_switch():
    s = stage()
    s.monitor.do("switch_ms 2500")
    expect(s.host.ask("switch", "alpha"), OK, "a monitor that takes 2.5 s")
    shows(s, "alpha")


def dropped_write_is_repeated():
    s = stage()
    s.monitor.do("drop_sets 1")
    start = now_ms()
    expect(s.host.ask("switch", "alpha"), OK, "a monitor that forgets the first write")
    shows(s, "alpha")
    check_eq((len(s.monitor.events("drop", after=start)), len(s.monitor.events("set", after=start))),
             (1, 1), "writes dropped, and obeyed")


def lost_write_is_undone():
    """It acknowledges and never obeys: truthfully failed, nothing has changed."""
    s = stage()
    s.monitor.do("drop_sets 9")
    answer = expect(s.host.ask("switch", "alpha"), FAILED, "a monitor that never obeys")
    s.monitor.do("drop_sets 0")
    check_eq((s.shown_name(), s.host.holder()), ("host", "host"), answer.text)


def unreadable_monitor():
    s = stage()
    s.monitor.do("reply null")
    answer = expect(s.host.ask("switch", "alpha"), UNCONFIRMED, "a monitor that answers nulls")
    check("not confirmed" in answer.text, answer.text)
    shows(s, "alpha")
    s.monitor.do("reply ok")
    expect(s.guests["alpha"].ask("switch", "host"), OK, "back")
    shows(s, "host")


def two_at_once():
    s = stage()
    s.monitor.do("switch_ms 1500")
    first = s.host.begin("switch", "alpha")
    first.wait_for("step")
    expect(s.host.ask("switch", "beta"), BUSY, "a switch during a switch")
    expect(first.finish(), OK, "the first")
    shows(s, "alpha")


def holder_dies():
    """Its machine is gone: the seat comes home by itself."""
    s = stage()
    expect(s.host.ask("switch", "beta"), OK, "to beta")
    s.stop_guest("beta")
    try:
        s.monitor.wait_shown(INPUTS["host"], 5)
        wait_for(lambda: not s.host.ask("status").one("host")["switching"], 10, "the switch's end")
        shows(s, "host")
        expect(s.host.ask("switch", "beta"), REFUSED, "to a machine that is off")
    finally:
        s.boot("beta", token=False)
    # a fresh system without keys: the host's are of no use
    check(s.host.wait_session("beta", "waiting", 40) < 40, "no hint")
    drop()


# --- refusals --------------------------------------------------------------------------------------

def refusals_by_policy():
    s = stage()
    alpha = s.guests["alpha"]
    for target in ("alpha", "beta", "host"):
        start = now_ms()
        answer = expect(alpha.ask("switch", target, user="ann"), REFUSED, f"taking it to {target}")
        check("policy" in answer.text, answer.text)
        check_eq((s.shown_name(), s.monitor.events("set", after=start)), ("host", []))
    check("op=switch target=beta uid=1000" in s.host.log(), "no audit line")
    s.host.set_policy("switch alpha host 4711 allow\n* * * * deny\n")
    expect(s.host.reload(), OK, "reload")
    expect(s.host.ask("switch", "alpha"), OK, "to alpha")
    expect(alpha.ask("switch", "host", user="ann"), REFUSED, "by a user the policy does not name")
    expect(alpha.ask("list"), REFUSED, "guest.list denied")
    shows(s, "alpha")


def broken_policy_denies():
    s = stage()
    expect(s.host.ask("switch", "alpha"), OK, "to alpha")
    s.host.set_policy("switch * * * perhaps\n")
    s.host.reload()
    status = s.host.ask("status").one("host")
    check_eq(status["policy"]["ok"], False, "status: policy")
    check("50-stage.policy:1" in status["policy"]["text"], status["policy"]["text"])
    expect(s.guests["alpha"].ask("switch", "host"), REFUSED, "with a broken policy")
    shows(s, "alpha")


def words_that_are_off():
    s = stage()
    for words, code in ((("switch", "gamma"), REFUSED), (("switch",), USAGE),
                        (("switch", "bad name"), USAGE), (("fly",), USAGE),
                        (("ping", "gamma"), REFUSED), (("pair", "gamma"), REFUSED),
                        (("guest", "alpha", "ddc", "get", "nowhere"), REFUSED),
                        (("guest", "alpha", "ddc", "set", MONITOR, "0x12345"), USAGE),
                        (("approve", "77"), FAILED), (("cancel",), FAILED)):
        done = s.host.plain(*words)
        check(done.returncode == code, f"va-host {words}: {done.returncode}, not {code}: "
              f"{done.stdout}{done.stderr}")
        check(done.stderr and not done.stdout, f"va-host {words}: not said on stderr")
    alpha = s.guests["alpha"]
    expect(s.host.ask("switch", "alpha"), OK, "to alpha")
    for words, code in ((("switch", "gamma"), REFUSED), (("fly",), USAGE), (("switch",), USAGE)):
        rc, out = alpha.run(["va-guest", *words])
        check(rc == code and out, f"va-guest {words}: {rc}, not {code}: {out}")


def without_a_session():
    s = stage()
    alpha = s.guests["alpha"]
    alpha.sh("touch /run/no-agent; killall va-guestd")
    try:
        wait_for(lambda: s.host.guest("alpha")["session"] != "up", 40, "the session's end")
        expect(s.host.ask("ping", "alpha"), NOT_CONNECTED, "ping")
        expect(s.host.ask("switch", "alpha"), NOT_CONNECTED, "switch")
        check_eq(s.shown_name(), "host")
        expect(s.host.ask("switch", "alpha", "--force"), OK, "switch --force")
        s.monitor.wait_shown(INPUTS["alpha"], 3)
        expect(alpha.ask("status"), NOT_CONNECTED, "va-guest without va-guestd")
    finally:
        alpha.sh("rm /run/no-agent")
    s.host.wait_session("alpha", "up", 20)
    expect(alpha.ask("switch", "host"), OK, "back")


def without_the_host():
    s = stage()
    alpha = s.guests["alpha"]
    s.host.stop()
    done = s.host.plain("status")
    check_eq(done.returncode, NOT_CONNECTED, "va-host without va-hostd")
    check("systemctl start va-hostd" in done.stderr, done.stderr)
    wait_for(lambda: alpha.ask("switch", "host").rc == NOT_CONNECTED, 10, "va-guest's exit 5")
    s.host.start()
    s.wait_sessions(limit=15)


def outcome_unknown():
    """The guest's agent dies while its write is under way: it may have happened."""
    s = stage()
    alpha = s.guests["alpha"]
    expect(s.host.ask("guest", "alpha", "ddc", "get", MONITOR), OK, "a warm worker")
    s.monitor.do("hang 3000")
    asking = s.host.begin("guest", "alpha", "ddc", "set", MONITOR, "0x0f")
    wait_for(lambda: alpha.sh("pidof va-ddc").rc == 0, 5, "va-ddc")
    time.sleep(0.3)  # not for the result: COMMIT takes a round trip, and then it hangs for 3 s
    os_pid = alpha.agent_pid()
    alpha.check(["kill", "-9", str(os_pid)])
    expect(asking.finish(20), UNKNOWN, "a guest that died at work")
    s.host.wait_session("alpha", "up", 20)


# --- power -------------------------------------------------------------------------------------------

def begin_shutdown(s):
    s.host.shut_down.unlink(missing_ok=True)
    job = s.guests["alpha"].begin_ask("shutdown", "host", user="ann")
    question = wait_for(lambda: s.host.ask("pending").all("question"), 10, "the question")[0]
    check_eq((question["guest"], question["operation"], question["uid"]),
             ("alpha", "host.shutdown", 1000), "the question")
    return job, str(question["id"])


def shutdown_approved():
    s = stage()
    job, number = begin_shutdown(s)
    expect(s.host.ask("approve", number), OK, "approve")
    start = time.monotonic()
    answer = expect(s.guests["alpha"].finish_ask(job, 10), OK, "va-guest shutdown host")
    check_eq(answer.result.get("delay_s"), 2, "the delay")
    check_eq(s.host.ask("status").one("host")["shutdown"]["by"], "alpha", "status: shutdown")
    told = s.guests["beta"].ask("status").objects[0]
    check(0 < told.get("host_shutdown_s", 0) <= 2, f"beta was not told: {told}")
    wait_for(s.host.shut_down.exists, 5, "the shutdown")
    check(time.monotonic() - start > 1.5, "it did not wait for its delay")
    check_eq(s.host.ask("pending").all("question"), [], "questions left")


def shutdown_denied():
    s = stage()
    job, number = begin_shutdown(s)
    expect(s.host.ask("deny", number), OK, "deny")
    expect(s.guests["alpha"].finish_ask(job, 10), REFUSED, "va-guest shutdown host")
    expect(s.host.ask("approve", number), FAILED, "approving what was denied")
    check_eq(s.host.ask("status").one("host")["shutdown"], None, "status: shutdown")


def shutdown_unanswered():
    s = stage()
    s.host.set_policy(POLICY.replace("timeout=20s", "timeout=1s"))
    expect(s.host.reload(), OK, "reload")
    start = time.monotonic()
    answer = expect(s.guests["alpha"].ask("shutdown", "host", user="ann"), REFUSED, "unanswered")
    check(0.9 < time.monotonic() - start < 4, "not after its time")
    check("answered" in answer.text, answer.text)


def shutdown_cancelled():
    s = stage()
    s.host.shut_down.unlink(missing_ok=True)
    expect(s.host.ask("shutdown", "--delay", "2"), OK, "va-host shutdown")
    expect(s.host.ask("shutdown", "--delay", "2"), BUSY, "a second one")
    beta = s.guests["beta"]
    wait_for(lambda: "host_shutdown_s" in beta.ask("status").objects[0], 2, "the announcement")
    expect(s.host.ask("cancel"), OK, "va-host cancel")
    wait_for(lambda: "host_shutdown_s" not in beta.ask("status").objects[0], 1, "the second one")
    check_eq(s.host.ask("status").one("host")["shutdown"], None, "status: shutdown")
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        check(not s.host.shut_down.exists(), "it was shut down all the same")
        time.sleep(0.1)


def guest_powers_off():
    s = stage()
    expect(s.host.ask("guest", "beta", "shutdown"), OK, "va-host guest beta shutdown")
    s.guests["beta"].wait_off(15)
    drop()


# --- keys and reports ----------------------------------------------------------------------------------

def epoch(s, name):
    return int(re.search(r"^epoch = (\d+)", s.host.key_file(name).read_text(), re.M)[1])


def rekey_while_running():
    s = stage()
    before = s.host.key_file("alpha").read_text()
    old = epoch(s, "alpha")
    ping = s.host.begin("ping", "alpha", "-c", "3000")
    expect(s.host.ask("rekey", "alpha"), OK, "rekey")
    expect(ping.finish(), OK, "a ping meanwhile")
    check(epoch(s, "alpha") > old, "the epoch did not grow")
    after = s.host.key_file("alpha").read_text()
    for key in ("secret", "peer", "psk"):
        values = [re.search(rf"^{key} = (\S+)", t, re.M)[1] for t in (before, after)]
        check(values[0] != values[1], f"{key} is the old one")
    s.host.wait_session("alpha", "up", 10)
    expect(s.host.ask("ping", "alpha"), OK, "ping")
    expect(s.guests["alpha"].ask("ping"), OK, "ping the other way")
    # both sides have it on their disks: it outlives both daemons
    s.guests["alpha"].sh("killall va-guestd")
    s.host.stop()
    s.host.start()
    s.wait_sessions(limit=20)


def reports():
    s = stage()
    status = expect(s.host.ask("status"), OK, "status")
    host = status.one("host")
    check_eq((host["holder"], host["switching"], host["shutdown"]), ("host", False, None))
    alpha = status.one("guest", name="alpha")
    check_eq((alpha["state"], alpha["channel"], alpha["session"], alpha["holder"], alpha["gpus"],
              alpha["target"]), ("running", "connected", "up", False, [GPUS["alpha"]], True))
    monitor = s.host.ask("monitors").one("monitor", name=MONITOR)
    check_eq(monitor["shown"], "host")
    check_eq([(i["name"], i["value"], i["gpu"], i["machine"]) for i in monitor["inputs"]],
             [(n, INPUTS[n], GPUS[n], n) for n in NAMES])
    seen = s.host.ask("monitors").one("display")
    check_eq((seen["pci"], seen["input"], seen["key"]), (GPUS["host"], 0x0F, monitor["key"]))
    there = expect(s.host.ask("guest", "alpha", "ddc", "detect"), OK, "detect").one("display")
    check_eq(there["key"], monitor["key"], "the same monitor seen by alpha")
    machines = expect(s.guests["alpha"].ask("list", user="ann"), OK, "va-guest list")
    check_eq(sorted(m["name"] for m in machines.all("machine")), sorted(NAMES))
    check_eq(machines.one("machine", name="host")["holder"], True)
    for words in (("status",), ("list",), ("monitors",), ("--help",)):
        done = s.host.plain(*words, env={"COLUMNS": "80"})
        check_eq(done.returncode, OK, f"va-host {words}")
        wide = [line for line in done.stdout.splitlines() if len(line) > 80]
        check(not wide, f"va-host {words}: wider than 80: {wide}")


def round_trips():
    s = stage()
    answer = expect(s.host.ask("ping", "alpha", "-c", "200"), OK, "ping")
    check_eq(answer.result["count"], 200)
    check(0 < answer.result["min_usec"] <= answer.result["p50_usec"] <= answer.result["p99_usec"]
          <= answer.result["max_usec"] < 1000000, f"{answer.result}")
    check_eq(len(s.host.ask("ping", "alpha", "-c", "3").all("ping")), 3, "rounds told")
    expect(s.guests["beta"].ask("ping", "-c", "5", user="ann"), OK, "ping from beta")
    print(f"# host to alpha: p50 {answer.result['p50_usec']} us, p99 {answer.result['p99_usec']} us")


if __name__ == "__main__":
    run_cases(pairing_by_token, reports, round_trips, every_way, dry_run_is_the_plan,
              hidden_inputs_are_deaf, shown_side_cannot_write, slow_switch,
              dropped_write_is_repeated, lost_write_is_undone, unreadable_monitor, two_at_once,
              refusals_by_policy, broken_policy_denies, words_that_are_off, pairing_is_for_root,
              pairing_by_code, wrong_code_thrice, shutdown_approved, shutdown_denied,
              shutdown_unanswered, shutdown_cancelled, rekey_while_running, without_a_session,
              without_the_host, outcome_unknown, holder_dies, guest_powers_off)
