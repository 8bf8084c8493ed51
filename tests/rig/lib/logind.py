# SPDX-License-Identifier: GPL-2.0-or-later
"""A system bus of our own, with python3-dbusmock's logind on it.

    with Logind() as logind:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = logind.address
        logind.scheduled            # [("poweroff", usec)], the calls of ScheduleShutdown so far
        logind.going_down(True)     # PrepareForShutdown
        logind.sleeps(False)        # PrepareForSleep: it has slept
        logind.inhibitors()         # who wants it to wait
"""
import signal
import subprocess

from . import base

NAME, PATH, MANAGER = ("org.freedesktop.login1", "/org/freedesktop/login1",
                       "org.freedesktop.login1.Manager")
MOCK = "org.freedesktop.DBus.Mock"
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/>
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy>
</busconfig>
"""


class Logind(base.Closing):
    """logind=False: a bus without logind. refuse: its words when it refuses a shutdown."""

    def __init__(self, logind=True, refuse=None):
        import dbus
        self._dbus = dbus
        self.dir = base.scratch("va-bus-")
        self.address = f"unix:path={self.dir}/bus"
        (self.dir / "conf").write_text(CONFIG.format(socket=self.dir / "bus"))
        self._bus = base.spawn(["dbus-daemon", f"--config-file={self.dir}/conf", "--nofork",
                                "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._mock = self._connection = None
        base.keep(self)
        if not self._bus.stdout.readline():
            raise base.RigError("dbus-daemon did not start")
        self._connection = dbus.bus.BusConnection(self.address)
        if logind:
            self.start(refuse)

    def start(self, refuse=None):
        self._mock = base.spawn(
            ["/usr/bin/python3", "-m", "dbusmock", "--system", "--template", "logind"],
            env={"DBUS_SYSTEM_BUS_ADDRESS": self.address, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL)
        base.wait_for(lambda: self._connection.name_has_owner(NAME), 15, "the mock of logind")
        fail = (f"raise dbus.exceptions.DBusException({refuse!r}, "
                f"name='org.freedesktop.DBus.Error.AccessDenied')") if refuse else ""
        add = self._object(MOCK).AddMethod
        add(MANAGER, "SetWallMessage", "sb", "", "")
        add(MANAGER, "ScheduleShutdown", "st", "", fail)
        add(MANAGER, "CancelScheduledShutdown", "", "b", "ret = True")

    def _object(self, interface):
        return self._dbus.Interface(self._connection.get_object(NAME, PATH), interface)

    def calls(self, method):
        return [[str(a) for a in args] for _time, args in self._object(MOCK).GetMethodCalls(method)]

    @property
    def scheduled(self):
        return [(kind, int(usec)) for kind, usec in self.calls("ScheduleShutdown")]

    def inhibitors(self):
        """(what, who, mode) of each."""
        return [(str(i[0]), str(i[1]), str(i[3]))
                for i in self._object(MANAGER).ListInhibitors()]

    def pause(self):
        """It answers nobody until resume()."""
        self._mock.send_signal(signal.SIGSTOP)

    def resume(self):
        self._mock.send_signal(signal.SIGCONT)

    def going_down(self, begins):
        self._object(MOCK).EmitSignal(MANAGER, "PrepareForShutdown", "b", [begins])

    def sleeps(self, begins):
        self._object(MOCK).EmitSignal(MANAGER, "PrepareForSleep", "b", [begins])

    def close(self):
        if self._connection:
            self._connection.close()
        for process in (self._mock, self._bus):
            base.end(process)
        self._bus.stdout.close()
