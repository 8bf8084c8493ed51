# SPDX-License-Identifier: GPL-2.0-or-later
"""A va-virt without libvirt: it tells the domains that a file has, and what changes in it.

    scripted_virt.py DOMAINS CHANNEL watch URI

DOMAINS: JSON, {name: [state, [gpu, ...]]}; names with a "_" are none. A domain that runs has a
channel, which leads to the socket CHANNEL. With "_quiet", what goes from the file while this
runs is not told, as if libvirtd had not been there to see it.
"""
import json
import select
import socket
import struct
import sys
import uuid

CONNECTION, DOMAIN, GONE, SYNCED, CONNECT = 1, 2, 3, 4, 20
HAS_CHANNEL = 0x1


def domain(op, name, state=0, gpus=()):
    devices = b"".join(g.encode().ljust(20, b"\0") for g in gpus)
    ident = str(uuid.uuid5(uuid.NAMESPACE_DNS, name)).encode()
    return struct.pack("<II37s256s3xIII640sI128x", op, 0, ident, name.encode(), state,
                       HAS_CHANNEL if state else 0, len(gpus), devices, 0)


def connection(op):
    return struct.pack("<III128s160s", op, 0, 1, b"test:///made-up", b"")


def connect(s, ident, path):
    channel = socket.socket(socket.AF_UNIX)
    try:
        channel.connect(path)
        error, fds = 0, [channel.fileno()]
    except OSError as why:
        error, fds = -why.errno, []
    reply = struct.pack("<IIiI200s", CONNECT, ident, error, 0, b"")
    if fds:
        socket.send_fds(s, [reply], fds)
    else:
        s.send(reply)
    channel.close()


def main():
    path, channel = sys.argv[1:3]
    s = socket.socket(fileno=3)
    known = {}
    s.send(connection(CONNECTION))
    synced = False
    while True:
        with open(path, encoding="utf-8") as f:
            told = json.load(f)
        now = {n: d for n, d in told.items() if not n.startswith("_")}
        for name, (state, gpus) in now.items():
            if known.get(name) != [state, gpus]:
                s.send(domain(DOMAIN, name, state, gpus))
        for name in known.keys() - now.keys():
            if "_quiet" not in told:
                s.send(domain(GONE, name))
        known = now
        if not synced:
            s.send(connection(SYNCED))
            synced = True
        if select.select([s], [], [], 0.05)[0]:
            request = s.recv(8192)
            if not request:
                return
            op, ident = struct.unpack_from("<II", request)
            if op == CONNECT:
                connect(s, ident, channel)


if __name__ == "__main__":
    main()
