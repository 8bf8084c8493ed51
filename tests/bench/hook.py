# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirt's hook where there is nothing to free: it runs at every start of every guest."""
import pathlib
import statistics
import subprocess
import tempfile
import time

ADDRESS = "0000:05:00.0"
FACTS = {"class": "0x020000", "vendor": "0x8086", "device": "0x1572", "driver_override": "(null)"}
XML = ("<domain type='kvm'><name>bench</name><devices><hostdev mode='subsystem' type='pci' "
       "managed='yes'><source><address domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>"
       "</source></hostdev></devices></domain>").encode()


def measure(build, say, count=60):
    """{"hook_ms": median}: a guest with a network card, from the start of va-gpu to its end."""
    say("libvirt's hook without work")
    with tempfile.TemporaryDirectory(prefix="va-hook-") as root:
        device = pathlib.Path(root) / f"sys/bus/pci/devices/{ADDRESS}"
        device.mkdir(parents=True)
        for name, text in FACTS.items():
            (device / name).write_text(text + "\n")
        argv = [str(build / "va-gpu"), "--root", root, "hook", "bench", "prepare", "begin", "-"]
        took = []
        for _ in range(count):
            start = time.monotonic()
            subprocess.run(argv, input=XML, check=True)
            took.append((time.monotonic() - start) * 1000)
    return {"hook_ms": statistics.median(took)}
