#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the test programs of one layer and sums up.

A test program prints "ok NAME", "FAIL NAME: why" or "skip NAME: why", one line a case. One that
crashes, prints no case or leaves with non-zero without a FAIL line counts as failed itself.
The last line is "N passed, N failed[, N skipped]".
"""
import argparse
import os
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def run_one(path, case, timeout):
    argv = [str(path)] + ([case] if case else [])
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, env=os.environ | ENV)
        out, rc = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        out, rc = (late.stdout or b"").decode(errors="replace"), "time-out"
    lines = out.splitlines()
    passed = sum(line.startswith("ok ") for line in lines)
    failed = sum(line.startswith("FAIL ") for line in lines)
    skipped = sum(line.startswith("skip ") for line in lines)
    if rc != 0 and not failed:
        failed = 1
        lines.append(f"FAIL {path.name}: ended with {rc}")
    if not passed and not failed and not skipped and not case:
        failed = 1
        lines.append(f"FAIL {path.name}: ran no case")
    return path.name, lines, passed, failed, skipped


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("layer")
    parser.add_argument("--build", required=True)
    parser.add_argument("--test", default="")
    parser.add_argument("--also", nargs="*", default=[], help="test programs from elsewhere")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    folder = pathlib.Path(args.build) / "tests" / args.layer
    programs = sorted(p for p in folder.glob("test-*") if p.suffix == "" and os.access(p, os.X_OK))
    programs += [pathlib.Path(also).resolve() for also in args.also]
    program, _, case = args.test.partition(":")
    if program:
        exact = [p for p in programs if p.name in (program, f"test-{program}")]
        programs = exact or programs
        case = case if exact else program
    totals = [0, 0, 0]
    with ThreadPoolExecutor(max_workers=2) as pool:
        for name, lines, *counts in pool.map(lambda p: run_one(p, case, args.timeout), programs):
            totals = [a + b for a, b in zip(totals, counts)]
            bad = counts[1] > 0
            print(f"{'FAIL' if bad else 'ok  '} {name}: {counts[0]} passed, {counts[1]} failed"
                  + (f", {counts[2]} skipped" if counts[2] else ""))
            for line in lines:
                if bad or args.verbose or line.startswith("skip "):
                    print("     " + line)
            sys.stdout.flush()
    if sum(totals) == 0:
        print("FAIL no test ran")
        totals[1] = 1
    print(f"{totals[0]} passed, {totals[1]} failed" + (f", {totals[2]} skipped" if totals[2] else ""))
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
