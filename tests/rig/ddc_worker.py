# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives a va-ddc the way the daemons do: fixed structs over a SEQPACKET socket, as descriptor 3.

The structs are those of common/ddc/ipc.h, written out again on purpose: a change of layout that
only one side knows of makes these tests fail.
"""
import ctypes
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import RigError  # noqa: E402
from lib.base import Closing, end, keep, program  # noqa: E402

DETECT, GET, SET, LIST, CAPS = 1, 2, 3, 4, 5
OK, NO_MONITOR, AMBIGUOUS, NO_ANSWER, REFUSED, NO_ACCESS, FORBIDDEN, BROKEN = range(8)
NAMES = ("ok", "no-monitor", "ambiguous", "no-answer", "refused", "no-access", "forbidden",
         "broken")
STANDARD, LG = 0, 1
LIMITS = {DETECT: 20, GET: 5, SET: 5, LIST: 1, CAPS: 5}  # seconds, as the daemons'

# takes the socket's place as descriptor 3, then becomes the program
TO_FD_3 = ("import os,sys; n=int(sys.argv[1]); os.dup2(n, 3); n == 3 or os.close(n); "
           "os.execv(sys.argv[2], sys.argv[2:])")


class _Id(ctypes.Structure):
    _fields_ = [("maker", ctypes.c_char * 4), ("product", ctypes.c_uint16),
                ("serial", ctypes.c_uint32), ("name", ctypes.c_char * 14),
                ("serial_str", ctypes.c_char * 14)]


class Display(ctypes.Structure):
    _fields_ = [("id", _Id), ("_key", ctypes.c_char * 17), ("_connector", ctypes.c_char * 32),
                ("_pci", ctypes.c_char * 20), ("gpu", ctypes.c_uint32),
                ("board", ctypes.c_uint32), ("bus", ctypes.c_int32),
                ("answers", ctypes.c_uint32), ("twin", ctypes.c_uint32),
                ("input", ctypes.c_int32)]
    key = property(lambda self: self._key.decode())
    connector = property(lambda self: self._connector.decode())
    pci = property(lambda self: self._pci.decode())


class Request(ctypes.Structure):
    _fields_ = [("op", ctypes.c_uint32), ("id", ctypes.c_uint32), ("key", ctypes.c_char * 17),
                ("connector", ctypes.c_char * 32), ("pci", ctypes.c_char * 20),
                ("via", ctypes.c_uint32), ("value", ctypes.c_uint32)]


class _Found(ctypes.Union):
    _fields_ = [("displays", Display * 16), ("inputs", ctypes.c_uint16 * 64)]


class Reply(ctypes.Structure):
    _fields_ = [("op", ctypes.c_uint32), ("id", ctypes.c_uint32), ("status", ctypes.c_uint32),
                ("value", ctypes.c_int32), ("n", ctypes.c_uint32), ("took_ms", ctypes.c_uint32),
                ("_detail", ctypes.c_char * 96), ("_found", _Found)]
    detail = property(lambda self: self._detail.decode())
    displays = property(lambda self: list(self._found.displays[:self.n]))
    inputs = property(lambda self: list(self._found.inputs[:self.n]))

    def __repr__(self):
        return f"<{NAMES[self.status]} value={self.value} n={self.n} {self.detail!r}>"


class Worker(Closing):
    """A va-ddc in a Box. Requests answer with a Reply; key "" stands for the first display's."""

    def __init__(self, box):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        self.process = box.spawn([sys.executable, "-c", TO_FD_3, number, program("va-ddc")],
                                 pass_fds=(number,))
        theirs.close()
        self.last_id = 0
        self.key = ""
        keep(self)

    def send(self, op, key=None, connector="", pci="", via=STANDARD, value=0):
        self.last_id += 1
        request = Request(op, self.last_id, (self.key if key is None else key).encode(),
                          connector.encode(), pci.encode(), via, value)
        self.socket.send(bytes(request))

    def receive(self, limit):
        self.socket.settimeout(limit)
        try:
            data = self.socket.recv(8192)
        except TimeoutError:
            raise RigError(f"va-ddc: no reply within {limit} s") from None
        if len(data) != ctypes.sizeof(Reply):
            raise RigError(f"va-ddc: {len(data)} bytes of reply, not {ctypes.sizeof(Reply)}")
        reply = Reply.from_buffer_copy(data)
        if reply.id != self.last_id:
            raise RigError(f"va-ddc: reply to {reply.id}, not {self.last_id}")
        return reply

    def call(self, op, **request):
        self.send(op, **request)
        return self.receive(LIMITS.get(op, 5))

    def detect(self):
        reply = self.call(DETECT, key="")
        if reply.n and not self.key:
            self.key = reply.displays[0].key
        return reply

    def get(self, **request):
        return self.call(GET, **request)

    def set(self, value, **request):
        return self.call(SET, value=value, **request)

    @property
    def alive(self):
        return self.process.poll() is None

    def open_buses(self):
        """The I2C nodes that the process has open at this moment."""
        folder, found = f"/proc/{self.process.pid}/fd", []
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except FileNotFoundError:
                continue
            if "i2c-" in target:
                found.append(target)
        return found

    def close(self):
        self.socket.close()
        end(self.process)
