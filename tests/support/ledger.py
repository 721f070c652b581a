"""Checks proofs as docs/ledger.md says, so that the C code is checked against something else."""

import hashlib

import nacl.exceptions
import nacl.signing

from support import case_number


class Broken(Exception):
    pass


def h(*parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


def integer(value):
    return value.to_bytes(8, "big")


def text(value):
    return value.encode() + b"\0"


def event_leaf(number, event):
    return h(b"\0", integer(number), integer(event["version"]), integer(event["at_ms"]),
             integer(event["deadline_ms"]), text(event["kind"]), text(event["status"]),
             text(event["office"]), bytes.fromhex(event["body_hash"]))


def entry_leaf(partition, entry, root):
    return h(b"\0", integer(partition), integer(entry["sequence"]), integer(entry["first_offset"]),
             integer(entry["last_offset"]), integer(entry["events"]), root)


def follow(leaf, index, size, path):
    if not 0 <= index < size:
        raise Broken("no such leaf")
    fn, sn, r = index, size - 1, leaf
    for p in map(bytes.fromhex, path):
        if sn == 0:
            raise Broken("the path is too long")
        if fn & 1 or fn == sn:
            r = h(b"\1", p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = h(b"\1", r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise Broken("the path is too short")
    return r


def check_signature(head, keys):
    """Raises Broken unless one of these public keys' owners signed the head."""
    if head.get("key") not in keys:
        raise Broken("not signed with a key that is known")
    statement = (text("redress ledger head") + integer(head["partition"]) + integer(head["size"]) +
                 integer(head["at_ms"]) + bytes.fromhex(head["root"]))
    try:
        nacl.signing.VerifyKey(bytes.fromhex(head["key"])).verify(statement, bytes.fromhex(head["signature"]))
    except nacl.exceptions.BadSignatureError:
        raise Broken("the head is not what was signed") from None


def check(proof, heads=None):
    """Raises Broken when the proof does not hold (for the kept heads, when given)."""
    number, ledger = case_number.read(proof["case_number"]), proof["ledger"]
    if not proof["events"]:
        raise Broken("no events")
    for version, event in enumerate(proof["events"], 1):
        if event["version"] != version:
            raise Broken(f"event {version} is missing")
        entry = event["entry"]
        root = follow(event_leaf(number, event), event["leaf"], entry["events"], event["path"])
        top = follow(entry_leaf(ledger["partition"], entry, root), entry["sequence"] - 1,
                     ledger["size"], entry["path"])
        if top.hex() != ledger["root"]:
            raise Broken(f"event {version} is not what was sealed")
    if heads and ledger not in heads["partitions"]:
        raise Broken("the head is not the one that was kept")


def check_consistency(proof, heads=None):
    """Raises Broken when the later head is not the earlier one with more entries (RFC 9162, section 2.1.4.2)."""
    old, new = proof["from"], proof["to"]
    first, second = old["size"], new["size"]
    path = [bytes.fromhex(value) for value in proof["path"]]
    if heads and old not in heads["partitions"] and new not in heads["partitions"]:
        raise Broken("none of the heads is one that was kept")
    if old["partition"] != new["partition"] or not 1 <= first <= second:
        raise Broken("these are no two sizes of one ledger")
    if first == second:
        if path or old["root"] != new["root"]:
            raise Broken("one size, two ledgers")
        return
    if not path:
        raise Broken("there is no path")
    if first & (first - 1) == 0:
        path.insert(0, bytes.fromhex(old["root"]))
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise Broken("the path is too long")
        if fn & 1 or fn == sn:
            fr, sr = h(b"\1", c, fr), h(b"\1", c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = h(b"\1", sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn or fr.hex() != old["root"] or sr.hex() != new["root"]:
        raise Broken("the later ledger is not the earlier one with more entries")
