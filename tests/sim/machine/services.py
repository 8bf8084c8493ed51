# SPDX-License-Identifier: GPL-2.0-or-later
"""Services of the model and the commands of five init systems that act on them."""

DM_FILES = {"systemd": "/run/systemd/system/x", "openrc": "/run/openrc/softlevel",
            "runit": "/run/runit/stopit", "s6": "/run/s6-rc/state", "dinit": "/run/dinitctl",
            "none": "/run/other"}


class Service:
    def __init__(self, name, active=True, user=False):
        self.name, self.active, self.user = name, active, user
        self.starts_refused = False  # systemd's start limit, until it is cleared
        self.on_stop = None
        self.broken = False


class Services:
    """on_stop(name): ends the processes of a service; given by the model."""

    def __init__(self, tree, init, on_stop, on_session):
        self.tree, self.init = tree, init
        self.on_stop, self.on_session = on_stop, on_session
        self.all = {}
        tree.put(DM_FILES[init])
        self.sins = []

    def add(self, name, active=True, user=False):
        self.all[name] = Service(name, active, user)
        if self.init == "openrc":
            self.tree.put(f"/etc/init.d/{name}")
        if self.init == "dinit":
            self.tree.put(f"/etc/dinit.d/{name}")
        self._note(self.all[name])
        return self.all[name]

    def _note(self, service):
        if self.init == "runit":
            self.tree.put(f"/var/service/{service.name}/supervise/stat",
                          "run\n" if service.active else "down\n")

    def active(self, users=True):
        return sorted(s.name for s in self.all.values() if s.active and (users or not s.user))

    def change(self, name, up):
        """(exit code, text)"""
        service = self.all.get(name)
        if not service:
            return 5, f"{name}: no such service"
        if up and (service.starts_refused or service.broken):
            return 1, f"{name}: start request repeated too quickly"
        if service.active and not up:
            service.active = False
            self.on_stop(name)
        service.active = up
        self._note(service)
        return 0, ""

    def _is_active(self, name):
        return 0 if name in self.all and self.all[name].active else 3

    def command(self, argv):
        """(exit code, text) of one of the init systems' commands."""
        name, *args = argv
        belongs = {"systemctl": "systemd", "loginctl": "systemd", "rc-service": "openrc",
                   "sv": "runit", "s6-rc": "s6", "dinitctl": "dinit"}
        if belongs.get(name) != self.init:
            self.sins.append(f"{name} on a machine with {self.init}")
            return 127, ""
        return getattr(self, "_" + name.replace("-", "_"))(args)

    def _systemctl(self, args):
        args = [a for a in args if a not in ("--quiet", "--user")]
        verb, name = args
        if verb == "is-active":
            return self._is_active(name), ""
        if verb == "reset-failed":
            self.all[name].starts_refused = False
            return 0, ""
        return self.change(name, verb == "start")

    def _loginctl(self, args):
        if args[0] != "terminate-session":
            return 1, "unknown verb"
        self.on_session(args[1])
        return 0, ""

    def _rc_service(self, args):
        name, verb = [a for a in args if not a.startswith("--")]
        if verb == "status":
            return self._is_active(name), ""
        if verb == "zap":
            return 0, ""
        return self.change(name, verb == "start")

    def _sv(self, args):
        if args[0] != "-w":
            return 100, "does not wait"
        return self.change(args[3], args[2] == "start")

    def _s6_rc(self, args):
        if args == ["-a", "list"]:
            return 0, "".join(n + "\n" for n in self.active())
        return self.change(args[2], args[0] == "-u")

    def _dinitctl(self, args):
        if args[0] == "is-started":
            return self._is_active(args[1]), ""
        return self.change(args[1], args[0] == "start")
