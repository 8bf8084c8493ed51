#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Refusals, exit statuses, power, keys and reports, over real virtio-serial.

Every case begins with a monitor that shows the host, and with alpha and beta paired and in
session.
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, run_cases, wait_for  # noqa: E402
from lib.stage import GPUS, INPUTS, MONITOR  # noqa: E402
from lib.stage_cases import (BUSY, FAILED, NOT_CONNECTED, OK, REFUSED, UNKNOWN,  # noqa: E402
                             USAGE, drop, expect, now_ms, shows, stage)
from lib.stage_host import POLICY  # noqa: E402


# --- refusals -----------------------------------------------------------------------------------

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


# --- power --------------------------------------------------------------------------------------

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


# --- keys and reports ---------------------------------------------------------------------------

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
             [(n, INPUTS[n], GPUS[n], n) for n in INPUTS])
    seen = s.host.ask("monitors").one("display")
    check_eq((seen["pci"], seen["input"], seen["key"]), (GPUS["host"], 0x0F, monitor["key"]))
    there = expect(s.host.ask("guest", "alpha", "ddc", "detect"), OK, "detect").one("display")
    check_eq(there["key"], monitor["key"], "the same monitor seen by alpha")
    machines = expect(s.guests["alpha"].ask("list", user="ann"), OK, "va-guest list")
    check_eq(sorted(m["name"] for m in machines.all("machine")), sorted(INPUTS))
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
    print("# host to alpha: p50 {p50_usec} us, p99 {p99_usec} us".format(**answer.result))


if __name__ == "__main__":
    run_cases(reports, round_trips, refusals_by_policy, broken_policy_denies, words_that_are_off,
              shutdown_approved, shutdown_denied, shutdown_unanswered, shutdown_cancelled,
              rekey_while_running, without_a_session, without_the_host, outcome_unknown,
              guest_powers_off)
