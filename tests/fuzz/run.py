#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the fuzzers for some time each and sums up.

    run.py --build DIR [--seconds N] [--seed N] [--test NAME]

What they find interesting is kept in DIR/corpus/NAME, so that the next run goes on from there;
an input that broke one is kept in DIR/found. A fuzzer reads its seeds in tests/fuzz/seeds first:
a broken seed fails at once. With --seed all begin with the same numbers at each run, for a check
that is to say the same twice; without, each run tries something else. The last line is "N passed, N failed".
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

SEEDS = pathlib.Path(__file__).resolve().parent / "seeds"
ENV = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
GRACE = 120  # seconds for reading the corpus and minimising nothing


def run_one(path, build, seconds, seed):
    """(ok, text) of one fuzzer."""
    name = path.name.removeprefix("fuzz-")
    corpus, found = build / "corpus" / name, build / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    seeds = [SEEDS / name] if (SEEDS / name).is_dir() else []
    argv = [path, f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=10", "-rss_limit_mb=1024",
            "-print_final_stats=1", f"-artifact_prefix={found}/{name}-", corpus, *seeds]
    try:
        done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              errors="replace", timeout=seconds + GRACE, env=os.environ | ENV)
    except subprocess.TimeoutExpired:
        return False, f"still running after {seconds + GRACE} s"
    runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    if done.returncode:
        return False, f"ended with {done.returncode}\n" + "\n".join(
            "  " + line for line in done.stderr.splitlines()[-30:])
    return True, f"{runs[1] if runs else '?'} inputs"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="0: by chance")
    parser.add_argument("--test", default="")
    args = parser.parse_args()
    programs = sorted(p for p in (args.build / "tests/fuzz").glob("fuzz-*")
                      if not p.suffix and os.access(p, os.X_OK)
                      and args.test in ("", p.name, p.name.removeprefix("fuzz-")))
    failed = 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        for path, (ok, text) in zip(programs, pool.map(
                lambda p: run_one(p, args.build, args.seconds, args.seed), programs)):
            failed += not ok
            print(f"{'ok' if ok else 'FAIL'} {path.name}: {text}", flush=True)
    if not programs:
        print(f"FAIL nothing ran: no fuzzer is called {args.test!r}")
        failed = 1
    print(f"{len(programs) - failed if programs else 0} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
