"""The table of topics (domain/pipeline.c) is true: who reads and writes what, and how many partitions there are."""

import re
import subprocess

import pytest

from support import case_number
from support.daemon import wait_for
from support.grievances import submission
from support.messages import OF_TOPIC, ROOT
from support.system import PIPELINE, binary

TOPIC = dict(re.findall(r'#define (TOPIC_\w+)\s+"([a-z.]+)"',
                        (ROOT / "services/common/domain/pipeline.h").read_text()))
# what cases flow through; intake keeps its leases for itself
FLOW = [topic for topic in OF_TOPIC if topic != "intake.leases"]


def row(name):
    """A service's topics as its --help says, which is the table."""
    text = subprocess.run([binary(name), "--help"], capture_output=True, text=True, check=True).stdout
    return {kind: set((re.search(rf"^{kind}: *(.*)$", text, re.MULTILINE) or [None, ""])[1].split())
            for kind in ("Reads", "Writes", "Restores")}


@pytest.mark.parametrize("name", PIPELINE)
def test_a_service_names_no_topic_but_its_own(name):
    code = "".join(path.read_text() for path in (ROOT / "services" / name).rglob("*.c"))
    named = {TOPIC[constant] + (".dead" if dead else "")
             for constant, dead in re.findall(r"\b(TOPIC_(?!DEAD)\w+)(\s+TOPIC_DEAD_SUFFIX)?", code) if constant in TOPIC}
    own = row(name)
    assert named & {topic + dead for topic in FLOW for dead in ("", ".dead")} <= own["Reads"] | own["Writes"] | own["Restores"]
    assert own["Restores"] <= named, "what is restored from is read by the service's own code"


def test_what_is_read_and_written_is_what_the_table_says(system):
    system.start()
    number = case_number.read(system.submit(submission("whose topics are whose")[0])["case_number"])
    system.wait_archived(number)
    rows = {name: row(name) for name in PIPELINE}
    groups = wait_for("all groups have their topics", lambda: (g := system.topics.groups()) and all(
        g.get(name) for name in PIPELINE if rows[name]["Reads"]) and g, 40, 0.3)
    assert groups == {name: rows[name]["Reads"] for name in PIPELINE if rows[name]["Reads"]}
    wait_for("a notification", lambda: system.topics.read("notifications.outcomes"), 30, 0.3)
    for topic in FLOW:
        headers = [dict(message.headers()) for message in system.topics.read(topic)]
        sources = {h["ce_source"].decode().split("/")[1] for h in headers}
        # the portal writes a command only when a citizen has something to say
        assert sources == {name for name in PIPELINE if topic in rows[name]["Writes"]} - {"portal"}, topic
        assert len({h["ce_type"] for h in headers}) == 1, topic


def test_the_number_of_partitions_is_for_ever(system):
    """Cases are where the number of partitions of the beginning puts them: another one is refused."""
    system.start()
    number = case_number.read(system.submit(submission("before")[0])["case_number"])
    system.wait_archived(number)
    for daemon in system.daemons.values():
        daemon.stop()
    for topic in FLOW:
        system.topics.add_partitions(topic, system.partitions + 2)
        system.topics.add_partitions(f"{topic}.dead", system.partitions + 2)
    for name in PIPELINE:
        if name == "portal":
            continue        # touches no topic: what it goes by is what was written down
        daemon = system.daemon(name)
        daemon.allow("cannot start")
        daemon.start(wait=False)
        assert daemon.process.wait(120) == 1
        assert re.search(f"has {system.partitions + 2} partitions, but .* begun with {system.partitions}", daemon.log())
    refused = system.tool("topics", check=False)
    assert refused.returncode == 1 and "begun with" in refused.stderr
    system.settings["topics.partitions"] = system.partitions + 2
    refused = system.tool("topics", check=False)
    assert refused.returncode == 1 and "cannot be changed" in refused.stderr


def test_partitions_that_are_added_while_it_runs_end_it(system):
    """A reader that is given a partition it does not know ends instead of going on."""
    system.start("intake", "classification", "routing", "archival")
    routing = system.daemon("routing")
    routing.allow("cannot start", "ending to be started again", "more partitions")
    system.topics.add_partitions("cases.commands", system.partitions + 1)
    routing.kill()      # the next one learns of it at once
    routing.start(wait=False)
    assert routing.process.wait(120) == 1
