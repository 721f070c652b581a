"""Anyone who holds a receipt can check that nothing was overwritten (promise 11)."""

import datetime
import itertools
import json
import subprocess

import pytest
import requests

from support import case_number, ledger
from support.commands import Desk
from support.grievances import submission
from support.messages import Accept, CaseEvent
from support.system import binary


class Holder:
    """Somebody with a receipt, and nothing else."""

    def __init__(self, system, reply):
        self.system = system
        self.text = reply["case_number"]
        self.number = case_number.read(self.text)
        self.receipt = reply["receipt_code"]

    def ask(self, part="/proof", receipt=None, **query):
        return requests.get(f"{portal(self.system)}/v1/cases/{self.text}{part}", params=query,
                            headers={"Authorization": f"Receipt {receipt or self.receipt}"}, timeout=60)

    def proof(self, **query):
        reply = self.ask(**query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    @property
    def partition(self):
        return self.system.partition(self.number)


def portal(system):
    return f"http://127.0.0.1:{system.portal_port}"


def heads(system):
    return requests.get(f"{portal(system)}/v1/ledger/head", timeout=60).json()


def consistency(system, **query):
    reply = requests.get(f"{portal(system)}/v1/ledger/consistency", params=query, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.fixture(scope="module")
def holders(shared):
    """In two waves: what arrives at once may become a single entry, whose path is empty."""
    shared.start()
    found = []
    for wave in range(2):
        new = [Holder(shared, shared.submit(submission(f"proof {wave} {i}")[0])) for i in range(12)]
        for holder in new:
            shared.wait_archived(holder.number)
        found += new
    return found


def public_key(system):
    return (system.keys / "ledger.pub").read_text().strip()


def check(tmp_path, proof, *kept, keys=()):
    """What redress-audit says of it."""
    files, options = [], [word for key in keys for word in ("--key", key)]
    for number, value in enumerate((proof, *kept)):
        files.append(tmp_path / f"file-{number}.json")
        files[-1].write_text(json.dumps(value))
    done = subprocess.run([binary("audit"), *options, "check", *files], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0, done.stdout


def iso(ms):
    return datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_every_holder_can_check(holders, tmp_path):
    kept = heads(holders[0].system)
    for holder in holders:
        proof = holder.proof()
        ledger.check(proof, kept)
        assert check(tmp_path, proof, kept)[0]
        page = holder.ask("").json()
        assert [(iso(e["at_ms"]), e["kind"]) for e in proof["events"]] == [
            (line["at"], line["kind"]) for line in page["history"]]
        assert proof["events"][-1]["office"] == page["office"]
        assert proof["events"][-1]["status"] == page["status"]


def test_an_old_head_stays_good_and_later_events_are_proven_too(holders, tmp_path):
    system, holder = holders[0].system, holders[0]
    before, old = heads(system), holder.proof()
    Desk(system).send(holder.number, 2, accept=Accept())
    system.wait_archived(holder.number, version=3)
    for i in range(10):
        system.wait_archived(Holder(system, system.submit(submission(f"later {i}")[0])).number)
    now = holder.proof()
    assert now["ledger"]["size"] > old["ledger"]["size"]
    ledger.check(now, heads(system))
    assert len(now["events"]) == 3
    for was, still in zip(old["events"], now["events"]):
        facts = ("version", "at_ms", "kind", "status", "office", "deadline_ms", "body_hash")
        assert [was[f] for f in facts] == [still[f] for f in facts]
    again = holder.proof(size=old["ledger"]["size"])
    ledger.check(again, before)
    assert check(tmp_path, again, before)[0] and again == old
    with pytest.raises(ledger.Broken):
        ledger.check(now, before)
    assert not check(tmp_path, now, before)[0]
    (tmp_path / "kept.json").write_text(json.dumps(before))
    assert "the record agrees" in system.tool("audit", "verify", tmp_path / "kept.json").stdout


FORGERIES = {
    "version": lambda p: p["events"][1].update(version=3),
    "time": lambda p: p["events"][0].update(at_ms=p["events"][0]["at_ms"] + 1),
    "deadline": lambda p: p["events"][1].update(deadline_ms=1),
    "kind": lambda p: p["events"][0].update(kind="withdrawn"),
    "status": lambda p: p["events"][1].update(status="closed"),
    "office": lambda p: p["events"][1].update(office="elsewhere"),
    "body": lambda p: p["events"][0].update(body_hash="00" * 32),
    "leaf": lambda p: p["events"][0].update(leaf=p["events"][0]["leaf"] + 1),
    "entry": lambda p: p["events"][0]["entry"].update(first_offset=99999),
    "another case": lambda p: p.update(case_number=case_number.write(case_number.make())),
    "one left out": lambda p: p["events"].pop(0),
    "a longer path": lambda p: p["events"][0]["entry"]["path"].append("00" * 32),
    "a shorter path": lambda p: p["events"][0]["entry"]["path"].pop(),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_proof_is_found_out(holders, tmp_path, forgery):
    proof = next(proof for proof in map(Holder.proof, holders) if proof["events"][0]["entry"]["path"])
    FORGERIES[forgery](proof)
    with pytest.raises(ledger.Broken):
        ledger.check(proof)
    assert not check(tmp_path, proof)[0]


def test_what_is_no_proof_is_said_to_be_none(tmp_path):
    for text in ("", "[]", "{}", '{"case_number": "1"}', '{"case_number": 5, "events": []}'):
        (tmp_path / "proof.json").write_text(text)
        done = subprocess.run([binary("audit"), "check", tmp_path / "proof.json"], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 2 and "proof.json" in done.stderr


# each alters what it names, and once more gives back what was there
FLIP = "set_byte({0}, {1}, get_byte({0}, {1}) # 1)"
ALTERATIONS = {
    "the end of an event": ("case_events", "body = " + FLIP.format("body", "length(body) - 1"),
                            "number = {number} AND version = 1"),
    "the middle of an event": ("case_events", "body = " + FLIP.format("body", "length(body) / 2"),
                               "number = {number} AND version = 1"),
    "the place in the ledger": ("case_events", "leaf = leaf # 1", "number = {number} AND version = 1"),
    "a leaf": ("ledger", "leaves = " + FLIP.format("leaves", "5"), "partition = {partition}"),
    "an entry": ("ledger", "first_offset = first_offset # 1", "partition = {partition}"),
    "a head": ("ledger", "tree = " + FLIP.format("tree", "5"), "partition = {partition}"),
    "a node": ("ledger_nodes", "hash = " + FLIP.format("hash", "5"), "partition = {partition}"),
}


def alter(system, table, change, where):
    """As somebody with all rights over the database would."""
    system.overrule(f"UPDATE {table} SET {change} WHERE {where}")


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_altering_the_record_makes_verification_fail(holders, alteration):
    system, holder = holders[2].system, holders[2]
    table, change, where = ALTERATIONS[alteration]
    where = where.format(number=holder.number, partition=holder.partition)
    system.daemon("portal").allow("the record does not agree")
    kept = heads(system)
    ledger.check(holder.proof(), kept)
    alter(system, table, change, where)
    try:
        reply = holder.ask()
        if reply.status_code == 200:
            with pytest.raises(ledger.Broken):
                ledger.check(reply.json(), kept)
        else:
            assert reply.status_code == 500 and "does not agree" in reply.json()["detail"]
        found = system.tool("audit", "verify", check=False)
        assert found.returncode == 1 and "NOT agree" in found.stdout
    finally:
        alter(system, table, change, where)
    ledger.check(holder.proof(), kept)


@pytest.mark.parametrize("column, value", [("status", "'closed'"), ("kind", "'withdrawn'"), ("version", "9")])
def test_a_row_that_says_something_else_than_its_event_is_found(holders, column, value):
    system, holder = holders[3].system, holders[3]
    was = system.sql(f"SELECT {column} AS it FROM case_events WHERE number = %s AND version = 2",
                     holder.number)[0].it
    where = f"number = {holder.number} AND {column} = "
    alter(system, "case_events", f"{column} = {value}", where + (f"'{was}'" if column != "version" else "2"))
    found = system.tool("audit", "verify", check=False)
    assert found.returncode == 1 and "is not what its event says" in found.stdout
    alter(system, "case_events", f"{column} = '{was}'", where + value)
    assert "the record agrees" in system.tool("audit", "verify").stdout


def test_who_has_no_receipt_gets_no_proof(holders):
    holder = holders[4]
    assert holder.ask(receipt="0000-0000-0000-0000").status_code == 503  # the case is young: see test_stores
    url = f"{portal(holder.system)}/v1/cases/{holder.text}/proof"
    assert requests.get(url, timeout=60).status_code == 401
    for size in ("0", "-1", "x", "", "99999999999999999999"):
        assert holder.ask(size=size).status_code == 422
    assert holder.ask(size="1000000").json()["field"] == "size"
    assert holder.ask(part="/nothing").status_code == 404


def test_what_is_not_archived_yet_is_not_proven_yet(holders):
    system = holders[0].system
    system.daemon("archival").stop()
    early = Holder(system, system.submit(submission("early")[0]))
    reply = early.ask()
    assert reply.status_code == 503 and int(reply.headers["Retry-After"]) > 0
    system.daemon("archival").start()
    system.wait_archived(early.number)
    ledger.check(early.proof(), heads(system))


def grown(system):
    """The head of a ledger of some entries."""
    for i in range(100):
        busy = max(heads(system)["partitions"], key=lambda head: head["size"])
        if busy["size"] > 6:
            return busy
        system.wait_archived(Holder(system, system.submit(submission(f"grown {i}")[0])).number)
    raise AssertionError(busy)


def test_every_head_is_the_beginning_of_every_later_one(holders, tmp_path):
    system = holders[0].system
    seen, busy = {}, grown(system)
    for size in range(1, busy["size"] + 1):
        for later in range(size, busy["size"] + 1):
            proof = consistency(system, partition=busy["partition"], **{"from": size, "to": later})
            ledger.check_consistency(proof)
            assert later - size > 2 or check(tmp_path, proof)[0]
            for head in (proof["from"], proof["to"]):
                assert seen.setdefault(head["size"], head) == head
    assert len(seen) == busy["size"] and seen[busy["size"]] == busy
    assert consistency(system, partition=busy["partition"], **{"from": 3})["to"] == busy


def test_who_kept_a_head_sees_that_it_was_only_added_to(holders, tmp_path):
    system, holder = holders[6].system, holders[6]
    before = heads(system)
    for i in range(6):
        system.wait_archived(Holder(system, system.submit(submission(f"added {i}")[0])).number)
    Desk(system).send(holder.number, 2, accept=Accept())
    system.wait_archived(holder.number, version=3)
    system.wait_archived(Holder(system, system.submit(submission("added last")[0])).number)
    after, grown = heads(system), 0
    for old in before["partitions"]:
        new = next(head for head in after["partitions"] if head["partition"] == old["partition"])
        proof = consistency(system, partition=old["partition"], **{"from": old["size"], "to": new["size"]})
        assert (proof["from"], proof["to"]) == (old, new)
        ledger.check_consistency(proof, before)
        good, said = check(tmp_path, proof, before, after)
        assert good and "the earlier head is the one that was kept, the later one is the one that was kept" in said
        grown += new["size"] > old["size"]
    assert grown


CONSISTENCY_FORGERIES = {
    "the earlier root": lambda p: p["from"].update(root=p["to"]["root"]),
    "the later root": lambda p: p["to"].update(root=p["from"]["root"]),
    "the earlier size": lambda p: p["from"].update(size=p["from"]["size"] - 1),
    "the later size": lambda p: p["to"].update(size=p["to"]["size"] * 64),
    "another partition": lambda p: p["to"].update(partition=p["to"]["partition"] + 1),
    "a hash": lambda p: p["path"].__setitem__(0, "00" * 32),
    "one more hash": lambda p: p["path"].append("00" * 32),
    "one hash less": lambda p: p["path"].pop(),
    "no path": lambda p: p["path"].clear(),
}


@pytest.mark.parametrize("forgery", CONSISTENCY_FORGERIES)
def test_a_forged_consistency_proof_is_found_out(holders, tmp_path, forgery):
    system = holders[0].system
    busy = grown(system)
    proof = consistency(system, partition=busy["partition"], **{"from": 3, "to": busy["size"]})
    CONSISTENCY_FORGERIES[forgery](proof)
    with pytest.raises(ledger.Broken):
        ledger.check_consistency(proof)
    good, said = check(tmp_path, proof)
    assert not good and "is NOT the earlier one with more entries" in said


def test_which_consistency_proofs_there_are_not(holders):
    system = holders[0].system
    last = system.partitions - 1
    for field, query in (("partition", {"from": 1}), ("partition", {"partition": "x", "from": 1}),
                         ("partition", {"partition": last + 1, "from": 1}), ("partition", {"partition": -1, "from": 1}),
                         ("from", {"partition": 0}), ("from", {"partition": 0, "from": 0}),
                         ("from", {"partition": 0, "from": 3, "to": 2}), ("to", {"partition": 0, "from": 1, "to": "2 "}),
                         ("to", {"partition": 0, "from": 1, "to": 10 ** 9}), ("from", {"partition": 0, "from": 10 ** 9}),
                         ("from", {"partition": 0, "from": "9" * 30})):
        reply = requests.get(f"{portal(system)}/v1/ledger/consistency", params=query, timeout=60)
        assert reply.status_code == 422 and reply.json()["field"] == field, (query, reply.text)
    assert requests.post(f"{portal(system)}/v1/ledger/consistency", timeout=60).status_code == 405
    assert requests.post(f"{portal(system)}/v1/ledger/nothing", timeout=60).status_code == 404


def test_no_consistency_is_proven_of_an_altered_ledger(holders):
    system, busy = holders[0].system, grown(holders[0].system)
    system.daemon("portal").allow("the record does not agree")
    where = {"partition": busy["partition"], "from": busy["size"] - 1, "to": busy["size"]}
    ledger.check_consistency(consistency(system, **where))
    for table, column in (("ledger_nodes", "hash"), ("ledger", "tree")):
        flip = f"{column} = " + FLIP.format(column, "5"), f"partition = {busy['partition']}"
        alter(system, table, *flip)
        try:
            reply = requests.get(f"{portal(system)}/v1/ledger/consistency", params=where, timeout=60)
            assert reply.status_code == 500 and "does not agree" in reply.json()["detail"], table
        finally:
            alter(system, table, *flip)
    ledger.check_consistency(consistency(system, **where))


def test_every_head_is_signed(holders, tmp_path):
    """Those of today, those of old, and those that proofs lead to."""
    system, holder = holders[8].system, holders[8]
    keys, own = [public_key(system)], [system.keys / "ledger.pub"]
    busy, now = grown(system), heads(system)
    proof = holder.proof()
    whole = consistency(system, partition=busy["partition"], **{"from": 2})
    for head in [*now["partitions"], proof["ledger"], whole["from"], whole["to"]]:
        ledger.check_signature(head, keys)
    assert check(tmp_path, proof, now, keys=own)[0] and check(tmp_path, whole, now, keys=own)[0]
    assert "the record agrees" in (said := system.tool("audit", "--key", own[0], "verify").stdout)
    assert "no signature" not in said and "no signature was looked at" in system.tool("audit", "verify").stdout


HEAD_FORGERIES = {
    "size": lambda head: head.update(size=head["size"] + 1),
    "root": lambda head: head.update(root="00" * 32),
    "time": lambda head: head.update(at_ms=head["at_ms"] + 1),
    "partition": lambda head: head.update(partition=head["partition"] ^ 1),
    "signature": lambda head: head.update(signature=head["signature"][:-1] + "0123456789abcdef"[
        int(head["signature"][-1], 16) ^ 1]),
    "no signature": lambda head: head.pop("signature"),
    "another key": lambda head: head.update(key="11" * 32),
}


@pytest.mark.parametrize("forgery", HEAD_FORGERIES)
def test_a_forged_head_is_not_signed(holders, tmp_path, forgery):
    """Wherever it stands: in a proof, or among those that somebody says were kept."""
    system, holder = holders[8].system, holders[8]
    own = [system.keys / "ledger.pub"]
    proof = holder.proof()
    kept = {"partitions": [dict(proof["ledger"])]}
    assert check(tmp_path, proof, kept, keys=own)[0]
    HEAD_FORGERIES[forgery](kept["partitions"][0])
    with pytest.raises((ledger.Broken, KeyError)):
        ledger.check_signature(kept["partitions"][0], [public_key(system)])
    good, said = check(tmp_path, proof, kept, keys=own)
    assert not good and ("not signed" in said or "NOT what was signed" in said or "another key" in said)
    proof["ledger"] = kept["partitions"][0]
    assert not check(tmp_path, proof, keys=own)[0]
    whole = consistency(system, partition=holder.partition, **{"from": 1})
    HEAD_FORGERIES[forgery](whole["from"])
    assert not check(tmp_path, whole, keys=own)[0]


@pytest.mark.parametrize("column", ["signature", "signer"])
def test_a_signature_that_was_altered_or_removed_is_found(holders, column):
    system, holder = holders[2].system, holders[2]
    where = f"partition = {holder.partition} AND sequence = 1"
    was = bytes(getattr(system.sql(f"SELECT {column} FROM ledger WHERE {where}")[0], column))
    for value, says in ((FLIP.format(column, "5"), "signed"), ("NULL", "its head is not signed")):
        alter(system, "ledger", f"{column} = {value}", where)
        found = system.tool("audit", "--key", system.keys / "ledger.pub", "verify", check=False)
        alter(system, "ledger", f"{column} = '\\x{was.hex()}'", where)
        assert found.returncode == 1 and says in found.stdout, found.stdout
    assert "the record agrees" in system.tool("audit", "--key", system.keys / "ledger.pub", "verify").stdout


def test_what_is_no_key_is_said_to_be_none(tmp_path):
    for name, text in (("short.pub", "1234\n"), ("none.pub", None)):
        if text:
            (tmp_path / name).write_text(text)
        done = subprocess.run([binary("audit"), "--key", tmp_path / name, "check", "x"], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 2 and name in done.stderr


class Forger:
    """Somebody with all rights who alters an event and makes a ledger that fits, from there on."""

    def __init__(self, system, partition):
        self.system = system
        self.partition = partition
        self.levels = {}

    def rewrite(self, number):
        row = self.system.sql("SELECT body FROM case_events WHERE number = %s AND version = 2", number)[0]
        event = CaseEvent.FromString(bytes(row.body))
        event.assigned.rule = "forged"     # of which no other table knows
        self._do("UPDATE case_events SET body = %s WHERE number = %s AND version = 2",
                 event.SerializeToString(), number)
        for entry in self.system.sql("SELECT * FROM ledger WHERE partition = %s ORDER BY sequence",
                                     self.partition):
            self._reseal(entry)

    def _do(self, sql, *values):
        self.system.overrule(sql, *values)

    def _reseal(self, entry):
        bodies = self.system.sql("SELECT body FROM case_events WHERE source_partition = %s AND entry = %s"
                                 " ORDER BY leaf", self.partition, entry.sequence)
        leaves = [self._leaf(bytes(row.body)) for row in bodies]
        root = self._root(leaves)
        facts = {"sequence": entry.sequence, "first_offset": entry.first_offset,
                 "last_offset": entry.last_offset, "events": entry.events}
        self._add_node(0, entry.sequence - 1, ledger.entry_leaf(self.partition, facts, root))
        tree = self._root([self.levels[0, i] for i in range(entry.sequence)])
        self._do("UPDATE ledger SET root = %s, leaves = %s, tree = %s WHERE partition = %s AND sequence = %s",
                 root, b"".join(leaves), tree, self.partition, entry.sequence)

    def _add_node(self, level, index, value):
        self.levels[level, index] = value
        self._do("UPDATE ledger_nodes SET hash = %s WHERE partition = %s AND level = %s AND index = %s",
                 value, self.partition, level, index)
        if index & 1:
            self._add_node(level + 1, index >> 1, ledger.h(b"\1", self.levels[level, index - 1], value))

    def _root(self, leaves):
        if len(leaves) == 1:
            return leaves[0]
        left = 1 << (len(leaves) - 1).bit_length() - 1
        return ledger.h(b"\1", self._root(leaves[:left]), self._root(leaves[left:]))

    @staticmethod
    def _leaf(body):
        event = CaseEvent.FromString(body)
        kind = event.WhichOneof("body")
        what = getattr(event, kind)
        facts = {"version": event.version, "at_ms": event.at_ms, "kind": kind,
                 "status": event.DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number[
                     event.status].name.lower(),
                 "office": getattr(what, "office", ""), "deadline_ms": getattr(what, "deadline_ms", 0),
                 "body_hash": ledger.h(body).hex()}
        return ledger.event_leaf(event.number, facts)


def test_a_whole_ledger_made_anew_is_found_by_who_kept_a_head(holders, tmp_path):
    """Last in this file: the record is not what it was afterwards."""
    system, holder = holders[5].system, holders[5]
    kept, old = heads(system), holder.proof()
    Forger(system, holder.partition).rewrite(holder.number)
    assert "the record agrees" in system.tool("audit", "verify").stdout, "the forger knows the trade"
    signed = system.tool("audit", "--key", system.keys / "ledger.pub", "verify", check=False)
    assert signed.returncode == 1 and "its head is NOT what was signed" in signed.stdout, "but has not the key"
    forged = holder.proof()
    ledger.check(forged)
    assert check(tmp_path, forged)[0], "and by itself the forged proof holds"
    assert not check(tmp_path, forged, keys=[system.keys / "ledger.pub"])[0]
    with pytest.raises(ledger.Broken, match="kept"):
        ledger.check(forged, kept)
    assert not check(tmp_path, forged, kept)[0]
    assert forged["events"][1]["body_hash"] != old["events"][1]["body_hash"]
    whole = consistency(system, partition=holder.partition, **{"from": old["ledger"]["size"]})
    ledger.check_consistency(whole)
    assert check(tmp_path, whole)[0], "so does the consistency of the forged ledger"
    with pytest.raises(ledger.Broken, match="kept"):
        ledger.check_consistency(whole, kept)
    good, said = check(tmp_path, whole, kept)
    assert not good and "the earlier head is NOT the one that was kept" in said
    (tmp_path / "kept.json").write_text(json.dumps(kept))
    found = system.tool("audit", "verify", tmp_path / "kept.json", check=False)
    assert found.returncode == 1 and "was kept is another" in found.stdout

    # and if a whole partition is taken away, its cases are left without a history
    gone = next(p for p in range(system.partitions) if p != holder.partition)
    for table, column in (("case_events", "source_partition"), ("ledger", "partition"), ("ledger_nodes", "partition")):
        system.overrule(f"DELETE FROM {table} WHERE {column} = {gone}")
    assert system.tool("audit", "verify", check=False).returncode == 1
    found = system.tool("audit", "verify", tmp_path / "kept.json", check=False)
    assert f"partition {gone}: the head that was kept is of" in found.stdout


def test_another_key_from_now_on(system, tmp_path):
    """As docs/ledger.md says to change it: what the old one signed stays good for who has its public half."""
    old = system.keys / "ledger-old.pub"
    system.start()
    first = Holder(system, system.submit(submission("under the old key")[0]))
    system.wait_archived(first.number)
    (system.keys / "ledger.pub").rename(old)
    (system.keys / "ledger.key").unlink()
    subprocess.run([binary("keys"), system.keys], check=True, capture_output=True)
    system.daemon("archival").restart()
    size = first.proof()["ledger"]["size"]
    for i in itertools.count():
        system.wait_archived(Holder(system, system.submit(submission(f"new key {i}")[0])).number)
        if first.proof()["ledger"]["size"] > size:
            break
        assert i < 200
    new = system.keys / "ledger.pub"
    keys = {path: path.read_text().strip() for path in (old, new)}
    before, after = first.proof(size=1), first.proof()
    ledger.check_signature(before["ledger"], [keys[old]])
    ledger.check_signature(after["ledger"], [keys[new]])
    assert check(tmp_path, before, keys=[old])[0] and not check(tmp_path, before, keys=[new])[0]
    whole = consistency(system, partition=first.partition, **{"from": 1})
    assert check(tmp_path, whole, keys=[old, new])[0]
    assert not check(tmp_path, whole, keys=[old])[0] and not check(tmp_path, whole, keys=[new])[0]
    assert "the record agrees" in system.tool("audit", "--key", old, "--key", new, "verify").stdout
    found = system.tool("audit", "--key", new, "verify", check=False)
    assert found.returncode == 1 and "signed with another key" in found.stdout


def test_archival_does_not_begin_without_its_key(system):
    (system.keys / "ledger.key").unlink()
    archival = system.daemon("archival")
    archival.allow("ledger.key")
    archival.start(wait=False)
    assert archival.process.wait(60) == 1 and "ledger.key" in archival.log()
