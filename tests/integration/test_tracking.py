"""A citizen sees where the case stands: at once after the reply, and each change as it happens."""

import http.client
import json
import socket
import threading
import time

import pytest
import requests

from support import case_number
from support.commands import Desk
from support.daemon import wait_for
from support.grievances import submission
from support.messages import Accept, Comment


@pytest.fixture(scope="module")
def town(shared):
    shared.daemon("portal").set(portal__heartbeat="1s")
    return shared.start()


class Stream:
    """Server-sent events of a case, each with the time it came."""

    def __init__(self, system, reply):
        self.events = []
        self.connection = http.client.HTTPConnection("127.0.0.1", system.portal_port, timeout=60)
        self.connection.request("GET", f"/v1/cases/{reply['case_number']}/events",
                                headers={"Authorization": f"Receipt {reply['receipt_code']}"})
        self.socket = self.connection.sock
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        assert self.response.headers["Content-Type"].startswith("text/event-stream")
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while line := self.response.readline():
            if line.startswith(b"data: "):
                self.events.append((time.monotonic(), json.loads(line[6:])))

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)

    def wait_version(self, version):
        """When it came."""
        return wait_for(f"an event says version {version}", lambda: next(
            (at for at, page in list(self.events) if page.get("version", 0) >= version), None), 20, 0.01)


def test_the_case_is_there_straight_after_the_reply(town):
    for i in range(20):
        reply = town.submit(submission(f"at once {i}")[0])
        page = town.track(reply["case_number"], reply["receipt_code"])
        assert page["case_number"] == reply["case_number"]


def wait_shown(town, reply, version):
    """When the page has it."""
    wait_for(f"version {version} is shown", lambda: town.track(
        reply["case_number"], reply["receipt_code"]).get("version", 0) >= version, 20, 0.01)
    return time.monotonic()


def test_each_change_is_pushed_within_a_second(town):
    """Of when the page has it; a busy machine may hold up one of six."""
    reply = town.submit(submission("followed")[0])
    number = case_number.read(reply["case_number"])
    streams = [Stream(town, reply) for _ in range(3)]
    for stream in streams:
        stream.wait_version(2)
    desk, late = Desk(town), []
    for version, body in enumerate([{"accept": Accept()}] + 5 * [{"comment": Comment(sealed_text=b"x" * 60)}], 3):
        desk.send(number, version - 1, **body)
        shown = wait_shown(town, reply, version)
        late.append(max(stream.wait_version(version) for stream in streams) - shown)
    assert sorted(late)[-2] < 1, late
    for stream in streams:
        stream.close()
    wait_for("who has gone is forgotten", lambda: town.daemon("portal").metric(
        "redress_portal_followers") == 0, 20, 0.5)


def test_a_stream_needs_the_receipt(town):
    reply = town.submit(submission("not yours")[0])
    other = town.submit(submission("mine")[0])
    address = f"http://127.0.0.1:{town.portal_port}/v1/cases/{reply['case_number']}/events"
    assert requests.get(address, timeout=60).status_code == 401
    assert requests.get(address, timeout=60, headers={
        "Authorization": f"Receipt {other['receipt_code']}"}).status_code == 404
