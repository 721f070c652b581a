"""A citizen sees where the case stands: at once after the reply, and each change as it happens."""

import http.client
import json
import socket
import subprocess
import threading

import pytest
import requests

from support import case_number
from support.commands import Desk
from support.daemon import wait_for
from support.grievances import submission
from support.messages import Accept, Comment
from support.ports import free_port


@pytest.fixture(scope="module")
def town(shared):
    shared.daemon("portal").set(portal__heartbeat="1s")
    return shared.start()


class Stream:
    """Server-sent events of a case."""

    def __init__(self, system, reply, port=None, **headers):
        self.events = []
        self.connection = http.client.HTTPConnection("127.0.0.1", port or system.portal_port, timeout=60)
        self.connection.request("GET", f"/v1/cases/{reply['case_number']}/events",
                                headers=headers or {"Authorization": f"Receipt {reply['receipt_code']}"})
        self.socket = self.connection.sock
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        assert self.response.headers["Content-Type"].startswith("text/event-stream")
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while line := self.response.readline():
            if line.startswith(b"data: "):
                self.events.append(json.loads(line[6:]))

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)

    def wait_version(self, version):
        wait_for(f"an event says version {version}", lambda: any(
            page.get("version", 0) >= version for page in list(self.events)), 20, 0.01)


def test_the_case_is_there_straight_after_the_reply(town):
    for i in range(20):
        reply = town.submit(submission(f"at once {i}")[0])
        page = town.track(reply["case_number"], reply["receipt_code"])
        assert page["case_number"] == reply["case_number"]


def test_each_change_is_pushed(town):
    """To everybody who follows, each version, though nobody asks again."""
    reply = town.submit(submission("followed")[0])
    number = case_number.read(reply["case_number"])
    streams = [Stream(town, reply) for _ in range(3)]
    for stream in streams:
        stream.wait_version(2)
    desk = Desk(town)
    for version, body in enumerate([{"accept": Accept()}] + 5 * [{"comment": Comment(sealed_text=b"x" * 60, public=True)}], 3):
        desk.send(number, version - 1, **body)
        for stream in streams:
            stream.wait_version(version)
    for stream in streams:
        stream.close()
    wait_for("who has gone is forgotten", lambda: town.daemon("portal").metric(
        "redress_portal_streams") == 0, 20, 0.5)


def test_a_note_for_colleagues_is_not_shown(town):
    reply = town.submit(submission("internal")[0])
    number = case_number.read(reply["case_number"])
    stream, desk = Stream(town, reply), Desk(town)
    stream.wait_version(2)
    desk.send(number, 2, comment=Comment(sealed_text=b"x" * 60))
    desk.send(number, 3, comment=Comment(sealed_text=b"y" * 60, public=True))
    stream.wait_version(4)
    kinds = [line["kind"] for line in town.track(reply["case_number"], reply["receipt_code"])["history"]]
    assert kinds == ["opened", "assigned", "commented"]
    assert all(page.get("version") != 3 for page in stream.events)
    stream.close()
    wait_for("who has gone is forgotten", lambda: town.daemon("portal").metric(
        "redress_portal_streams") == 0, 20, 0.5)


def test_a_stream_needs_the_receipt(town):
    reply = town.submit(submission("not yours")[0])
    other = town.submit(submission("mine")[0])
    address = f"http://127.0.0.1:{town.portal_port}/v1/cases/{reply['case_number']}/events"
    assert requests.get(address, timeout=60).status_code == 401
    assert requests.get(address, timeout=60, headers={
        "Authorization": f"Receipt {other['receipt_code']}"}).status_code == 503  # it is young: see test_stores


# ---- browsers, and what is between them and the portal

def events_url(town, reply):
    return f"http://127.0.0.1:{town.portal_port}/v1/cases/{reply['case_number']}/events"


def pass_of(town, reply):
    """The cookie that a page asks for with the receipt code, before it opens an EventSource."""
    given = requests.post(events_url(town, reply), timeout=60,
                          headers={"Authorization": f"Receipt {reply['receipt_code']}"})
    assert given.status_code == 204
    cookie = given.headers["Set-Cookie"]
    assert f"Path=/v1/cases/{reply['case_number']}/events" in cookie
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=Strict", "Max-Age="))
    assert reply["receipt_code"] not in cookie
    return cookie.partition(";")[0]


def test_a_browser_follows_with_a_cookie(town):
    reply = town.submit(submission("in a browser")[0])
    cookie = pass_of(town, reply)
    stream = Stream(town, reply, Cookie=f"theme=dark; {cookie}; lang=en")
    assert cookie.partition("=")[0] in stream.response.headers["Set-Cookie"], "a stream that begins renews it"
    stream.wait_version(2)
    Desk(town).send(case_number.read(reply["case_number"]), 2, accept=Accept())
    stream.wait_version(3)
    stream.close()


def test_the_cookie_opens_nothing_else(town):
    reply, other = town.submit(submission("mine alone")[0]), town.submit(submission("another's")[0])
    cookie = {"Cookie": pass_of(town, reply)}
    base = f"http://127.0.0.1:{town.portal_port}/v1/cases/"
    assert requests.get(events_url(town, other), headers=cookie, timeout=60).status_code == 503
    for path in ("", "/proof"):
        assert requests.get(base + reply["case_number"] + path, headers=cookie, timeout=60).status_code == 401
    assert requests.post(events_url(town, reply), headers=cookie, timeout=60).status_code == 401
    end, _, seal = cookie["Cookie"].partition("-")
    later = {"Cookie": f"{end[:-1]}{(int(end[-1]) + 1) % 10}-{seal}"}
    assert requests.get(events_url(town, reply), headers=later, timeout=60).status_code == 503


NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/log; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{portal}; }} }}
}}
"""


@pytest.fixture
def proxy(town, tmp_path):
    """nginx as it comes: HTTP/1.0 to the portal, replies gathered before they are passed on."""
    port = free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(NGINX.format(folder=tmp_path, port=port, portal=town.portal_port))
    process = subprocess.Popen(["/usr/sbin/nginx", "-p", tmp_path, "-e", tmp_path / "log", "-c", config])

    def answers():
        assert process.poll() is None, (tmp_path / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for("nginx listens", answers)
    yield port
    process.terminate()
    process.wait()


def test_changes_come_through_nginx_as_it_is(town, proxy):
    reply = town.submit(submission("through a proxy")[0])
    stream = Stream(town, reply, port=proxy)
    stream.wait_version(2)
    Desk(town).send(case_number.read(reply["case_number"]), 2, accept=Accept())
    stream.wait_version(3)
    stream.close()
    wait_for("who has left the proxy is forgotten", lambda: town.daemon("portal").metric(
        "redress_portal_streams") == 0, 20, 0.5)


def test_a_case_has_its_share_of_the_streams(town):
    reply, other = town.submit(submission("too often")[0]), town.submit(submission("followed too")[0])
    streams = [Stream(town, reply) for _ in range(10)]
    refused = requests.get(events_url(town, reply), timeout=60,
                           headers={"Authorization": f"Receipt {reply['receipt_code']}"})
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0
    streams.append(Stream(town, other))
    for stream in streams:
        stream.close()
    wait_for("there is room again", lambda: town.daemon("portal").metric("redress_portal_streams") == 0, 20, 0.2)
    Stream(town, reply).close()
