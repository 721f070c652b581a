"""What a citizen declared counts, and no machine says that there is nothing to act on (promise 17)."""

import pytest

from support import case_number
from support.grievances import submission
from support.messages import Urgency


@pytest.fixture(scope="module")
def town(shared):
    return shared.start("intake", "classification", "routing", "archival", "portal")


def opened(town, seed, **said):
    """The case's row in the record and its page."""
    reply = town.submit({**submission(seed)[0], "subject": "", **said})
    number = case_number.read(reply["case_number"])
    town.wait_archived(number)
    row, = town.sql("SELECT * FROM cases WHERE number = %s", number)
    return row, town.track(reply["case_number"], reply["receipt_code"])


def test_gas_reaches_the_emergency_service_at_once(town):
    row, page = opened(town, "gas", description="There is a smell of gas in the stairwell", service_code="energy")
    assert row.office == "energy-emergency" and row.urgency == Urgency.Value("EMERGENCY") and not row.triage
    assert page["office_name"] == "Energy emergency service"


def test_an_answer_alone_declares_danger(town):
    row, _ = opened(town, "wires", description="Please come and look at it", service_code="energy",
                    answers={"danger": "wires"})
    assert row.office == "energy-emergency" and row.urgency == Urgency.Value("EMERGENCY")


def test_the_service_chosen_leads_to_its_office(town):
    row, _ = opened(town, "vague", description="Please come and look at it", service_code="water",
                    location={"lat": 38.75, "lon": -24.0})
    assert row.office == "water-north" and not row.triage and row.urgency == Urgency.Value("ROUTINE")


def test_nothing_says_by_itself_that_it_is_no_grievance(town):
    row, page = opened(town, "beaten", description="My husband beats me and the police does nothing")
    assert not row.category.startswith("other.") and row.urgency == Urgency.Value("EMERGENCY")
    assert "Not a grievance" not in str(page)
