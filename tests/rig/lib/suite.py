# SPDX-License-Identifier: GPL-2.0-or-later
"""A test program's frame: the same lines as the unit tests print, and a sum at the end."""
import sys
import time
import traceback

from .base import RigError, Skip, close_all


class Failed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failed(what)


def check_eq(seen, wanted, what="value"):
    if seen != wanted:
        raise Failed(f"{what}: {seen!r}, not {wanted!r}")


def _where(error):
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/rig/lib/" not in f.filename] or frames
    return "line " + " > ".join(str(f.lineno) for f in own)


def _run_one(case):
    name = case.__name__
    try:
        case()
    except Skip as why:
        return "skip", f"skip {name}: {why}"
    except (Failed, RigError) as why:
        return "FAIL", f"FAIL {name}: {_where(why)}: {why}"
    except Exception as why:
        traceback.print_exc(file=sys.stdout)
        return "FAIL", f"FAIL {name}: {type(why).__name__}: {why}"
    return "ok", f"ok {name}"


def run_cases(*cases, verbose=True):
    """Runs the cases named on the command line, or all; ends the program."""
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    unknown = set(wanted) - {c.__name__ for c in cases}
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    for name in sorted(unknown):
        print(f"FAIL {name}: no such case")
        counts["FAIL"] += 1
    for case in cases:
        if wanted and case.__name__ not in wanted:
            continue
        start = time.monotonic()
        verdict, line = _run_one(case)
        counts[verdict] += 1
        took = f" ({time.monotonic() - start:.1f} s)" if verbose and verdict == "ok" else ""
        print(line + took)
        sys.stdout.flush()
    close_all()
    print(f"{counts['ok']} passed, {counts['FAIL']} failed"
          + (f", {counts['skip']} skipped" if counts["skip"] else ""))
    sys.exit(1 if counts["FAIL"] or not sum(counts.values()) else 0)
