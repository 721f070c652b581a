"""Each daemon's routes are a table: docs/openapi.json describes them, /metrics counts them, errors suit who asks."""

import json
import re

import pytest
import requests

from support.daemon import wait_for
from support.messages import ROOT

WHOLE = json.loads((ROOT / "docs/openapi.json").read_text())
# what is no part of the API: it describes itself, is described elsewhere, or is for people's browsers
APART = re.compile(r"GET /openapi\.json|\w+ /open311/v2/.*|\w+ /((file|case|assets|desk)\b.*)?")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def doors(shared):
    shared.start("intake", "portal", "casework")
    return shared


def url(system, name, path):
    return f"http://127.0.0.1:{getattr(system, f'{name}_port')}{path}"


def described(document):
    return {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}


def counted(system, name):
    """route -> status class -> how often, as /metrics says."""
    found = {}
    for route, status, value in re.findall(r'redress_http_requests_total\{route="([^"]+)",status="(.)xx"\} (\d+)',
                                           system.daemons[name].metrics_text()):
        found.setdefault(route, {})[status] = int(value)
    return found


@pytest.mark.parametrize("name", ["intake", "portal", "casework"])
def test_the_document_and_the_table_are_one(doors, name):
    document = requests.get(url(doors, name, "/openapi.json"), timeout=60).json()
    routes = {route for route in counted(doors, name) if " " in route and not APART.fullmatch(route)}
    routes = {route for route in routes if route.split()[1] not in ("/healthz", "/readyz", "/metrics")}
    assert described(document) == routes
    own = {f"{method.upper()} {path}" for path, methods in WHOLE["paths"].items()
           for method, one in methods.items() if one["tags"] == [name]}
    assert described(document) == own, "each serves its own part, and nobody forgets one"


def test_every_operation_belongs_to_somebody():
    for path, methods in WHOLE["paths"].items():
        tags = [one["tags"] for one in methods.values()]
        assert all(tag == tags[0] and len(tag) == 1 for tag in tags), path


def test_requests_are_counted_by_route(doors):
    before = counted(doors, "portal")["GET /v1/cases/{number}"]["4"]
    requests.get(url(doors, "portal", "/v1/cases/1"), timeout=60)
    wait_for("it is counted", lambda: counted(doors, "portal")["GET /v1/cases/{number}"]["4"] == before + 1, 20)
    assert 'redress_http_seconds_bucket{route="GET /v1/cases/{number}",le="+Inf"}' in doors.daemons["portal"].metrics_text()


@pytest.mark.parametrize("method,path,status,says", [
    ("GET", "/nothing", 404, "There is nothing at this address"),
    ("GET", "/v1/nothing", 404, "There is nothing at this address"),
    ("GET", "/assets/nothing.css", 404, "There is nothing at this address"),
    ("DELETE", "/case", 405, "That was not possible"),
    ("POST", "/case/7/dance", 403, "This form came from another site"),
    ("GET", "/file/sent", 404, "You were away for a while"),
])
def test_a_browser_gets_a_page_and_a_client_a_problem(doors, method, path, status, says):
    headers = {"Sec-Fetch-Site": "cross-site", "Accept-Language": "en"}
    for accept in (BROWSER, "text/html", "text/*;q=0.5, application/json;q=0.4"):
        page = requests.request(method, url(doors, "portal", path), headers={**headers, "Accept": accept}, timeout=60)
        assert page.status_code == status and page.headers["Content-Type"].startswith("text/html")
        assert says in page.text and "Accept" in page.headers["Vary"]
    for accept in (None, "*/*", "application/json", "text/html;q=0.4, application/json"):
        answer = requests.request(method, url(doors, "portal", path), headers={**headers, "Accept": accept}, timeout=60)
        assert answer.status_code == status and answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == status and answer.json()["detail"]
        assert answer.headers.get("Allow") == page.headers.get("Allow")
    assert (status == 405) == ("Allow" in page.headers)


def test_a_body_that_no_route_takes_is_refused_before_it_comes(doors):
    """Even under what the largest route takes; the page's status is the same."""
    for accept, kind in ((BROWSER, "text/html; charset=utf-8"), ("*/*", "application/problem+json")):
        answer = requests.get(url(doors, "portal", "/v1/ledger/head"), data=b"x" * 2000, headers={"Accept": accept}, timeout=60)
        assert answer.status_code == 413 and answer.headers["Content-Type"] == kind
