#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-gpu when something goes wrong: each operation fails, hangs, or is the last that va-gpu does.

Afterwards either all is taken or all is back, and then the journal is gone. LONG=1 does it on
every machine (some minutes; run this file itself, with VA_BUILD), else on those that differ most.
"""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, run_cases  # noqa: E402
from lib.gpumachines import MACHINES, machine  # noqa: E402

LONG = bool(os.environ.get("LONG"))
CHOSEN = list(MACHINES) if LONG else ["nvidia", "amd_unmanaged"]
SCALE = 10  # per cent of the usual limits, so that what hangs is soon given up


def lengths(name):
    """How many operations taking has, and returning."""
    with machine(name) as m:
        check_eq(m.take().returncode, 0)
        taking = len(m.log)
        check_eq(m.give_back().returncode, 0)
        return taking, len(m.log) - taking


def one_reason(done):
    check(done.stderr.startswith("va-gpu: ") and done.stdout == "", f"{done}")


def settle(m, done, before, where):
    """What is left is put in order by the commands that are there for it."""
    died = done.returncode < 0
    if not died and done.returncode:
        one_reason(done)
    if died:
        again = m.run("recover")
        check_eq(again.returncode, 0, f"{where}: recover: {again.stderr}")
    if m.is_taken():
        m.check_taken()
        again = m.give_back()
        check_eq(again.returncode, 0, f"{where}: return: {again.stderr}")
    m.check_back(before)
    check(not m.kernel.sins and not m.services.sins, f"{m.kernel.sins}{m.services.sins}")


def taking(name, number, mode):
    where = f"{name}: {mode} at operation {number} of taking"
    with machine(name, SCALE if mode == "hang" else 100) as m:
        before = m.plain()
        m.fault = (number, mode)
        done = m.take()
        check(m.struck.is_set() or mode == "die-after", f"{where}: not reached")
        if done.returncode > 0:  # it says no by itself: all is back by itself
            check_eq(m.journals(), [], f"{where}: {done.stderr}: journals")
        if done.returncode == 0:
            check(m.is_taken(), f"{where}: not taken, and nobody told: {m.log}")
        settle(m, done, before, where)


def returning(name, number, mode):
    where = f"{name}: {mode} at operation {number} of returning"
    with machine(name, SCALE if mode == "hang" else 100) as m:
        before = m.plain()
        check_eq(m.take().returncode, 0)
        m.fault = (len(m.log) + number, mode)
        done = m.give_back()
        if done.returncode > 0:
            again = m.run("recover")
            check_eq(again.returncode, 0, f"{where}: recover: {again.stderr}")
        settle(m, done, before, where)


def everywhere(mode):
    jobs = []
    with ThreadPoolExecutor(max_workers=8 if mode == "hang" else 3) as pool:
        for name in CHOSEN:
            to_take, to_return = lengths(name)
            jobs += [pool.submit(taking, name, n, mode) for n in range(to_take)]
            jobs += [pool.submit(returning, name, n, mode) for n in range(to_return)]
        errors = [str(e) for e in (job.exception() for job in jobs) if e]
    for error in errors[:5]:
        print(f"     {error}")
    check(not errors, f"{len(errors)} of {len(jobs)} went wrong; {errors[:1]}")
    print(f"     {len(jobs)} operations on {len(CHOSEN)} machines")


def each_operation_fails():
    everywhere("fail")


def each_operation_hangs():
    everywhere("hang")


def killed_before_each_operation():
    everywhere("die")


def killed_after_each_operation():
    everywhere("die-after")


run_cases(each_operation_fails, each_operation_hangs, killed_before_each_operation,
          killed_after_each_operation)
