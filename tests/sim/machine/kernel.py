# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel of the model: PCI devices, drivers, modules, consoles, DRM cards.

A write to an attribute returns 0 or an error number, and changes the tree as a kernel would. What
no kernel forgives is kept in self.sins, for tests to look at: an unbind while somebody holds the
card, or while NVIDIA's modules have users.
"""
import errno

# module -> modules it needs
NEEDS = {"nvidia": [], "nvidia_modeset": ["nvidia"], "nvidia_drm": ["nvidia_modeset"],
         "nvidia_uvm": ["nvidia"], "amdgpu": [], "radeon": [], "i915": [], "xe": [],
         "nouveau": [], "snd_hda_intel": [], "vfio_pci": [], "bochs": [], "xhci_pci": [],
         "i2c_nvidia_gpu": []}
DRIVER = {"vfio_pci": "vfio-pci", "xhci_pci": "xhci_hcd", "i2c_nvidia_gpu": "nvidia-gpu", "nvidia_modeset": None,
          "nvidia_drm": None, "nvidia_uvm": None}
PCI = "/sys/bus/pci"


class Device:
    def __init__(self, addr, home, group, kind, connectors=(), fb=False, buses=0):
        self.addr, self.home, self.group, self.kind = addr, home, group, kind
        self.connectors, self.fb, self.buses = list(connectors), fb, buses
        self.driver, self.number, self.present, self.refuses = None, None, True, 0
        self.dark = False  # its connectors come back without a monitor
        self.cured_by_removal = False


class Kernel:
    def __init__(self, tree):
        self.tree = tree
        self.devices, self.modules, self.sins = {}, [], []
        self.held = lambda node: False  # set by the model
        self.told = lambda device, event: None  # the same: a made-up event about its DRM card
        self.stuck_modules = set()
        for path in (f"{PCI}/drivers_probe", f"{PCI}/rescan"):
            tree.put(path)
        tree.folder("/sys/class/drm")
        tree.folder("/sys/class/graphics")
        tree.folder("/dev")

    # --- making

    def add_device(self, device, cls, vendor, ident, boot=None, bar=None):
        self.devices[device.addr] = device
        device.facts = {"class": f"0x{cls:06x}\n", "vendor": f"0x{vendor:04x}\n",
                        "device": f"0x{ident:04x}\n", "remove": "",
                        "resource": (bar or "0x0 0x0 0x0") + "\n"}
        if boot is not None:
            device.facts["boot_vga"] = f"{boot}\n"
        device.number = len(self.devices)
        self._appear(device)

    def _appear(self, device):
        real = f"/sys/devices/pci0000:00/{device.addr}"
        for name, text in device.facts.items():
            self.tree.put(f"{real}/{name}", text)
        self.tree.put(f"{real}/driver_override", "(null)\n")
        if device.group is not None:
            self.tree.folder(f"/sys/kernel/iommu_groups/{device.group}")
            self.tree.link(f"{real}/iommu_group", f"/sys/kernel/iommu_groups/{device.group}")
        self.tree.link(f"{PCI}/devices/{device.addr}", real)
        device.present = True

    def add_console(self, number, name, bound):
        self.tree.put(f"/sys/class/vtconsole/vtcon{number}/name", f"(M) {name}\n")
        self.tree.put(f"/sys/class/vtconsole/vtcon{number}/bind", f"{bound}\n")

    def add_bootfb(self, name, driver, start, end):
        for what in ("bind", "unbind"):
            self.tree.put(f"/sys/bus/platform/drivers/{driver}/{what}")
        self.tree.folder(f"/sys/devices/platform/{name}")
        self.tree.link(f"/sys/bus/platform/devices/{name}", f"/sys/devices/platform/{name}")
        self._platform(name, driver, True)
        self.tree.put("/proc/iomem", f"{start - 0x1000:x}-{end + 0x1000:x} : PCI Bus 0000:01\n"
                                     f"  {start:x}-{end:x} : BOOTFB\n")

    def _platform(self, name, driver, bound):
        path = f"/sys/bus/platform/drivers/{driver}/{name}"
        link = f"/sys/devices/platform/{name}/driver"
        if bound:
            self.tree.link(path, f"/sys/devices/platform/{name}")
            self.tree.link(link, f"/sys/bus/platform/drivers/{driver}")
        else:
            self.tree.drop(path)
            self.tree.drop(link)

    # --- modules

    def load(self, module):
        """None, or why not."""
        name = module.replace("-", "_")
        if name not in NEEDS:
            return f"Module {module} not found in directory /lib/modules"
        for other in NEEDS[name]:
            self.load(other)
        if name not in self.modules:
            self.modules.append(name)
            self.tree.folder(f"/sys/module/{name}")
            driver = DRIVER.get(name, name)
            if driver:
                for what in ("bind", "unbind"):
                    self.tree.put(f"{PCI}/drivers/{driver}/{what}")
                for device in list(self.devices.values()):
                    self.probe(device, driver)
        self._refresh()
        return None

    def users(self, module):
        count = sum(module in NEEDS[m] for m in self.modules)
        if module.startswith("nvidia"):
            count += sum(self.held(n) for n in self._nodes_of_module(module))
        return count

    def _nodes_of_module(self, module):
        return {"nvidia": ["/dev/nvidia0", "/dev/nvidiactl"], "nvidia_uvm": ["/dev/nvidia-uvm"],
                "nvidia_modeset": ["/dev/nvidia-modeset"],
                "nvidia_drm": [n for d in self.devices.values() if d.driver == "nvidia"
                               for n in self._dri(d)]}[module]

    def unload(self, module):
        if module not in self.modules:
            return f"Module {module} is not currently loaded."
        if self.users(module) or module in self.stuck_modules:
            return f"Module {module} is in use."
        self.modules.remove(module)
        driver = DRIVER.get(module, module)
        for device in self.devices.values():
            if driver and device.driver == driver:
                self._unbound(device)
        self.tree.drop(f"/sys/module/{module}")
        if driver:
            self.tree.drop(f"{PCI}/drivers/{driver}")
        self._refresh()
        return None

    # --- binding

    def override(self, device):
        text = self.tree.get(f"{PCI}/devices/{device.addr}/driver_override")
        return "" if text in (None, "(null)") else text

    def probe(self, device, only=None):
        if device.driver or not device.present:
            return
        driver = self.override(device) or device.home
        if only not in (None, driver):
            return
        if driver and self.tree.exists(f"{PCI}/drivers/{driver}") and (
                driver in (device.home, "vfio-pci")):
            if driver == device.home and device.refuses:
                device.refuses -= 1
                return
            device.driver = driver
            self.tree.link(f"{PCI}/devices/{device.addr}/driver", f"{PCI}/drivers/{driver}")
            self.tree.link(f"{PCI}/drivers/{driver}/{device.addr}", f"{PCI}/devices/{device.addr}")
            self._refresh()

    def _unbound(self, device):
        self.tree.drop(f"{PCI}/devices/{device.addr}/driver")
        self.tree.drop(f"{PCI}/drivers/{device.driver}/{device.addr}")
        device.driver = None
        self._refresh()

    def _dri(self, device):
        return [f"/dev/dri/card{device.number}", f"/dev/dri/renderD{127 + device.number}"]

    def nodes(self, device):
        """What is in /dev for it while its own driver has it."""
        found = []
        if device.kind == "gpu":
            found += self._dri(device) if device.home != "nvidia" or \
                "nvidia_drm" in self.modules else []
            found += [f"/dev/i2c-{device.number * 10 + i}" for i in range(device.buses)]
            if device.home == "nvidia":
                found += ["/dev/nvidia0", "/dev/nvidiactl"]
                found += ["/dev/nvidia-modeset"] if "nvidia_modeset" in self.modules else []
                found += ["/dev/nvidia-uvm"] if "nvidia_uvm" in self.modules else []
            if device.fb:
                found.append(f"/dev/fb{device.number}")
        if device.kind == "audio":
            found = [f"/dev/snd/controlC{device.number}", f"/dev/snd/pcmC{device.number}D3p"]
        return found

    def _refresh(self):
        """The tree follows what is bound; files that somebody has open keep their inode."""
        for device in self.devices.values():
            on = device.present and device.driver is not None and device.driver == device.home
            wanted = self.nodes(device) if on else []
            base = f"/sys/devices/pci0000:00/{device.addr}"
            for node in wanted:
                if not self.tree.exists(node):
                    self.tree.put(node)
            shared = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-modeset")
            for node in getattr(device, "shown", []):
                if node not in wanted and (node not in shared or "nvidia" not in self.modules):
                    self.tree.drop(node)
            device.shown = wanted
            self._show_sysfs(device, base, wanted)

    def _show_sysfs(self, device, base, wanted):
        card = f"card{device.number}"
        has = f"/dev/dri/{card}" in wanted
        if has != self.tree.exists(f"{base}/drm"):
            if has:
                self.tree.put(f"{base}/drm/{card}/uevent")
                self.tree.folder(f"{base}/drm/renderD{127 + device.number}")
                self.tree.link(f"/sys/class/drm/{card}", f"{base}/drm/{card}")
                self.tree.link(f"{base}/drm/{card}/device", base)
                for name, lit in device.connectors:
                    self.tree.put(f"{base}/drm/{card}/{card}-{name}/status", "connected\n" if
                                  lit and not device.dark else "disconnected\n")
                    self.tree.link(f"/sys/class/drm/{card}-{name}",
                                   f"{base}/drm/{card}/{card}-{name}")
            else:
                self.tree.drop(f"{base}/drm")
                for name in self.tree.names("/sys/class/drm"):
                    if name == card or name.startswith(card + "-"):
                        self.tree.drop(f"/sys/class/drm/{name}")
        fb = f"fb{device.number}"
        if f"/dev/{fb}" in wanted:
            self.tree.folder(f"{base}/graphics/{fb}")
            self.tree.link(f"/sys/class/graphics/{fb}", f"{base}/graphics/{fb}")
        elif self.tree.exists(f"{base}/graphics"):
            self.tree.drop(f"{base}/graphics")
            self.tree.drop(f"/sys/class/graphics/{fb}")
        for i in range(device.buses):
            bus = f"i2c-{device.number * 10 + i}"
            if f"/dev/{bus}" in wanted:
                self.tree.folder(f"{base}/{bus}")
                self.tree.link(f"/sys/bus/i2c/devices/{bus}", f"{base}/{bus}")
            else:
                self.tree.drop(f"{base}/{bus}")
                self.tree.drop(f"/sys/bus/i2c/devices/{bus}")
        if device.kind == "audio":
            for node in self.nodes(device):
                name = node.rsplit("/", 1)[1]
                path = f"{base}/sound/card{device.number}/{name}"
                self.tree.folder(path) if wanted else self.tree.drop(f"{base}/sound")
        if device.home == "nvidia" and device.kind == "gpu":
            path = f"/proc/driver/nvidia/gpus/{device.addr}/information"
            self.tree.put(path, "Model: x\nDevice Minor: \t 0\n") if wanted else \
                self.tree.drop("/proc/driver/nvidia")

    # --- writing

    def write(self, path, text):
        part = path.strip("/").split("/")
        if path.startswith(f"{PCI}/drivers/"):
            return self._driver_write(part[4], part[5], text)
        if path == f"{PCI}/drivers_probe":
            return self._with(text, lambda d: self.probe(d) or 0)
        if path == f"{PCI}/rescan":
            for device in self.devices.values():
                if not device.present:
                    self._appear(device)
                    self.probe(device)
            return 0
        if part[:2] == ["sys", "devices"] and part[-1] in ("driver_override", "remove"):
            return self._with(part[-2], lambda d: self._device_write(d, part[-1], text))
        if "vtconsole" in part:
            self.tree.put(path, text)
            return 0
        if path.startswith("/sys/bus/platform/drivers/"):
            if text not in self.tree.names("/sys/bus/platform/devices"):
                return errno.ENODEV
            self._platform(text, part[4], part[5] == "bind")
            return 0
        if part[-1] == "uevent":
            self.told(self.devices[part[3]], text)
            return 0
        return 0 if part[-1] == "status" else errno.EACCES

    def _with(self, addr, act):
        device = self.devices.get(addr)
        return act(device) if device and device.present else errno.ENODEV

    def _device_write(self, device, name, text):
        if name == "driver_override":
            self.tree.put(f"{PCI}/devices/{device.addr}/driver_override",
                          "(null)\n" if text == "\n" else text + "\n")
            return 0
        if device.driver:
            self._check_sins(device)
            self._unbound(device)
        device.present = False
        if device.cured_by_removal:
            device.refuses, device.dark = 0, False
        self.tree.drop(f"{PCI}/devices/{device.addr}")
        self.tree.drop(f"/sys/devices/pci0000:00/{device.addr}")
        return 0

    def _driver_write(self, driver, name, text):
        device = self.devices.get(text)
        if not device or name != "unbind" or device.driver != driver:
            return errno.ENODEV
        self._check_sins(device)
        self._unbound(device)
        return 0

    def _check_sins(self, device):
        if device.driver != device.home or device.kind != "gpu":
            return
        if device.driver == "nvidia" and self.users("nvidia"):
            self.sins.append(f"unbind of {device.addr} while nvidia has users")
        for node in self.nodes(device):
            if self.held(node):
                self.sins.append(f"unbind of {device.addr} while {node} is open")
