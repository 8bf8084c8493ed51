# SPDX-License-Identifier: GPL-2.0-or-later
"""A va-link that was taken over, or broke: it stands in va-link's place and says what it likes.

    hostile_link.py MODE-FILE REAL-VA-LINK GUEST

MODE-FILE holds lines "GUEST MODE"; a guest that has none gets the real va-link.
"""
import os
import socket
import struct
import sys
import time

EVENT, CLOSED, PAIR_CODE, REFUSED = 20, 21, 22, 23
UP, DOWN, REQUEST, NOTICE, PENDING, ANSWER, HINT, STORE, PAIRED, ATTEMPT, FAILED, RESET = range(1, 13)
PREPARE, TICKET, COMMIT, PENDING_MSG, RESULT, QUERY = range(1, 7)
STATE_UP = 3
HEAD = "<IIQQ8I48s"  # struct link_ipc up to its union
UNION = struct.calcsize(HEAD)


def message(size, op=EVENT, ident=0, session=0, tag=0, event=0, hint=0, state=0, attempts=0, value=0,
            value2=0, error=0, ok=0, words=b"", body=b""):
    head = struct.pack(HEAD, op, ident, session, tag, event, hint, state, attempts, value, value2,
                       error & 0xFFFFFFFF, ok, words)
    return (head + body).ljust(size, b"\0")[:size]


def prepare(operation, target=b"", uid=0):
    """A message of that kind, as the union holds it."""
    return struct.pack("<II4I64s", 7, PREPARE, operation, 0, 0, uid, target)


def result(outcome=1, detail=b"", n_items=0):
    return struct.pack("<II4I", 1, RESULT, outcome, 0, 0, n_items) + detail


def record(guest, epoch=1):
    keys = os.urandom(96)
    return guest.ljust(64, b"\0") + os.urandom(16) + struct.pack("<I", epoch) + keys + bytes(100)


def attacks(size):
    """name: the messages of it."""
    def make(**fields):
        return message(size, **fields)
    up = make(event=UP, session=5, state=STATE_UP)
    return {
        # none of these may be believed: the va-link is replaced
        "short": [b"x" * 10],
        "empty-head": [bytes(8)],
        "longer": [make() + b"x"],
        "longest": [b"\xff" * 8192],
        "ones": [b"\xff" * size],
        "zeros": [bytes(size)],
        "order": [make(op=3)],
        "unknown-op": [make(op=77)],
        "reply-never-asked": [make(ident=9)],
        "wild-event": [make(event=99)],
        "wild-state": [make(state=4)],
        "wild-hint": [make(event=HINT, hint=11)],
        "wild-attempts": [make(event=FAILED, attempts=4)],
        "wild-ok": [make(ok=2)],
        "wild-error": [make(op=REFUSED, error=-99)],
        "unterminated-words": [make(event=PAIRED, words=b"a" * 48)],
        "wild-words": [make(event=PAIRED, words=b"\x1b[2J")],
        "wild-code": [make(op=PAIR_CODE, words=b"<script>")],
        "up-without-number": [make(event=UP, state=STATE_UP)],
        "wild-operation": [up, make(event=REQUEST, session=5, state=3, body=prepare(99))],
        "wild-target": [up, make(event=REQUEST, session=5, state=3, body=prepare(1, b"../../x"))],
        "unterminated-target": [up, make(event=REQUEST, session=5, state=3,
                                         body=prepare(1, b"x" * 64))],
        "ticket-as-request": [up, make(event=REQUEST, session=5, state=3,
                                       body=struct.pack("<II", 7, TICKET))],
        "unterminated-detail": [make(event=ANSWER, tag=1, body=result(1, b"x" * 8000))],
        "too-many-items": [make(event=ANSWER, tag=1, body=result(1, b"", 200))],
        "wild-record": [make(event=STORE, body=record(b"../../etc"))],
        "record-unasked": [make(event=STORE, body=record(b"alpha"))],
        # these are in order, and must do no harm
        "answers-never-asked": [make(event=ANSWER, tag=t, body=result()) for t in range(1, 300)],
        "foreign-session": [up, make(event=REQUEST, session=6, state=3, body=prepare(2))],
        "session-of-yesterday": [up, make(event=DOWN, session=5),
                                 make(event=REQUEST, session=5, state=3, body=prepare(2))],
        "no-session": [make(event=REQUEST, session=5, body=prepare(2))],
        "paired-unasked": [make(event=PAIRED, words=b"good-good-good-good")],
        "code-unasked": [make(op=PAIR_CODE, words=b"ABCD-EFGH")],
        "refused-unasked": [make(op=REFUSED, tag=t, error=-1) for t in range(99)],
        "closed-again": [make(op=CLOSED)] * 99,
        "up-and-down": [up, make(event=DOWN, session=5)] * 99,
        "hints": [make(event=HINT, hint=1 + n % 10) for n in range(999)],
    }


def flood(s, size):
    while True:
        s.send(message(size, event=HINT, hint=1))


def main():
    modes, real, guest = sys.argv[1:4]
    with open(modes, encoding="ascii") as f:
        mode = dict(line.split() for line in f).get(guest)
    if mode is None:
        os.execv(real, ["va-link", guest])
    s = socket.socket(fileno=3)
    size = len(s.recv(65536))  # the first order: the record
    print(f"hostile {mode} {os.getpid()}", file=sys.stderr, flush=True)
    if mode in ("fd", "fds"):
        for _ in range(50):
            socket.send_fds(s, [message(size, event=HINT, hint=1)], [0, 1] if mode == "fds" else [0])
    elif mode == "flood":
        flood(s, size)
    elif mode == "die":
        sys.exit(1)
    for each in attacks(size).get(mode, []):
        s.send(each)
    print(f"said {mode}", file=sys.stderr, flush=True)
    while True:  # hangs
        time.sleep(60)


if __name__ == "__main__":
    main()
