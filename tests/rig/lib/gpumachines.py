# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines that va-gpu is tried on, each with a guest that gets its card."""
import sys

from . import base
from .suite import check, check_eq

sys.path.insert(0, str(base.ROOT / "tests/sim/machine"))
from model import Model  # noqa: E402

GPU, AUDIO = "0000:01:00.0", "0000:01:00.1"
NVIDIA = ("nvidia_drm", "nvidia_uvm")


class Machine(Model):
    """A model with a guest: .guest gets .devices, managed or not."""
    guest, devices, managed = "win10", [GPU, AUDIO], "yes"

    def take(self, **options):
        return self.run("hook", self.guest, "prepare", "begin", "-",
                        xml=self.xml(self.devices, self.managed), **options)

    def give_back(self, **options):
        return self.run("hook", self.guest, "release", "end", "-",
                        xml=self.xml(self.devices, self.managed), **options)

    def acts(self):
        """The operations so far, without mere questions."""
        return [line for line in self.log
                if not any(w in line for w in ("is-active", "is-started", "-a list", " status"))]

    def check_taken(self):
        for address in self.devices:
            driver = self.kernel.devices[address].driver
            wanted = (None, "vfio-pci") if self.managed == "yes" else ("vfio-pci",)
            check(driver in wanted, f"{address} is on {driver}")
            check_eq(self.kernel.override(self.kernel.devices[address]), "vfio-pci",
                     f"override of {address}")
        check_eq(self.journals(), [f"{self.guest}.journal"], "journals")

    def is_taken(self):
        text = self.tree.get(f"/run/virt-aid/gpu/{self.guest}.journal") or ""
        return "\ntaken" in text and "returning" not in text

    def check_back(self, before):
        check_eq(self.plain(), before, "the machine")
        check_eq(self.journals(), [], "journals")


def _card(m, home, modules=(), **more):
    m.bridge("0000:00:01.0", 1)
    m.gpu(GPU, home, 1, modules=modules, **more)
    m.function(AUDIO, "snd_hda_intel", 1)


def nvidia(m):
    """A desktop of KDE, NVIDIA's daemon, and a job on the card."""
    m.display_manager("sddm.service")
    _card(m, "nvidia", NVIDIA, boot=1)
    m.kernel.add_console(0, "dummy device", 1)
    m.services.add("nvidia-persistenced.service")
    m.session(2, "sddm")
    m.user_unit("plasma-kwin_wayland.service")
    m.hold(["/dev/nvidia0", "/dev/nvidiactl"], "nvidia-persiste",
           service="nvidia-persistenced.service")
    m.hold(["/dev/dri/card2", "/dev/nvidia-modeset"], "kwin_wayland",
           user_unit="session.slice/plasma-kwin_wayland.service")
    m.hold(["/dev/dri/renderD129"], "firefox", session=2)


def amd(m):
    """An RX 6000 beside a processor's graphics that stays; the sound server on its HDMI."""
    m.display_manager("gdm.service")
    _card(m, "amdgpu", boot=1, fb=True)
    m.gpu("0000:0c:00.0", "amdgpu", 20, boot=0)
    m.kernel.add_console(0, "dummy device", 0)
    m.kernel.add_console(1, "frame buffer device", 1)
    m.session(3, "gdm-password")
    m.hold(["/dev/dri/card2"], "gnome-shell", session=3)
    m.hold(["/dev/snd/pcmC3D3p"], "wireplumber", user_unit="session.slice/wireplumber.service")
    m.user_unit("wireplumber.service")


def amd_unmanaged(m):
    amd(m)
    m.managed = "no"


def intel(m):
    """The processor's graphics is the only card, of class 0380; the chipset's sound uses it."""
    m.display_manager("lightdm.service")
    m.gpu("0000:00:02.0", "i915", 0, cls=0x038000, fb=True)
    m.function("0000:00:1f.3", "snd_hda_intel", 9, vendor=0x8086)
    m.kernel.add_console(1, "frame buffer device", 1)
    m.devices = ["0000:00:02.0"]
    m.session(1, "lightdm")
    m.hold(["/dev/dri/card1", "/dev/fb1"], "Xorg", service="lightdm.service")


def simpledrm(m):
    """NVIDIA without consoles of its own: the firmware's framebuffer lies in the card's memory."""
    m.display_manager("sddm.service")
    _card(m, "nvidia", NVIDIA, boot=1)
    m.kernel.add_console(1, "frame buffer device", 1)
    m.kernel.add_bootfb("simple-framebuffer.0", "simple-framebuffer", 0xe0000000, 0xe02fffff)
    m.tree.folder("/sys/class/graphics/fb0")
    m.hold(["/dev/dri/card2"], "Xorg", service="sddm.service")


def four_functions(m):
    nvidia(m)
    m.function("0000:01:00.2", "xhci_hcd", 1, cls=0x0c0330, kind="usb")
    m.function("0000:01:00.3", "nvidia-gpu", 1, cls=0x0c8000, kind="ucsi")
    m.devices = [*m.devices, "0000:01:00.2", "0000:01:00.3"]


def far_domain(m):
    m.display_manager("sddm.service")
    m.gpu("10000:01:00.0", "amdgpu", 60, cls=0x030200)
    m.function("10000:01:00.1", "snd_hda_intel", 60)
    m.devices = ["10000:01:00.0", "10000:01:00.1"]
    m.hold(["/dev/dri/renderD128"], "Xorg", service="sddm.service")


def two_in_one_group(m):
    """Two equal cards in one group; the guest gets both."""
    m.display_manager("sddm.service")
    for bus in ("01", "02"):
        m.gpu(f"0000:{bus}:00.0", "nouveau", 1, boot=int(bus == "01"))
        m.function(f"0000:{bus}:00.1", "snd_hda_intel", 1)
    m.devices = [f"0000:{b}:00.{f}" for b in ("01", "02") for f in (0, 1)]
    m.session(2, "sddm")
    m.hold(["/dev/dri/card1", "/dev/dri/card3"], "kwin_wayland", session=2)


def _elsewhere(dm, service=None):
    def build(m):
        _card(m, "amdgpu", boot=1, fb=True)
        m.kernel.add_console(1, "frame buffer device", 1)
        m.display_manager(dm)
        m.hold(["/dev/dri/card2"], "Xorg", service=dm)
        if service:
            m.services.add(service)
            m.hold(["/dev/dri/renderD129"], service, service=service)
    return build


def no_display_manager(m):
    """sway, started by hand on a text console."""
    _card(m, "amdgpu", boot=1)
    m.session(4, "login")
    m.hold(["/dev/dri/card2"], "sway", session=4)
    m.hold(["/dev/dri/renderD129"], "foot", session=4)


def second_card(m):
    """Nobody uses the card; the session is on another one."""
    m.display_manager("gdm.service")
    _card(m, "nvidia", NVIDIA)
    m.gpu("0000:00:02.0", "i915", 0, boot=1)
    m.hold(["/dev/dri/card4"], "gnome-shell", service="gdm.service")


def two_screens(m):
    """A session on both cards; the guest gets the one that the firmware did not choose."""
    m.display_manager("gdm.service")
    m.gpu("0000:01:00.0", "i915", 0, boot=1)
    m.gpu("0000:02:00.0", "amdgpu", 2, boot=0)
    m.devices = ["0000:02:00.0"]
    m.session(3, "gdm-password")
    m.hold(["/dev/dri/card1", "/dev/dri/card2"], "gnome-shell", session=3)


def kept_session(m):
    """The same, and the session is to stay; what is in it lets go when told."""
    two_screens(m)
    m.tree.put("/etc/virt-aid/gpu.conf", "[gpu]\nkeep-session = yes\n")
    m.follows.update(m.processes)


def bochs_unmanaged(m):
    """A driver that nobody has heard of."""
    _card(m, "bochs", cls=0x038000)
    m.managed = "no"


MACHINES = {
    "nvidia": (nvidia, "systemd"), "amd": (amd, "systemd"),
    "amd_unmanaged": (amd_unmanaged, "systemd"), "intel": (intel, "systemd"),
    "simpledrm": (simpledrm, "systemd"), "two_in_one_group": (two_in_one_group, "systemd"),
    "openrc": (_elsewhere("display-manager", "ollama"), "openrc"),
    "runit": (_elsewhere("lightdm"), "runit"), "s6": (_elsewhere("sddm-srv"), "s6"),
    "dinit": (_elsewhere("greetd", "ollama"), "dinit"),
    "no_display_manager": (no_display_manager, "systemd"),
    "four_functions": (four_functions, "systemd"), "far_domain": (far_domain, "systemd"),
    "two_screens": (two_screens, "systemd"), "kept_session": (kept_session, "systemd"),
    "second_card": (second_card, "systemd"), "bochs_unmanaged": (bochs_unmanaged, "systemd"),
}


def machine(name, limits=100):
    """A fresh machine of that name; a context manager."""
    build, init = MACHINES[name]
    m = Machine(base.BUILD, base.spawn, base.scratch("gpu-"), init)
    base.keep(m)
    m.limits = limits
    build(m)
    return m
