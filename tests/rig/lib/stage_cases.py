# SPDX-License-Identifier: GPL-2.0-or-later
"""What the end-to-end cases share: one stage that is mended or made anew between them."""
import time

from . import base
from .stage import INPUTS, Stage
from .stage_host import POLICY
from .suite import check, check_eq

OK, FAILED, USAGE, REFUSED, UNKNOWN, NOT_CONNECTED, NOT_PAIRED, UNCONFIRMED, BUSY = range(9)
NORMAL = ("deaf none", "reply ok", "switch_ms 100", "lie off", "power 1", "drop_sets 0")
_shared = []


def stage():
    """The shared one as it was at its start: paired, sessions up, the monitor shows the host."""
    if _shared:
        try:
            return _mend(_shared[0])
        except Exception as why:
            print(f"# a new stage: {why}")
            drop()
    _shared.append(Stage(habits=NORMAL).start())
    return _shared[0]


def _mend(s):
    for habit in NORMAL:
        s.monitor.do(habit)
    s.host.set_policy(POLICY)
    check_eq(s.host.reload().rc, OK, "reload")
    if s.host.holder() != "host" or s.shown_name() != "host":
        check_eq(s.host.ask("switch", "host", "--force").rc, OK, "back to the host")
    s.monitor.wait_shown(INPUTS["host"], 5)
    s.host.wait_monitors()
    s.wait_sessions(limit=5)
    return s


def drop():
    """Ends the shared stage: the case has broken it."""
    while _shared:
        s = _shared.pop()
        s.close()
        base.forget(s)


def expect(answer, code, what):
    check(answer.rc == code, f"{what}: exit {answer.rc}, not {code}: {answer.text}")
    return answer


def shows(s, name, limit=3):
    s.monitor.wait_shown(INPUTS[name], limit)
    check_eq(s.host.holder(), name, "who holds the seat")


def now_ms():
    """As simmon's log has it."""
    return time.monotonic() * 1000
