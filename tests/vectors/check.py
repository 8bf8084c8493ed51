#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Verifies tests/unit/own-vectors.txt from outside.

A second implementation of the session handshake, the records and both ways of pairing, written
from PROTOCOL.md and the Noise and CPace specifications, sharing no code with the first: Python's
standard library and, through ctypes, the primitives of libsodium. Prints "ok NAME" or "FAIL NAME"
for each case. With --embed it writes the vectors into section 12 of proto/PROTOCOL.md.
"""
import ctypes
import ctypes.util
import hashlib
import hmac
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VECTORS = ROOT / "tests/unit/own-vectors.txt"
SPECIFICATION = ROOT / "proto/PROTOCOL.md"

sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
if sodium.sodium_init() < 0:
    sys.exit("FAIL libsodium: cannot be initialised")


# --- primitives -------------------------------------------------------------------------------
def x25519(secret, public):
    out = ctypes.create_string_buffer(32)
    if sodium.crypto_scalarmult(out, secret, public) != 0:
        raise ValueError("low order")
    return out.raw


def x25519_public(secret):
    out = ctypes.create_string_buffer(32)
    sodium.crypto_scalarmult_base(out, secret)
    return out.raw


def nonce(n):
    return bytes(4) + n.to_bytes(8, "little")


def encrypt(key, n, ad, plain):
    out = ctypes.create_string_buffer(len(plain) + 16)
    length = ctypes.c_ulonglong()
    sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
        out, ctypes.byref(length), plain, ctypes.c_ulonglong(len(plain)), ad,
        ctypes.c_ulonglong(len(ad)), None, nonce(n), key)
    return out.raw


def blake2b(data):
    return hashlib.blake2b(data).digest()


def ristretto(name, *args):
    out = ctypes.create_string_buffer(32)
    function = getattr(sodium, "crypto_" + name)
    function.restype = ctypes.c_int
    if name.endswith("scalar_reduce"):
        function.restype = None
    if function(out, *args) not in (0, None):
        raise ValueError(name)
    return out.raw


# --- Noise, revision 34 -----------------------------------------------------------------------
class Handshake:
    """One side's view of the hash and the chaining key; both sides' secrets are known here."""

    def __init__(self, name, prologue):
        name = name.encode()
        self.h = name.ljust(64, b"\0") if len(name) <= 64 else blake2b(name)
        self.ck = self.h
        self.k = None
        self.n = 0
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = blake2b(self.h + data)

    def hkdf(self, ikm, count):
        temp = hmac.digest(self.ck, ikm, "blake2b")
        outs, last = [], b""
        for i in range(1, count + 1):
            last = hmac.digest(temp, last + bytes([i]), "blake2b")
            outs.append(last)
        return outs

    def mix_key(self, ikm):
        self.ck, key = self.hkdf(ikm, 2)
        self.k, self.n = key[:32], 0

    def mix_psk(self, psk):
        self.ck, more, key = self.hkdf(psk, 3)
        self.mix_hash(more)
        self.k, self.n = key[:32], 0

    def e(self, public):
        self.mix_hash(public)
        self.mix_key(public)  # in every pattern with a psk
        return public

    def seal(self, plain):
        out = plain
        if self.k:
            out = encrypt(self.k, self.n, self.h, plain)
            self.n += 1
        self.mix_hash(out)
        return out

    def split(self):
        one, two = self.hkdf(b"", 2)
        return Cipher(one[:32]), Cipher(two[:32])


class Cipher:
    def __init__(self, key):
        self.k, self.n = key, 0

    def seal(self, plain):
        out = encrypt(self.k, self.n, b"", plain)
        self.n += 1
        return out

    def rekey(self):
        self.k = encrypt(self.k, 2 ** 64 - 1, b"", bytes(32))[:32]


def record(cipher, sid, kind, body):
    plain = bytes([kind]) + len(body).to_bytes(2, "big") + body
    size = next(s for s in (256, 1024, 4096) if len(plain) <= s)
    data = b"\x05" + sid + cipher.seal(plain.ljust(size, b"\0"))
    cipher.rekey()
    return data


# --- CPACE-RISTR255-SHA512 --------------------------------------------------------------------
def lv(*fields):
    return b"".join(bytes([len(f)]) + f for f in fields)


def cpace(code, sid, host_random, guest_random):
    dsi = b"CPaceRistretto255"
    ci = lv(b"VIRTAID1 pair", b"host", b"guest")
    pad = max(0, 128 - 1 - len(lv(code)) - len(lv(dsi)))
    generator = ristretto("core_ristretto255_from_hash",
                          hashlib.sha512(lv(dsi, code, bytes(pad), ci, sid)).digest())
    ya = ristretto("core_ristretto255_scalar_reduce", host_random)
    yb = ristretto("core_ristretto255_scalar_reduce", guest_random)
    share_a = ristretto("scalarmult_ristretto255", ya, generator)
    share_b = ristretto("scalarmult_ristretto255", yb, generator)
    key = ristretto("scalarmult_ristretto255", ya, share_b)
    transcript = lv(share_a, b"") + lv(share_b, b"")
    isk = hashlib.sha512(lv(dsi + b"_ISK", sid, key) + transcript).digest()
    return share_a, share_b, isk


# --- the vectors ------------------------------------------------------------------------------
def parse(text):
    sections, values = {}, None
    for line in text.splitlines():
        if line.startswith("["):
            values = sections[line.strip("[]")] = {}
        elif line.startswith("    "):
            values[name][-1] += line.strip()
        elif line:
            name, _, value = (part.strip() for part in line.partition("="))
            values.setdefault(name, []).append(value)
    return sections


failed = False


def check(name, fine):
    global failed
    failed |= not fine
    print(f"{'ok' if fine else 'FAIL'} {name}" + ("" if fine else ": other bytes"))


class Section:
    def __init__(self, title, values):
        self.title, self.values = title, values

    def __getitem__(self, name):
        return bytes.fromhex(self.values[name][0])

    def check(self, name, value, at=0):
        check(f"{self.title}: {name}{at or ''}", bytes.fromhex(self.values[name][at]) == value)


def key_id(public):
    return hashlib.blake2b(b"VIRTAID1 kid" + public, digest_size=32).digest()[:8]


def session(v):
    hs, gs, psk = v["host-secret"], v["guest-secret"], v["psk"]
    host, guest = x25519_public(hs), x25519_public(gs)
    he, ge = v["host-ephemeral"], v["guest-ephemeral"]
    v.check("host-public", host)
    v.check("guest-public", guest)
    v.check("solicit", bytes([2, 1, 1, 0]))
    nonce16 = v["hello"][12:]
    hello = bytes([1, 1, 1, 0]) + key_id(guest) + nonce16
    v.check("hello", hello)
    init = bytes([3, 1, 0, 0]) + key_id(host) + nonce16[:8]
    prologue = b"VIRTAID1" + v["guest-id"] + hello + init
    v.check("prologue", prologue)

    n = Handshake("Noise_KKpsk2_25519_ChaChaPoly_BLAKE2b", prologue)
    n.mix_hash(host)
    n.mix_hash(guest)
    message = n.e(x25519_public(he))
    n.mix_key(x25519(he, guest))
    n.mix_key(x25519(hs, guest))
    v.check("init", init + message + n.seal(b""))
    message = n.e(x25519_public(ge))
    n.mix_key(x25519(ge, x25519_public(he)))
    n.mix_key(x25519(ge, host))
    n.mix_psk(psk)
    v.check("resp", bytes([4, 1, 0, 0]) + nonce16[:8] + message + n.seal(b""))
    to_guest, to_host = n.split()
    sid = n.h[:8]
    v.check("data", record(to_guest, sid, 1, b""), 0)
    # Envelope{id=1, query{question=PING}}; Envelope{id=1, result{outcome=OK, detail="here"}}
    v.check("data", record(to_guest, sid, 5, bytes.fromhex("08013a020801")), 1)
    v.check("data", record(to_host, sid, 5, bytes.fromhex("080132080801120468657265")), 2)


def words(bits):
    consonants, vowels = "bdfghjklmnprstvz", "aiou"
    out = []
    for i in range(0, 8, 2):
        w = int.from_bytes(bits[i:i + 2], "big")
        out.append(consonants[w >> 12] + vowels[w >> 10 & 3] + consonants[w >> 6 & 15]
                   + vowels[w >> 4 & 3] + consonants[w & 15])
    return "-".join(out)


def pairing(v, mode):
    ng, nh = v["p-hello"][4:], v["p-start"][4:20]
    sid = ng + nh
    share_a, share_b, share_body = bytes(32), None, b""
    if mode == 2:
        share_a, share_b, isk = cpace(v["code"], sid, v["host-cpace-random"],
                                      v["guest-cpace-random"])
        psk = hashlib.blake2b(b"VIRTAID1 pair psk" + sid, key=isk, digest_size=32).digest()
        share_body = bytes([0x13, 1, 0, 0]) + share_b
        v.check("p-share", share_body)
    else:
        psk = hashlib.blake2b(b"VIRTAID1 pair tok" + sid, key=v["token"], digest_size=32).digest()
    hello, start = bytes([0x11, 1, mode, 0]) + ng, bytes([0x12, 1, mode, 0]) + nh + share_a
    v.check("p-hello", hello)
    v.check("p-start", start)

    hs, he, gs, ge = v["host-static"], v["host-ephemeral"], v["guest-static"], v["guest-ephemeral"]
    n = Handshake("Noise_XXpsk3_25519_ChaChaPoly_BLAKE2b",
                  b"VIRTAID1 pair\0" + hello + start + share_body)
    message = n.e(x25519_public(he))
    v.check("p-xx1", bytes([0x14, 1, 0, 0]) + message + n.seal(b""))
    message = n.e(x25519_public(ge))
    n.mix_key(x25519(ge, x25519_public(he)))
    message += n.seal(x25519_public(gs))
    n.mix_key(x25519(gs, x25519_public(he)))
    v.check("p-xx2", bytes([0x15, 1, 0, 0]) + message + n.seal(b""))
    message = n.seal(x25519_public(hs))
    n.mix_key(x25519(hs, x25519_public(ge)))
    n.mix_psk(psk)
    payload = v["guest-id"] + v["psk"] + bytes(4)
    v.check("p-xx3", bytes([0x16, 1, 0, 0]) + message + n.seal(payload))
    to_guest, to_host = n.split()
    v.check("p-done", bytes([0x17, 1, 0, 0]) + to_host.seal(bytes(16)))
    v.check("p-ack", bytes([0x18, 1, 0, 0]) + to_guest.seal(bytes(16)))
    check(f"{v.title}: words", v.values["words"][0] == words(n.h[:8]))


def embed(text):
    whole = SPECIFICATION.read_text()
    block = f"<!-- vectors:begin -->\n```\n{text}```\n<!-- vectors:end -->"
    new, count = re.subn(r"<!-- vectors:begin -->.*<!-- vectors:end -->", lambda _: block, whole,
                         flags=re.S)
    if count != 1:
        sys.exit("FAIL embed: PROTOCOL.md has no markers")
    SPECIFICATION.write_text(new)


def main():
    text = VECTORS.read_text()
    if sys.argv[1:] == ["--embed"]:
        embed(text)
        return 0
    sections = {title: Section(title, values) for title, values in parse(text).items()}
    session(sections["session"])
    pairing(sections["pairing by token"], 1)
    pairing(sections["pairing by code"], 2)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
