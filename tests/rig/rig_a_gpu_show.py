#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-host gpu, and what va-gpu says before anything is given away, on models of machines."""
import json
import os
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import Skip, base, check, check_eq, run_cases, scratch  # noqa: E402
from lib.gpumachines import AUDIO, GPU, machine  # noqa: E402


class Command:
    """va-host beside a va-gpu that works on the model; virsh knows the model's guest."""

    def __init__(self, m):
        self.m, self.folder = m, scratch("gpu-cli-")
        shutil.copy(base.program("va-host"), self.folder / "va-host")
        env = {"VA_MODEL_ROOT": str(m.root),
               "LD_PRELOAD": str(m.build / "tests/sim/sysfs-shim.so")}
        words = ["env", *(f"{k}={v}" for k, v in env.items()), str(m.build / "va-gpu"), "--root",
                 str(m.root), "--limits", str(m.limits)]
        self._script("va-gpu", f'exec {shlex.join(words)} "$@"')
        (self.folder / "guest.xml").write_text(m.xml(m.devices))
        self._script("virsh", f'[ "$*" = "-c qemu:///system dumpxml --domain {m.guest}" ] || '
                     f'{{ echo "no domain: $*" >&2; exit 1; }}\ncat {self.folder}/guest.xml')

    def _script(self, name, text):
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / name).chmod(0o755)

    def __call__(self, *words, xml=None):
        env = {"PATH": f"{self.folder}:/usr/bin:/bin"}
        return subprocess.run([str(self.folder / "va-host"), "gpu", *words], env=env, timeout=60,
                              capture_output=True, text=True, check=False,
                              **({"input": xml} if xml is not None
                                 else {"stdin": subprocess.DEVNULL}))

    def objects(self, *words, **options):
        done = self(*words, "--json", **options)
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        check_eq(objects[-1]["type"], "result", f"the last object of {done}")
        check_eq(objects[-1]["exit"], done.returncode, "exit status")
        return objects


def one(objects, kind):
    return next(o for o in objects if o["type"] == kind)


def has(text, *words):
    for word in words:
        check(word in text, f"no {word!r} in {text}")


def lists_the_cards():
    with machine("amd") as m:
        m.tree.put(f"/sys/devices/pci0000:00/{GPU}/reset_method", "flr bus\n")
        va_host = Command(m)
        done = va_host("list")
        check_eq((done.returncode, done.stderr), (0, ""))
        has(done.stdout, GPU, "0000:0c:00.0", "on amdgpu", "IOMMU group 1", "booted on it")
        cards = [o for o in va_host.objects("list") if o["type"] == "gpu"]
        check_eq([(c["address"], c["boot"], c["iommu_group"]) for c in cards],
                 [(GPU, True, 1), ("0000:0c:00.0", False, 20)])
        check_eq((cards[0]["boot_signs"], cards[0]["reset_methods"], cards[0]["group_members"],
                  cards[0]["class"]), (["boot_vga"], "flr bus", [AUDIO], "0300"))
        check_eq(m.log, [], "operations")
        check(not m.tree.exists("/run/virt-aid"), "something was written")


def needs_no_root_to_look():
    if os.getuid():
        raise Skip("needs root to be somebody else")
    with machine("amd") as m:
        program = scratch("gpu-") / "va-gpu"
        shutil.copy(m.build / "va-gpu", program)
        for folder in (program.parent, m.root):
            folder.chmod(0o755)
        for words in (["list"], ["show", GPU]):
            done = subprocess.run([str(program), "--root", str(m.root), *words],
                                  capture_output=True, text=True, user=65534, check=False)
            check_eq((done.returncode, done.stderr), (0, ""))
            has(done.stdout, GPU, "booted on it")
        has(done.stdout, "say it as root")


def shows_what_a_guest_would_stop():
    """With the definition from virsh, and from a pipe."""
    with machine("nvidia") as m:
        before = m.plain()
        va_host = Command(m)
        for xml in (None, m.xml(m.devices)):
            done = va_host("show", "win10", xml=xml)
            check_eq(done.returncode, 0, done.stderr)
            has(done.stdout, "class 0300 (VGA)", "boot_vga", f"in its group: {AUDIO}",
                "stop the service sddm.service", "firefox (pid ", "no way to reset it",
                "way back: NONE")
        done = va_host("show", "other")
        check(done.returncode == 2 and "no domain" in done.stderr, f"{done}")
        m.check_back(before)


def shows_a_card_by_its_address():
    with machine("amd") as m:
        va_host = Command(m)
        m.tree.put("/proc/net/tcp", "  sl  local_address rem_address   st\n"
                   "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:0 0 0 1\n")
        m.tree.put("/proc/sys/kernel/osrelease", "6.14.2-arch1\n")
        objects = va_host.objects("show", "01:00.0")
        plan, ways = one(objects, "plan"), one(objects, "ways-back")["ways"]
        check_eq([d["address"] for d in plan["devices"]], [AUDIO, GPU])
        check(plan["ends_sessions"] and plan["devices"][1]["boot"], f"{plan}")
        check(any("keeps the card 0000:0c:00.0" in w for w in ways) and
              any("ssh" in w for w in ways), f"{ways}")
        check(any("6.14.2" in t for t in one(objects, "gpu")["troubles"]), f"{objects}")
        for word in ("0000:00:01.0", "0000:99:00.0"):
            done = va_host("show", word)
            check(done.returncode == 2 and "no graphics card" in done.stderr, f"{done}")


def says_why_a_card_cannot_go():
    with machine("nvidia") as m:
        m.function("0000:03:00.0", "xhci_hcd", 1, cls=0x0c0330, kind="usb")
        va_host = Command(m)
        done = va_host("show", GPU)
        has(done.stdout, "cannot be taken: ", "0000:03:00.0 (xhci_hcd)", "class 0300")
        has(one(va_host.objects("show", GPU), "refusal")["text"], "0000:03:00.0")


def ways_back():
    with machine("nvidia") as m:
        va_host = Command(m)
        m.tree.put("/var/lib/virt-aid/guests/win10/link.key", "")
        m.tree.put("/run/systemd/shutdown/scheduled", "")
        m.hold([], "sshd")
        text = va_host("show", "win10").stdout
        has(text, "way back: a login by network", "way back: the agent in win10",
            "way back: a shutdown that is scheduled")
        check("way back: the agent" not in va_host("show", GPU).stdout, "of no guest")


def other_masters():
    """Scripts of the user's own that do the same, and a hook that libvirt passes over."""
    with machine("amd") as m:
        va_host, hooks = Command(m), "/etc/libvirt/hooks"
        has(va_host("show", GPU).stdout, "hook: libvirt's hook is not installed")
        m.tree.put(f"{hooks}/qemu.d/50-virt-aid", "#!/bin/sh\nunbind driver_override\n")
        m.tree.at(f"{hooks}/qemu.d/50-virt-aid").chmod(0o644)
        has(va_host("show", GPU).stdout, "50-virt-aid cannot be run")
        m.tree.at(f"{hooks}/qemu.d/50-virt-aid").chmod(0o755)
        m.tree.put(f"{hooks}/qemu", "#!/bin/sh\nfor f in qemu.d/$1/$2/$3/*; do $f; done\n")
        m.tree.put(f"{hooks}/network", "\0" * 70000)
        m.tree.at(f"{hooks}/qemu.d/loop").symlink_to(m.tree.at(hooks))
        check_eq(one(va_host.objects("show", GPU), "hooks")["notes"], [])
        m.tree.put(f"{hooks}/qemu.d/win10/prepare/begin/start.sh", "virsh nodedev-detach pci_x\n")
        notes = one(va_host.objects("show", GPU), "hooks")["notes"]
        check_eq(len(notes), 1, f"{notes}")
        has(notes[0], "win10/prepare/begin/start.sh", "two masters")


def boot_gpu_of_class_0380():
    """It has no boot_vga, and the card beside it may claim to be what the machine booted on."""
    with machine("intel") as m:
        m.gpu("0000:01:00.0", "amdgpu", 1, boot=1)
        cards = {o["address"]: o for o in Command(m).objects("list") if o["type"] == "gpu"}
        check(cards[GPU]["boot"], "without a better word, boot_vga counts")
        m.tree.put("/sys/devices/pci0000:00/0000:00:02.0/drm/card1/boot_display", "1\n")
        cards = {o["address"]: o for o in Command(m).objects("list") if o["type"] == "gpu"}
        check_eq((cards["0000:00:02.0"]["boot"], cards["0000:00:02.0"]["class"], cards[GPU]["boot"]),
                 (True, "0380", False))


def takes_and_returns():
    if os.getuid():
        raise Skip("is for root alone")
    with machine("amd") as m:
        before = m.plain()
        va_host = Command(m)
        check_eq(va_host.objects("take", "win10")[-1]["result"], "ok")
        m.check_taken()
        has(va_host("list").stdout, "taken for win10")
        check_eq(va_host("recover").returncode, 0)
        check(m.is_taken(), "recover has undone what is in use")
        has(va_host("return", "win10").stdout, "all that was taken for win10 is back")
        m.check_back(before)
        has(va_host("return", "win10").stdout, "nothing is taken for win10")
        has(va_host("take", "win10", xml=m.xml([])).stdout, "nothing to free")
        m.tree.drop(f"/sys/devices/pci0000:00/{GPU}/iommu_group")
        refused = va_host.objects("take", "win10")[-1]
        check(refused["exit"] == 3 and "IOMMU" in refused["text"], f"{refused}")


run_cases(lists_the_cards, needs_no_root_to_look, shows_what_a_guest_would_stop,
          shows_a_card_by_its_address, says_why_a_card_cannot_go, ways_back,
          other_masters, boot_gpu_of_class_0380, takes_and_returns)
