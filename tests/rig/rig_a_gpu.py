#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-gpu on models of machines: what it takes and returns, in which order, and what it refuses."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, run_cases  # noqa: E402
from lib.gpumachines import AUDIO, GPU, MACHINES, machine  # noqa: E402


def whole(name, libvirt=False):
    """Takes and returns once without a fault; what was done, but for questions."""
    with machine(name) as m:
        before = m.plain()
        done = m.take()
        check_eq(done.returncode, 0, f"take: {done.stderr}")
        check_eq((done.stdout, done.stderr), ("", ""), "what the hook says")
        m.check_taken()
        taking = m.acts()
        m.log.clear()
        if libvirt:
            m.libvirt_takes(m.devices)
            m.libvirt_returns(m.devices)
        done = m.give_back()
        check_eq(done.returncode, 0, f"return: {done.stderr}")
        check_eq((done.stdout, done.stderr), ("", ""), "what the hook says")
        m.check_back(before)
        check(not m.kernel.sins and not m.services.sins, f"{m.kernel.sins}{m.services.sins}")
        return taking, m.acts()


def machine_is_managed(name):
    with machine(name) as m:
        return m.managed == "yes"


def in_order(log, *patterns):
    """Each pattern is in a line after the one before."""
    rest = list(log)
    for pattern in patterns:
        while rest and not re.search(pattern, rest[0]):
            rest.pop(0)
        check(rest, f"no {pattern!r} in its place in {log}")
        rest.pop(0)


def never(log, pattern):
    found = [line for line in log if re.search(pattern, line)]
    check(not found, f"{found}")


# --- vendors

def nvidia():
    taking, back = whole("nvidia")
    in_order(taking, "modprobe vfio-pci", "--user stop plasma-kwin", "stop sddm",
             "stop nvidia-persistenced", f"{AUDIO}/driver_override vfio-pci",
             f"{GPU}/driver_override vfio-pci", f"snd_hda_intel/unbind {AUDIO}",
             "modprobe -r nvidia_drm nvidia_modeset nvidia_uvm nvidia$")
    never(taking, "nvidia/unbind|drivers_probe|vtconsole|modprobe -r.*(drm_kms|vfio)")
    in_order(back, f"{GPU}/driver_override nvidia", "modprobe nvidia$", "modprobe nvidia_modeset",
             "modprobe nvidia_drm", f"{GPU}/driver_override $", f"drivers_probe {AUDIO}",
             "reset-failed nvidia-pers", "start nvidia-persistenced", "reset-failed sddm",
             "start sddm")
    never(back, "modprobe -r|remove|rescan|start plasma")


def amd():
    taking, back = whole("amd")
    in_order(taking, "stop gdm", "vtcon1/bind 0", f"{GPU}/driver_override vfio-pci",
             f"snd_hda_intel/unbind {AUDIO}", f"amdgpu/unbind {GPU}")
    never(taking, "modprobe -r|vtcon0|framebuffer|wireplumber|0000:0c:00.0")
    in_order(back, f"drivers_probe {GPU}", f"drivers_probe {AUDIO}", "vtcon1/bind 1", "start gdm")
    taking, back = whole("amd_unmanaged")
    in_order(taking, f"amdgpu/unbind {GPU}", f"drivers_probe {AUDIO}", f"drivers_probe {GPU}")
    in_order(back, f"{GPU}/driver_override amdgpu", f"vfio-pci/unbind {GPU}",
             f"drivers_probe {GPU}", f"{GPU}/driver_override $", f"vfio-pci/unbind {AUDIO}")


def intel():
    taking, _ = whole("intel")
    in_order(taking, "stop lightdm", "vtcon1/bind 0", "snd_hda_intel/unbind 0000:00:1f.3",
             "i915/unbind 0000:00:02.0", "drivers_probe 0000:00:1f.3")
    never(taking, "modprobe -r")


def firmware_framebuffer():
    taking, back = whole("simpledrm")
    in_order(taking, "vtcon1/bind 0", "simple-framebuffer/unbind simple-framebuffer.0",
             "driver_override", "modprobe -r nvidia_drm")
    never(back, "framebuffer/bind")  # a driver draws again


def framebuffer_of_another_card_stays():
    with machine("simpledrm") as m:
        m.tree.put("/proc/iomem", "d0000000-d02fffff : BOOTFB\n")
        check_eq(m.take().returncode, 0)
        never(m.log, "framebuffer|vtcon")


def nouveau_two_in_one_group():
    taking, _ = whole("two_in_one_group")
    in_order(taking, "unbind 0000:01:00.1", "unbind 0000:02:00.1", "modprobe -r nouveau")


def card_with_four_functions():
    """With a USB controller and its UCSI behind the plug: all go, the picture last."""
    taking, back = whole("four_functions")
    in_order(taking, "xhci_hcd/unbind 0000:01:00.2", "nvidia-gpu/unbind 0000:01:00.3",
             "modprobe -r nvidia_drm")
    in_order(back, "modprobe nvidia_drm", "drivers_probe 0000:01:00.2")
    with machine("four_functions") as m:
        check("plugged into it" in m.run("plan", xml=m.xml(m.devices)).stdout, "not said")


def far_domain():
    """Behind Intel's VMD addresses have a domain of five digits."""
    taking, _ = whole("far_domain")
    in_order(taking, "10000:01:00.1/driver_override", "10000:01:00.0/driver_override",
             "amdgpu/unbind 10000:01:00.0")


def bridges_are_let_be():
    for name in ("nvidia", "amd_unmanaged", "four_functions"):
        taking, back = whole(name)
        never(taking + back, "pcieport|0000:00:01.0")


def unknown_driver():
    taking, _ = whole("bochs_unmanaged")
    in_order(taking, f"bochs/unbind {GPU}", f"drivers_probe {GPU}")


def libvirt_binds_what_it_manages():
    """After "prepare" and before "release", as libvirt does with managed devices."""
    for name in MACHINES:
        if machine_is_managed(name):
            _, back = whole(name, libvirt=True)
            never(back, "remove|rescan")


# --- init systems

def init_systems():
    for name, stop, start in (
            ("openrc", "rc-service --quiet display-manager stop",
             "rc-service --quiet display-manager start"),
            ("runit", "sv -w 25 stop lightdm", "sv -w 25 start lightdm"),
            ("s6", "s6-rc -d change sddm-srv", "s6-rc -u change sddm-srv"),
            ("dinit", "dinitctl stop greetd", "dinitctl start greetd")):
        taking, back = whole(name)
        in_order(taking, stop, f"amdgpu/unbind {GPU}")
        in_order(back, f"drivers_probe {GPU}", start)
        never(taking + back, "systemctl|loginctl")
    taking, back = whole("no_display_manager")
    in_order(taking, "loginctl terminate-session 4", f"amdgpu/unbind {GPU}")
    never(back, "systemctl")


def debians_older_file():
    with machine("amd") as m:
        m.tree.drop("/etc/systemd/system/display-manager.service")
        m.tree.put("/etc/X11/default-display-manager", "/usr/sbin/gdm\n")
        check_eq(m.take().returncode, 0)
        in_order(m.log, "systemctl stop gdm.service")


def start_limit_is_cleared():
    with machine("nvidia") as m:
        before = m.plain()
        check_eq(m.take().returncode, 0)
        m.services.all["sddm.service"].starts_refused = True
        check_eq(m.give_back().returncode, 0)
        m.check_back(before)


# --- only what is needed

def nothing_for_a_card_nobody_shows():
    taking, back = whole("second_card")
    never(taking + back, "systemctl (stop|start)|vtcon")


def nothing_without_work():
    with machine("nvidia") as m:
        before = m.plain()
        m.function("0000:05:00.0", "xhci_hcd", 30, cls=0x0c0330, kind="usb")
        m.gpu("0000:06:00.0", None, 31)
        for xml in (m.xml([]), m.xml(["0000:05:00.0"]), m.xml(["0000:06:00.0"])):
            done = m.run("hook", "win10", "prepare", "begin", "-", xml=xml)
            check_eq((done.returncode, done.stderr), (0, ""))
        for step in (("start", "begin"), ("started", "begin"), ("stopped", "end"),
                     ("release", "end"), ("reconnect", "begin"), ("attach", "begin"),
                     ("migrate", "begin"), ("restore", "begin"), ("prepare", "end")):
            done = m.run("hook", "win10", *step, "-", xml=m.xml([GPU]))
            check_eq((done.returncode, done.stdout, done.stderr), (0, "", ""), f"{step}")
        check_eq(m.log, [], "operations")
        check(not m.tree.exists("/run/virt-aid"), "/run/virt-aid was made")
        check_eq(m.plain()["drivers"][GPU], before["drivers"][GPU])


def reconnect_is_always_fine():
    with machine("nvidia") as m:
        check_eq(m.take().returncode, 0)
        taken = len(m.log)
        for xml in (m.xml([GPU]), "", "<domain", "\0\xff"):
            check_eq(m.run("hook", "win10", "reconnect", "begin", "-", xml=xml).returncode, 0)
        check_eq(len(m.log), taken, "operations")
        check(m.is_taken(), "not taken any more")


def release_after_a_failed_start():
    with machine("nvidia") as m:
        before = m.plain()
        check_eq(m.take().returncode, 0)
        for step in (("stopped", "end"), ("release", "end"), ("release", "end")):
            check_eq(m.run("hook", "win10", *step, "failed", xml="").returncode, 0)
        m.check_back(before)


def two_guests_in_turn():
    with machine("nvidia") as m:
        before = m.plain()
        m.gpu("0000:02:00.0", "amdgpu", 40)
        both = m.plain()
        check_eq(m.take().returncode, 0)
        done = m.run("take", "b sd", "--device", "0000:02:00.0")
        check_eq(done.returncode, 0, done.stderr)
        check_eq(m.journals(), ["b%20sd.journal", "win10.journal"])
        check_eq(m.give_back().returncode, 0)
        check_eq(m.plain()["drivers"][GPU], before["drivers"][GPU])
        done = m.run("return", "b sd")
        check_eq(done.returncode, 0, done.stderr)
        m.check_back(both)


# --- what people read

def plan_changes_nothing():
    with machine("nvidia") as m:
        before = m.plain()
        done = m.run("plan", xml=m.xml(m.devices))
        check_eq(done.returncode, 0, done.stderr)
        for words in ("stop the service sddm.service", "nvidia-persiste (pid ", "firefox (pid ",
                      "unload nvidia_drm,nvidia_modeset", "bring 0000:01:00.0 back", "note: all "):
            check(words in done.stdout, f"no {words!r} in {done.stdout}")
        shown = json.loads(m.run("plan", "--json", xml=m.xml(m.devices)).stdout)
        check_eq(shown["ends_sessions"], True)
        check_eq({h["kind"] for h in shown["holders"]}, {"graphical", "service", "user-unit"})
        check_eq([d["address"] for d in shown["devices"]], [AUDIO, GPU])
        check("step" not in m.tree.names("/run/virt-aid"), "something was written")
        check(all("is-active" in line for line in m.log), f"{m.log}")
        m.check_back(before)


def status_says_what_is_taken():
    with machine("amd") as m:
        check_eq(m.run("status").stdout, "nothing is taken\n")
        check_eq(m.take().returncode, 0)
        text = m.run("status").stdout
        check(text.startswith("win10: taken") and "start the service gdm.service" in text, text)
        shown = json.loads(m.run("status", "--json").stdout)["guests"]
        check_eq((shown[0]["guest"], shown[0]["state"]), ("win10", "taken"))
        check_eq(m.run("recover").returncode, 0)
        check(m.is_taken(), "recover has undone what is in use")


run_cases(nvidia, amd, intel, firmware_framebuffer, framebuffer_of_another_card_stays,
          nouveau_two_in_one_group, card_with_four_functions, far_domain, bridges_are_let_be,
          unknown_driver,
          libvirt_binds_what_it_manages, init_systems, debians_older_file,
          start_limit_is_cleared, nothing_for_a_card_nobody_shows, nothing_without_work,
          reconnect_is_always_fine, release_after_a_failed_start, two_guests_in_turn,
          plan_changes_nothing, status_says_what_is_taken)
