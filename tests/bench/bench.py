#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures what virt-aid takes, beside what others take for the same, in one run.

    bench.py --build DIR [--test guests|many|hook] [--count N]

Prints a table, and writes DIR/bench.json. The machine may be shared and slow: ratios are what
counts. A figure that misses its bar is named at the end.
"""
import argparse
import json
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent

# key: (bar, whether the figure must be at most the bar, what it is)
BARS = {
    "rpc_over_echo": (2.0, True, "null call, over a bare echo of 300 bytes"),
    "qemu_ga_over_rpc": (3.0, False, "qemu-ga's guest-ping, over a null call"),
    "rpc_p99_over_p50": (10.0, True, "null call: 99th percentile over median"),
    "ddcutil_over_set": (6.0, False, "ddcutil setvcp, over a warm write of the input"),
    "switch_over_floor": (1.5, True, "switch until acknowledged, over its write and 2 calls"),
    "guestd_pss_over_qemu_ga": (0.75, True, "memory of va-guestd, over qemu-ga's"),
    "core_pss_kib_1000": (32768, True, "memory of va-hostd with 1,000 guests, KiB"),
    "link_pss_kib_1000": (1024, True, "memory of each va-link then, KiB"),
    "restart_1000_s": (10.0, True, "killed va-hostd: 1,000 sessions back after, s"),
    "hook_ms": (20.0, True, "libvirt's hook where there is nothing to free, ms"),
    "idle_wakeups_per_s": (250.0, True, "wake-ups a second, 1,000 idle guests (keepalives: 200)"),
}
# what else is said: key, unit, text
MORE = (
    ("echo_usec", "us", "a bare echo of 300 bytes"),
    ("rpc_usec", "us", "null call host - guest - host, encrypted"),
    ("rpc_p99_usec", "us", "  its 99th percentile"),
    ("echo_p99_over_p50", "", "a bare echo: 99th percentile over median"),
    ("qga_usec", "us", "qemu-ga's guest-ping"),
    ("qga_synced_usec", "us", "  after a guest-sync, as libvirt sends each command"),
    ("qemu_ga_synced_over_rpc", "", "  the two, over a null call"),
    ("echo_min_usec", "us", "the quickest echo"),
    ("rpc_min_usec", "us", "the quickest null call"),
    ("qga_min_usec", "us", "the quickest guest-ping"),
    ("qemu_ga_over_echo", "", "qemu-ga's guest-ping, over a bare echo: no call exceeds this"),
    ("native_rpc_usec", "us", "null call without a machine around the guest"),
    ("native_rpc_300_usec", "us", "the same with an answer of 300 bytes"),
    ("rpc_300_over_rpc", "", "  over the null call"),
    ("handshake_ms", "ms", "handshake: the guest's first byte to the session"),
    ("handshake_max_ms", "ms", "  the slowest of eight"),
    ("restart_to_session_ms", "ms", "killed va-hostd: from its start to a session"),
    ("set_ours_ms", "ms", "va-host guest alpha ddc set"),
    ("set_ours_inside_ms", "ms", "va-guest ddc set, typed in the guest"),
    ("set_ddcutil_ms", "ms", "ddcutil setvcp in the same guest"),
    ("set_ddcutil_bus_ms", "ms", "ddcutil --bus N setvcp in the same guest"),
    ("set_ddcutil_native_ms", "ms", "ddcutil setvcp on the host"),
    ("ddcutil_bus_over_set", "", "ddcutil --bus N setvcp, over a warm write"),
    ("switch_at_monitor_ms", "ms", "switch: typed, the monitor has the write after"),
    ("switch_ack_ms", "ms", "switch: typed, the write is acknowledged after"),
    ("switch_write_ms", "ms", "  of that, the DDC write itself"),
    ("switch_ms", "ms", "switch: typed, read back and done after"),
    ("guestd_pss_kib", "KiB", "va-guestd, alone in its guest"),
    ("qga_pss_kib", "KiB", "qemu-ga, alone in the same guest"),
    ("hostd_pss_kib", "KiB", "va-hostd with two guests"),
    ("va_link_pss_kib", "KiB", "its va-link"),
    ("va_ddc_pss_kib", "KiB", "its va-ddc"),
    ("link_pss_max_kib_1000", "KiB", "the largest va-link of 1,000"),
    ("first_start_1000_s", "s", "1,000 guests: first start to all sessions"),
    ("core_wakeups_per_s", "/s", "wake-ups of va-hostd, 1,000 idle guests"),
    ("guestd_wakeups_per_s", "/s", "wake-ups of one va-guestd in an idle session"),
    ("hostd_wakeups_per_s", "/s", "wake-ups of va-hostd, two idle guests"),
)


def bar_of(key, found):
    """A bar that no channel could reach in this run is one relative to what a bare echo reaches."""
    bar = BARS[key][0]
    ceiling = found.get("qemu_ga_over_echo")
    if key == "qemu_ga_over_rpc" and ceiling:
        return min(bar, ceiling / BARS["rpc_over_echo"][0])
    return bar


def table(found):
    """The lines; the keys of the bars that were missed."""
    lines, missed = [], []
    lines.append(f"{'figure':58} {'seen':>9} {'bar':>9}")
    for key, (first_bar, most, text) in BARS.items():
        value, bar = found.get(key), bar_of(key, found)
        if value is None:
            lines.append(f"{text:58} {'-':>9}")
            continue
        good = value <= bar if most else value >= bar
        if not good:
            missed.append(key)
        lines.append(f"{text:58} {number(value):>9} {'<=' if most else '>='} {number(bar):>6}"
                     f"  {'met' if good else 'MISSED'}"
                     f"{'' if bar == first_bar else f', instead of {number(first_bar)}'}")
    lines.append("")
    for key, unit, text in MORE:
        if found.get(key) is not None:
            lines.append(f"{text:58} {number(found[key]):>9} {unit}")
    return lines, missed


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--test", default="", choices=["", "guests", "many", "hook"])
    parser.add_argument("--count", type=int, default=1000, help="guests of the second part")
    args = parser.parse_args()
    os.environ["VA_BUILD"] = str(args.build.resolve())
    sys.path[:0] = [str(HERE), str(HERE.parent / "rig")]
    import guests
    import hook
    import many
    start, found = time.monotonic(), dict.fromkeys(BARS)

    def say(text):
        print(f"  {time.monotonic() - start:5.0f} s  {text}", flush=True)
    if args.test in ("", "guests"):
        found.update(guests.measure(say))
    if args.test in ("", "many"):
        seen = many.measure(args.count, say)
        suffix = {"core_pss_kib", "link_pss_kib", "link_pss_max_kib", "restart_s", "first_start_s"}
        if args.count == 1000:
            found.update({(f"{k[:-2]}_1000_s" if k.endswith("_s") else f"{k}_1000")
                          if k in suffix else k: v for k, v in seen.items()})
            found["idle_wakeups_per_s"] = seen["core_wakeups_per_s"] + seen["link_wakeups_per_s"]
        else:
            found.update(seen)
    if args.test in ("", "hook"):
        found.update(hook.measure(args.build.resolve(), say))
    lines, missed = table(found)
    print("\n".join(lines))
    found = {k: round(v, 3) if isinstance(v, float) else v for k, v in found.items()}
    path = args.build / "bench.json"
    path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(f"\n{path}; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
