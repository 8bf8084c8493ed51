# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest of the stage: a Machine whose init starts va-guestd as an installed system would."""
import os
import pathlib
import shlex
import time

from . import base
from .initramfs import GROUP, MODULES, PASSWD, Initramfs
from .machine import Machine
from .stage_host import parse_answer

PORT = "org.virtaid.0"
TOKEN = "opt/org.virtaid/pair"
LIBEXEC = "/usr/libexec/virt-aid"

# What the packages' units, udev rules and tmpfiles do, for a system without any of these. The
# agent is started again one second after it ended, like Restart= does, unless /run/no-agent is
# there. A power-off asked for by the agent, which is not root, comes through the pipe.
BOOT = f"""#!/bin/sh
mkfifo -m 0622 /run/poweroff
(read line </run/poweroff; echo "rig: power-off" >/dev/console; poweroff -f) &
mkdir -p -m 0755 /run/virt-aid
mkdir -p -m 0700 /var/lib/virt-aid
chown virt-aid:virt-aid /run/virt-aid /var/lib/virt-aid
chgrp i2c /dev/i2c-*; chmod 0660 /dev/i2c-*
while :; do
	if [ ! -e /run/no-agent ]; then
		chown virt-aid /dev/virtio-ports/{PORT}
		va-guestd --import-token
		su -s /bin/sh virt-aid -c 'exec va-guestd' >>/run/agent.log 2>&1
		echo "rig: va-guestd ended with $?" >>/run/agent.log
	fi
	sleep 1
done
"""
POWEROFF = "#!/bin/sh\necho off >/run/poweroff\n"
CONFIG = "[power]\ncommand = /rig/poweroff\n"


def add_programs(system):
    """The files of our packages where VA_DEBS names a folder that has them, else of the build."""
    debs = os.environ.get("VA_DEBS")
    if debs:
        for name in ("virt-aid-common", "virt-aid-guest"):
            system.add_deb(next(pathlib.Path(debs).glob(f"{name}_*.deb")))
        return
    system.add_program(base.program("va-guestd"), "/usr/sbin/va-guestd")
    system.add_program(base.program("va-guest"), "/usr/bin/va-guest")
    system.add_program(base.program("va-ddc"), f"{LIBEXEC}/va-ddc")


def make_initramfs(extra_programs=()):
    """The system of every guest of the stage, with our programs where the packages put them."""
    system = Initramfs(modules=(*MODULES, "qemu_fw_cfg"))
    system.add_file("/etc/passwd", PASSWD + "ann:x:1000:1000::/tmp:/bin/sh\n")
    system.add_file("/etc/group", GROUP + "ann:x:1000:\n")
    add_programs(system)
    for program in extra_programs:
        system.add_program(program)
    system.add_file("/etc/virt-aid/guest.conf", CONFIG)
    system.add_file("/rig/poweroff", POWEROFF, 0o755)
    system.add_file("/rig/boot", BOOT, 0o755)
    return system


class Guest(Machine):
    """A machine that runs va-guestd. ask() is va-guest typed inside."""

    def __init__(self, initramfs, name, gpus=(), token=None, ports=None, extra=(), **options):
        extra = list(extra)
        if token:
            extra += ["-fw_cfg", f"name={TOKEN},file={token}"]
        super().__init__(initramfs, name=name, gpus=gpus, ports={PORT: None} | (ports or {}),
                         extra=extra, **options)

    def command(self, *words, user="root"):
        argv = ["va-guest", *words, "--json"]
        return argv if user == "root" else ["su", "-s", "/bin/sh", user, "-c", shlex.join(argv)]

    def ask(self, *words, user="root", limit=130):
        """va-guest WORDS --json typed by that user (ann has uid 1000): an Answer."""
        return parse_answer(*self.run(self.command(*words, user=user), limit))

    def begin_ask(self, *words, user="root"):
        """As ask(), but does not wait: give what it returns to finish_ask()."""
        return self.begin(self.command(*words, user=user))

    def is_done(self, job):
        """Whether a begun command has ended."""
        self.look(0.02)
        return job in self._results

    def finish_ask(self, job, limit=130):
        return parse_answer(*self.finish(job, limit))

    def look(self, limit=0.1):
        """Takes in what the guest says, for that many seconds at the most."""
        if self._channel is None:
            self._channel = self._connect()
            if self._channel is None:
                time.sleep(limit)
                return
        self._pump(time.monotonic() + limit)

    def agent_log(self):
        return self.run(["cat", "/run/agent.log"]).out

    def agent_pid(self):
        """Of va-guestd, 0 if it does not run."""
        out = self.run(["pidof", "va-guestd"]).out.split()
        return int(out[0]) if out else 0

    def wait_agent(self, limit=20):
        """Until va-guestd answers its own users."""
        base.wait_for(lambda: self.agent_pid() and self.run(["test", "-S",
                      "/run/virt-aid/guest.sock"]).rc == 0, limit, f"{self.name}'s va-guestd", 0.1)
