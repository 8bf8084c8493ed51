#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make demo: the whole story on a machine that has neither a spare GPU nor a guest.

A simulated monitor has three inputs. On the first is this host, played by the real va-hostd,
whose GPU is made up; on the others are two real Linux guests under QEMU, whose agents reach the
monitor over a wire of their own. Everything that is said goes over real virtio-serial. The
program tells what happens as it happens, looks at the monitor after each step, and ends with
non-zero if anything is not as it should be.
"""
import os
import pathlib
import re
import signal
import sys
import textwrap
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "rig"))
from lib import BUILD, CACHE, RigError, Skip  # noqa: E402
from lib.base import close_all  # noqa: E402
from lib.stage import INPUTS, MONITOR, Stage  # noqa: E402

START = time.monotonic()
WIDTH = 78
INDENT = 16
COLOURS = {"host": "34", "alpha": "33", "beta": "32", "screen": "35", "demo": "1"}
LOG_LINES = (
    (re.compile(r"va-hostd: audit: guest (\S+) is paired, fingerprint (\S+)"),
     "{0} is paired; its fingerprint is {1}"),
    (re.compile(r"va-hostd: guest (\S+): session is up"),
     "a session with {0} is up, encrypted both ways"),
    (re.compile(r"va-hostd: switch: (\d+)\. (.*): (done|failed|undone) after (\d+) ms(.*)"),
     "  {1}: {2} ({3}~ms){4}"),
    (re.compile(r"va-hostd: audit: guest=(\S+) op=(\S+) target=(\S+) uid=(\d+) .*"
                r"outcome=(denied.*)"), "audit: {0}, user {3}, {1} {2}: {4}"),
    (re.compile(r"va-hostd: (shutdown: .*stand-in.*|shutdown in .*)"), "{0}"),
)


class Wrong(Exception):
    """Something was not as the story tells it."""


class Teller:
    """Prints: time, who, what. Colour on a terminal only, and not with NO_COLOR."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.colour = (self.terminal and not os.environ.get("NO_COLOR")
                       and os.environ.get("TERM") != "dumb")
        self.waiting = False
        self.times = []

    def _paint(self, who, text):
        return f"\033[{COLOURS.get(who, '0')}m{text}\033[0m" if self.colour else text

    def say(self, who, text):
        """A "~" is a space at which no line ends."""
        self.calm()
        head = f"{time.monotonic() - START:6.1f} s  {who:<6} "
        deeper = " " * (len(text) - len(text.lstrip()) + 2)
        lines = textwrap.wrap(text, WIDTH - INDENT, subsequent_indent=deeper,
                              break_on_hyphens=False, break_long_words=False)
        lines = [line.replace("~", " ") for line in lines]
        print(self._paint(who, head) + lines[0])
        for line in lines[1:]:
            print(" " * INDENT + line)
        sys.stdout.flush()

    def title(self, text):
        self.calm()
        print()
        print(self._paint("demo", text))

    def show(self, picture, who):
        self.calm()
        for line in picture.splitlines():
            print(" " * INDENT + self._paint(who, line))
        sys.stdout.flush()

    def wait(self, text):
        """A line that changes while something takes its time; on a terminal only."""
        if self.terminal:
            dots = "." * (1 + int((time.monotonic() - START) * 3) % 3)
            line = f"\r{time.monotonic() - START:6.1f} s  demo   {text}{dots:<3}"
            print(line, end="", flush=True)
            self.waiting = True

    def calm(self):
        if self.waiting:
            print("\r" + " " * WIDTH + "\r", end="")
            self.waiting = False


class Story:
    def __init__(self, stage, teller):
        self.stage, self.teller = stage, teller
        self.place = 0
        self.seconds = {}

    # --- telling

    def hear(self):
        """Tells what va-hostd has logged since."""
        text = self.stage.host.log()
        end = text.rfind("\n") + 1
        for line in text[self.place:end].splitlines():
            for pattern, words in LOG_LINES:
                found = pattern.match(line)
                if found:
                    self.teller.say("host", words.format(*found.groups()))
        self.place = max(self.place, end)

    def _finish(self, who, command, start, answer, wanted):
        self.hear()
        took = time.monotonic() - start
        self.teller.say(who, f"=> {answer.text or 'done'} (exit~{answer.rc},~{took:.2f}~s)")
        if answer.rc != wanted:
            raise Wrong(f"{command}: exit status {answer.rc}, and it should be {wanted}")
        return answer, took

    def on_host(self, *words, wanted=0):
        """A command typed on the host: its answer and the seconds it took."""
        command = "va-host " + " ".join(words)
        self.teller.say("host", f"admin@host$ {command}")
        start = time.monotonic()
        asking = self.stage.host.begin(*words)
        while asking.running:
            self.hear()
            time.sleep(0.01)
        return self._finish("host", command, start, asking.finish(), wanted)

    def begin_in(self, name, *words):
        self.teller.say(name, f"ann@{name}$ va-guest {' '.join(words)}")
        return time.monotonic(), self.stage.guests[name].begin_ask(*words, user="ann")

    def finish_in(self, name, begun, *words, wanted=0):
        guest = self.stage.guests[name]
        while not guest.is_done(begun[1]):
            self.hear()
        return self._finish(name, "va-guest " + " ".join(words), begun[0],
                            guest.finish_ask(begun[1]), wanted)

    def in_guest(self, name, *words, wanted=0):
        """A command that user ann types in a guest."""
        return self.finish_in(name, self.begin_in(name, *words), *words, wanted=wanted)

    def look(self, wanted):
        """The monitor must show that machine."""
        if not self.stage.monitor.shows_within(INPUTS[wanted], 2):
            raise Wrong(f"the monitor shows {self.stage.shown_name()}, and not {wanted}")
        self.teller.show(self.stage.monitor.picture(), wanted)

    # --- scenes

    def set_up(self):
        self.teller.title("One monitor, three machines")
        say = self.teller.say
        say("demo", "the monitor: DP-1 (0x0f) to the host, HDMI-1 (0x11) to alpha, "
                    "HDMI-2 (0x12) to beta")
        if not list(CACHE.glob("kernel-*")):
            say("demo", f"fetching the distribution's kernel for the guests, once, to {CACHE}")
        self.stage.prepare()
        self.stage.host.start()
        self.stage.host.wait_monitors()
        say("host", "va-hostd runs, and found its GPU's monitor")
        for name in self.stage.names:
            self.on_host("pair", name)

    def boot(self):
        self.teller.title("Two guests boot, and pair by the token in their firmware")
        start = time.monotonic()
        self.stage.boot(wait=False)
        told = set()

        def progress():
            self.teller.wait("alpha and beta boot (QEMU, emulated)")
            self.hear()
            for name, guest in self.stage.guests.items():
                if guest.boot_seconds and name not in told:
                    told.add(name)
                    self.teller.say(name, f"Linux is up after {guest.boot_seconds:.1f} s")
        self.stage.wait_booted(limit=90, on_wait=progress)
        progress()
        while not all(self.stage.host.guest(n)["session"] == "up" for n in self.stage.names):
            self.teller.wait("waiting for the sessions")
            self.hear()
            if time.monotonic() - start > 90:
                raise Wrong(f"no session after 90 s:\n{self.stage.host.tail()}")
            time.sleep(0.05)
        self.hear()
        self.seconds["two guests from power-on to a session"] = time.monotonic() - start
        answer, _ = self.on_host("ping", "alpha", "-c", "50")
        self.seconds["round trip to alpha, median"] = answer.result["p50_usec"] / 1e6
        self.look("host")

    def switch(self):
        self.teller.title("The seat goes round")
        _, took = self.on_host("switch", "alpha")
        self.seconds["switch, host to alpha"] = took
        self.look("alpha")
        _, took = self.in_guest("alpha", "switch", "beta")
        self.seconds["switch, alpha to beta, asked for in alpha"] = took
        self.look("beta")
        _, took = self.in_guest("beta", "switch", "host")
        self.seconds["switch, beta to host, asked for in beta"] = took
        self.look("host")

    def write_by_guest(self):
        self.teller.title("The host has a guest write to the monitor, on the guest's own GPU")
        _, took = self.on_host("guest", "alpha", "ddc", "set", MONITOR, "0x11")
        self.seconds["one write by a guest"] = took
        self.look("alpha")
        answer, _ = self.on_host("guest", "alpha", "ddc", "get", MONITOR)
        if answer.result.get("value", 0) & 0xFF != 0x11:
            raise Wrong(f"alpha read {answer.result}")
        self.on_host("guest", "alpha", "ddc", "set", MONITOR, "0x0f")
        self.look("host")

    def refuse(self):
        self.teller.title("A guest that does not hold the seat cannot take it")
        _, took = self.in_guest("alpha", "switch", "alpha", wanted=3)
        self.seconds["a refusal"] = took
        self.look("host")

    def shut_down(self):
        self.teller.title("A guest asks for the host's shutdown; a person on the host decides")
        begun = self.begin_in("alpha", "shutdown", "host")
        end = time.monotonic() + 10
        while not (questions := self.stage.host.ask("pending").all("question")):
            self.hear()
            if time.monotonic() > end:
                raise Wrong("nobody was asked")
            time.sleep(0.05)
        q = questions[0]
        self.teller.say("host", f"pending: question {q['id']}: {q['guest']} (user {q['uid']}) "
                                f"wants {q['operation']}")
        self.on_host("approve", str(q["id"]))
        self.finish_in("alpha", begun, "shutdown", "host")
        start = time.monotonic()
        while not self.stage.host.shut_down.exists():
            self.teller.wait("the shutdown's delay; \"va-host cancel\" would stop it")
            self.hear()
            if time.monotonic() - start > 10:
                raise Wrong("the delay is over and nothing was shut down")
            time.sleep(0.05)
        self.hear()
        self.teller.say("host", "now it would power off: a stand-in for that has run")
        self.look("host")

    def tell(self):
        for scene in (self.set_up, self.boot, self.switch, self.write_by_guest, self.refuse,
                      self.shut_down):
            scene()

    def sum_up(self):
        png = BUILD / "demo.png"
        self.stage.monitor.picture_png(png)
        self.teller.title("What it took")
        for what, seconds in self.seconds.items():
            number = f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"
            print(f"{'':{INDENT}}{what:<45}{number:>12}")
        print(f"{'':{INDENT}}last picture of the monitor: {png}")


def run(teller):
    with Stage() as stage:
        story = Story(stage, teller)
        try:
            story.tell()
        except (Wrong, RigError) as why:
            teller.calm()
            print(f"\nva-hostd's last words:\n{stage.host.tail(12)}", file=sys.stderr)
            for name, guest in stage.guests.items():
                if guest.boot_seconds:
                    words = guest.agent_log().splitlines()[-6:]
                    print(f"{name}'s va-guestd:\n" + "\n".join(words), file=sys.stderr)
            raise Wrong(why) from None
        story.sum_up()


def main():
    teller = Teller()
    code = 1
    try:
        run(teller)
        code = 0
    except Skip as why:
        print(f"demo: cannot run here: {why}", file=sys.stderr)
    except (Wrong, RigError) as why:
        print(f"\ndemo: FAILED: {why}", file=sys.stderr)
    except KeyboardInterrupt:
        teller.calm()
        print("\ndemo: interrupted", file=sys.stderr)
        code = 130
    finally:
        # a second Ctrl-C must not keep the rest from being cleaned up
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        close_all()
    if code == 0:
        print(f"\ndemo: all as told, in {time.monotonic() - START:.1f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
