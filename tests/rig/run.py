#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the rigs of one layer and sums up.

    run.py LAYER --build DIR [--test FILE|CASE|FILE:CASE]

The rigs of layer a are selftest_a.py and rig_a_*.py beside this file. Each is a program that
prints "ok NAME", "FAIL NAME: why" or "skip NAME: why", one line a case, as the unit tests do.
"""
import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
JOBS = {"a": 4, "b": 2, "c": 2}  # boxes mostly wait; machines need the processors
running = set()


def run_one(path, case, limit, env, streams):
    """Runs a program and counts its lines by their first word. streams: prints them at once."""
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    held = []
    show = (lambda text: print(text, flush=True)) if streams else held.append
    show(f"--- {path.name}")
    process = subprocess.Popen(["/usr/bin/python3", "-B", str(path)] + ([case] if case else []),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace", env=env,
                               start_new_session=True)
    running.add(process)
    late = threading.Event()

    def stop():
        late.set()
        os.killpg(process.pid, signal.SIGTERM)

    timer = threading.Timer(limit, stop)
    timer.start()
    for line in process.stdout:
        word = line.split(" ")[0]
        if word in counts:
            counts[word] += 1
        if not re.match(r"\d+ passed, \d+ failed", line):
            show("  " + line.rstrip("\n"))
    rc = process.wait()
    timer.cancel()
    running.discard(process)
    if late.is_set() or (rc and not counts["FAIL"]) or not sum(counts.values()):
        counts["FAIL"] += 1
        why = f"still running after {limit} s" if late.is_set() else \
            f"ended with {rc}" if rc else "ran no case"
        show(f"  FAIL {path.name}: {why}")
    if held:
        print("\n".join(held), flush=True)
    return counts


def cases_of(path):
    """The names that the program hands to run_cases()."""
    found = re.search(r"^\s*run_cases\((.*?)\)\s*$", path.read_text(), re.S | re.M)
    return re.findall(r"\w+", found[1]) if found else []


def choose(programs, wanted):
    """(program, case or None) for TEST=wanted."""
    name, _, case = wanted.partition(":")
    exact = [p for p in programs if name in (p.stem, p.name, p.stem.split("_", 2)[-1])]
    if not wanted or exact:
        return [(p, case or None) for p in exact or programs]
    return [(p, wanted) for p in programs if wanted in cases_of(p)]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("layer")
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--test", default="")
    parser.add_argument("--limit", type=float, default=900, help="seconds for each program")
    args = parser.parse_args()
    programs = [p for p in [HERE / f"selftest_{args.layer}.py",
                            *sorted(HERE.glob(f"rig_{args.layer}_*.py"))] if p.exists()]
    env = os.environ | {"VA_BUILD": str(args.build.resolve()),
                        "VIRT_AID_LIBEXEC": str(args.build.resolve())}
    total = {"ok": 0, "FAIL": 0, "skip": 0}
    chosen = choose(programs, args.test)
    jobs = min(JOBS.get(args.layer, 1), len(chosen)) or 1
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            for counts in pool.map(lambda c: run_one(*c, args.limit, env, jobs == 1), chosen):
                for word, n in counts.items():
                    total[word] += n
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                os.killpg(process.pid, signal.SIGTERM)
            raise
    if not sum(total.values()):
        print(f"FAIL nothing ran: no rig or case is called {args.test!r}")
        total["FAIL"] = 1
    print(f"{total['ok']} passed, {total['FAIL']} failed"
          + (f", {total['skip']} skipped" if total["skip"] else ""))
    return 1 if total["FAIL"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
