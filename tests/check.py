#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the layers of the tests one after the other and sums up.

    check.py LAYER...           each a target of the Makefile, arguments behind a comma:
                                check.py check-unit fuzz,T=3

Every layer's output is passed on as it comes; its last line "N passed, N failed[, N skipped]" is
added up. A layer that ends with non-zero and counts no failure, or prints no such line, is itself
one failure. The others run all the same.
"""
import os
import re
import subprocess
import sys
import time

SUM = re.compile(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$")


def run(layer):
    """[passed, failed, skipped] of one layer."""
    target, *arguments = layer.split(",")
    print(f"=== {target}", flush=True)
    start, counts = time.monotonic(), None
    # close_fds: make's own descriptors, by which it and the make within share their jobs
    process = subprocess.Popen([os.environ.get("MAKE", "make"), "--no-print-directory", target,
                                *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace", close_fds=False)
    for line in process.stdout:
        print(line, end="", flush=True)
        found = SUM.match(line)
        if found:
            counts = [int(n or 0) for n in found.groups()]
    rc = process.wait()
    if counts is None:
        print(f"FAIL {target}: no sum of its tests; it ended with {rc}")
        counts = [0, 1, 0]
    elif rc and not counts[1]:
        print(f"FAIL {target}: it ended with {rc}")
        counts[1] = 1
    print(f"--- {target}: {time.monotonic() - start:.0f} s", flush=True)
    return counts


def main():
    layers = sys.argv[1:]
    start = time.monotonic()
    each = [run(layer) for layer in layers]
    total = [sum(column) for column in zip(*each)] or [0, 1, 0]
    print(f"=== all layers, {time.monotonic() - start:.0f} s")
    for layer, (passed, failed, skipped) in zip(layers, each):
        print(f"{'FAIL' if failed else 'ok  '} {layer.split(',')[0]}: {passed} passed, "
              f"{failed} failed, {skipped} skipped")
    print(f"{total[0]} passed, {total[1]} failed"
          + (f", {total[2]} skipped" if total[2] else ""))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
