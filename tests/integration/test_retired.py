"""What open cases use may leave the catalogue only for its list of what is retired."""

import shutil

import pytest
import requests

from support.commands import Desk
from support.daemon import wait_for
from support.messages import ROOT, Accept, Actor, Place

OFFICE = "municipal-porto-claro"
GONE = f"office {OFFICE} (1)"


@pytest.fixture(scope="module")
def town(shared, tmp_path_factory):
    shared.catalogue = tmp_path_factory.mktemp("town") / "catalogue"
    shutil.copytree(ROOT / "deploy" / "catalogue", shared.catalogue)
    routing = shared.daemon("routing").set(catalogue__folder=shared.catalogue)
    routing.allow("not reloaded", "open cases use what the catalogue has not")
    shared.start("routing")
    shared.desk = Desk(shared)
    return shared


def ready_text(routing):
    return requests.get(f"http://{routing.admin}/readyz", timeout=60).text


def close_down(town):
    """The office's line goes."""
    offices = town.catalogue / "offices.yaml"
    lines = offices.read_text().splitlines(keepends=True)
    kept = [line for line in lines if f"code: {OFFICE}," not in line]
    assert len(kept) == len(lines) - 1
    offices.write_text("".join(kept))


def test_an_office_with_open_cases_goes_only_as_retired(town):
    routing = town.daemon("routing")
    number = town.desk.open(place=Place(area_code="porto-claro"))
    assert town.desk.office(number) == OFFICE
    close_down(town)
    routing.reload()
    wait_for("the reload is refused", lambda: "not reloaded" in routing.log() and GONE in routing.log(), 30)
    assert routing.metric("redress_routing_without_entry") == 1
    assert GONE in ready_text(routing)
    other = town.desk.open(place=Place(area_code="porto-claro"))
    assert town.desk.office(other) == OFFICE, "the catalogue from before is still used"
    # started so, it says the same and goes on
    routing.restart()
    wait_for("it says so", lambda: "(2)" in ready_text(routing), 30, 0.2)
    assert routing.metric("redress_routing_without_entry") == 2
    (town.catalogue / "retired.yaml").write_text(
        f"retired:\n  - {{office: {OFFICE}, name: Old town hall, successor: municipal-head}}\n")
    routing.reload()
    wait_for("it is reloaded", lambda: 'msg="reloaded"' in routing.log(), 30)
    assert routing.metric("redress_routing_without_entry") == 0
    assert OFFICE not in ready_text(routing)
    successor = Actor(kind=Actor.OFFICER, id="o", office="municipal-head")
    town.desk.send(number, 2, successor, accept=Accept())
    assert town.desk.wait_version(number, 3)[-1].WhichOneof("body") == "accepted"
