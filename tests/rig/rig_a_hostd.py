#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-hostd with real guests' agents and no machine: keys, pairing, policy, exit codes."""
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, wait_for  # noqa: E402
from lib.joined import Joined, run_cases  # noqa: E402


def hint(desk, name="alpha"):
    return desk.host.guest(name).get("hint", "")


def wait_hint(desk, words, name="alpha"):
    wait_for(lambda: words in hint(desk, name), 15, f"a hint with {words!r}, not "
             f"{desk.host.guest(name)}", step=0.05)


# --- pairing

def pairs_by_code():
    with Joined("alpha") as desk:
        check_eq(desk.host.ask("ping", "alpha").rc, 6, "ping before pairing")
        desk.wait_connected()
        asking, code = desk.open_window("alpha")
        check(desk.host.guest("alpha")["pairing"], "no window in the status")
        there = desk.guests["alpha"].ask("pair", code.lower().replace("-", " "))
        here = asking.finish(20)
        check_eq((there.rc, here.rc), (0, 0), "exit codes")
        check(here.result["fingerprint"] in here.text, here.text)
        check(here.result["fingerprint"] in str(there.result), f"{there} has another fingerprint")
        desk.host.wait_session("alpha")
        check(code not in desk.host.log() and code not in desk.guests["alpha"].tail(99),
              "the code is in a log")
        answer = desk.host.ask("ping", "alpha", "-c", "5")
        check_eq((answer.rc, len(answer.all("ping"))), (0, 5), "ping")
        check_eq(desk.guests["alpha"].ask("ping", "-c", "3").rc, 0, "ping from the guest")
        check_eq(os.stat(desk.host.key_file("alpha")).st_mode & 0o777, 0o600, "mode of link.key")


def pairs_by_token():
    with Joined("alpha", start=False) as desk:
        desk.host.start()
        desk.relays["alpha"].stop()
        answer = desk.host.ask("pair", "alpha")
        check_eq(answer.rc, 0, answer.text)
        check("next start" in answer.text, answer.text)
        token = desk.host.token("alpha")
        check_eq(token.stat().st_size, 32, "bytes of the token")
        desk.guests["alpha"].import_token(token)
        desk.relays["alpha"].start()
        desk.guests["alpha"].start()
        desk.host.wait_session("alpha")
        check_eq(token.stat().st_size, 0, "bytes of the used token")
        check(not desk.host.key_file("alpha").with_name("token.key").exists(), "our copy is there")


def token_survives_the_daemon():
    with Joined("alpha", start=False) as desk:
        desk.host.start()
        desk.relays["alpha"].stop()
        check_eq(desk.host.ask("pair", "alpha").rc, 0)
        desk.host.kill()
        desk.guests["alpha"].import_token(desk.host.token("alpha"))
        desk.relays["alpha"].start()
        desk.guests["alpha"].start()
        desk.host.start()
        desk.host.wait_session("alpha")


def third_wrong_code_closes_the_window():
    with Joined("alpha") as desk:
        asking, code = desk.open_window("alpha")
        wrong = "0000-0000" if code != "0000-0000" else "1111-1111"
        for n in range(3):
            check_eq(desk.guests["alpha"].ask("pair", wrong).rc, 1, f"wrong code {n + 1}")
        here = asking.finish(10)
        check_eq(here.rc, 1, here.text)
        check_eq([a["left"] for a in here.all("attempt")], [2, 1], "attempts left")
        check("three attempts" in here.text, here.text)
        check(desk.guests["alpha"].ask("pair", code).rc != 0, "the right code is still good")
        check(not desk.host.guest("alpha")["pairing"], "a window in the status")
        desk.pair("alpha")


def closed_window():
    with Joined("alpha") as desk:
        desk.wait_connected()
        answer = desk.guests["alpha"].ask("pair", "ABCD-EFGH", "--timeout", "10")
        check(answer.rc in (1, 3), f"{answer}")
        check(not desk.host.key_file("alpha").exists(), "a key was stored")
        check_eq(desk.guests["alpha"].ask("pair", "AB").rc, 2, "half a code")
        wait_hint(desk, "pair")


def window_stays_open_without_its_client():
    with Joined("alpha") as desk:
        asking, code = desk.open_window("alpha")
        asking.interrupt()
        asking.finish(5)
        wait_for(lambda: desk.host.guest("alpha")["pairing"], 5, "the window")
        check_eq(desk.guests["alpha"].ask("pair", code).rc, 0, "pair")
        desk.host.wait_session("alpha")


def second_pair_takes_over():
    with Joined("alpha") as desk:
        first, old = desk.open_window("alpha")
        second, code = desk.open_window("alpha")
        check("took over" in first.finish(5).text, "the first was not told")
        check(code != old, "the same code twice")
        check_eq(desk.guests["alpha"].ask("pair", code).rc, 0, "pair")
        check_eq(second.finish(5).rc, 0)


# --- keys

def reinstalled_guest_needs_pairing():
    with Joined("alpha") as desk:
        desk.pair()
        guest = desk.guests["alpha"]
        guest.stop()
        guest.forget()
        desk.restart("alpha")
        wait_hint(desk, "va-host pair")
        check_eq(desk.host.guest("alpha")["session"] == "up", False, "session up")
        answer = desk.host.ask("ping", "alpha")
        check(answer.rc in (5, 6) and "pair" in answer.text, str(answer))
        desk.pair()


def cloned_disk_is_not_its_original():
    with Joined("alpha", "beta") as desk:
        desk.pair("alpha")
        clone = desk.guests["beta"]
        clone.stop()
        shutil.rmtree(clone.state_dir)
        shutil.copytree(desk.guests["alpha"].state_dir, clone.state_dir)
        clone.start()
        wait_hint(desk, "pair", "beta")
        check(desk.host.guest("beta")["session"] != "up", "the clone has a session")
        check_eq(desk.host.guest("alpha")["session"], "up", "the original")
        desk.pair("beta")
        check_eq(desk.host.guest("alpha")["session"], "up", "the original, afterwards")
        clone.stop()
        shutil.rmtree(clone.state_dir)
        shutil.copytree(desk.guests["alpha"].state_dir, clone.state_dir)
        desk.restart("beta")
        wait_hint(desk, "reinstalled, cloned", "beta")


def spoilt_key_file_is_named():
    """Each damage has its own words, which name the file; the status says so, too."""
    def truncate(path):
        path.write_bytes(path.read_bytes()[:100])

    def link(path):
        path.rename(path.with_name("elsewhere"))
        path.symlink_to("elsewhere")

    with Joined("alpha") as desk:
        desk.pair()
        path = desk.host.key_file("alpha")
        good = path.read_bytes()
        for spoil, words in ((truncate, "line of a key record"),
                             (lambda p: p.write_bytes(good.replace(b"epoch = 1", b"epoch = 2")),
                              "checksum"),
                             (lambda p: p.chmod(0o640), "readable or writable by other users"),
                             (link, "symbolic link"),
                             (lambda p: p.write_bytes(b""), "empty"),
                             (lambda p: p.write_bytes(b"x" * 5000), "longer than any key")):
            desk.host.stop()
            path.unlink()
            path.write_bytes(good)
            path.chmod(0o600)
            spoil(path)
            mark = desk.host.mark()
            desk.host.start()
            desk.host.wait_log(words, 5, mark)
            line = next(x for x in desk.host.log()[mark:].splitlines() if words in x)
            check(str(path) in line, f"the file is not named: {line}")
            wait_hint(desk, words)
            check(str(path) in hint(desk), hint(desk))
            check_eq(desk.host.ask("ping", "alpha").rc, 6, "ping")
        desk.pair()
        check(not path.is_symlink(), "pairing left the link")


def record_of_another_guest():
    with Joined("alpha", "beta") as desk:
        desk.pair()
        desk.host.stop()
        shutil.copy2(desk.host.key_file("alpha"), desk.host.key_file("beta"))
        desk.host.start()
        wait_hint(desk, "another guest", "beta")
        desk.host.wait_session("alpha")


def unpair():
    with Joined("alpha") as desk:
        desk.pair()
        answer = desk.host.ask("unpair", "alpha")
        check_eq(answer.rc, 0, answer.text)
        check(not desk.host.key_file("alpha").exists(), "the key is there")
        check_eq(desk.host.ask("ping", "alpha").rc, 6, "ping")
        check_eq(desk.host.ask("unpair", "alpha").rc, 0, "twice")
        desk.pair()


def rekey():
    with Joined("alpha") as desk:
        check_eq(desk.host.ask("rekey", "alpha").rc, 6, "without keys")
        desk.pair()
        before = desk.host.key_file("alpha").read_text()
        answer = desk.host.ask("rekey", "alpha")
        check_eq(answer.rc, 0, answer.text)
        after = desk.host.key_file("alpha").read_text()
        check("epoch = 2" in after and "epoch = 1" in before, "epochs")
        check("next-" not in after, "the roll is not complete")
        check_eq(desk.host.ask("ping", "alpha").rc, 0, "ping")
        desk.guests["alpha"].kill()
        check_eq(desk.host.ask("rekey", "alpha", "--timeout", "1").rc, 4, "without the guest")
        desk.guests["alpha"].start()
        desk.host.wait_session("alpha")
        check_eq(desk.host.ask("ping", "alpha").rc, 0, "ping after the command left")


def rekey_survives_a_killed_guest():
    with Joined("alpha") as desk:
        desk.pair()
        desk.guests["alpha"].process.send_signal(19)
        asking = desk.host.begin("rekey", "alpha")
        wait_for(lambda: "next-epoch" in desk.host.key_file("alpha").read_text(), 5,
                 "the first half of the roll")
        desk.guests["alpha"].kill()
        desk.guests["alpha"].start()
        answer = asking.finish(35)
        desk.host.wait_session("alpha")
        check_eq(answer.rc, 0, answer.text)
        check("epoch = 2" in desk.host.key_file("alpha").read_text(), "the roll went on")
        check_eq(desk.host.ask("ping", "alpha").rc, 0, "ping")


run_cases(pairs_by_code, pairs_by_token, token_survives_the_daemon,
          third_wrong_code_closes_the_window, closed_window,
          window_stays_open_without_its_client, second_pair_takes_over,
          reinstalled_guest_needs_pairing, cloned_disk_is_not_its_original,
          spoilt_key_file_is_named, record_of_another_guest, unpair, rekey,
          rekey_survives_a_killed_guest)
