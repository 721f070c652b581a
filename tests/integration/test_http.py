"""The two doors as HTTP servers: what can be read in two ways is refused, who is slow or greedy shuts nobody else
out, overload is answered (promises 12 and 13)."""

import json
import resource
import select
import socket
import time

import pytest

from support.daemon import PATIENCE, wait_for
from support.raw_http import ask, connect, read_all, read_reply, statuses, table

CASES = list(table())
REFUSALS = {400, 408, 413, 414, 417, 431, 501, 505}
FINE = json.dumps({"description": "The lamp is out."}).encode()
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def doors(shared):
    shared.start("intake", "portal")
    return shared


def port_of(system, name):
    return {"intake": system.intake_port, "portal": system.portal_port}[name]


def post(body=FINE, *fields):
    head = [b"POST /v1/grievances HTTP/1.1", b"Host: a", b"Content-Type: application/json",
            b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def get(path=b"/x", *fields):
    return b"\r\n".join([b"GET %s HTTP/1.1" % path, b"Host: a", *fields]) + b"\r\n\r\n"


# ---- framing


@pytest.mark.parametrize("door", ["intake", "portal"])
@pytest.mark.parametrize("expected, data", [case[1:] for case in CASES], ids=[f"line {case[0]}" for case in CASES])
def test_every_request_of_the_table(doors, door, expected, data):
    """Whatever stands behind a refused request is not answered: nobody can hide a second one in a first."""
    hidden = get(b"/hidden")
    got = statuses(ask(port_of(doors, door), data + hidden))
    if expected.startswith("ok"):
        behind = 0 if b"HTTP/1.0" in data else 1
        assert len(got) == int(expected.split()[1]) + behind and not REFUSALS & set(got), got
    else:
        assert got == [int(expected)]


@pytest.mark.parametrize("door", ["intake", "portal"])
def test_two_lengths_in_one_request(doors, door):
    """The tail of a request must never become a request of its own."""
    tail = b"GET /v1/cases/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    out = ask(port_of(doors, door), b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nContent-Length: 0\r\n\r\n"
              % len(tail) + tail)
    assert statuses(out) == [400] and b"Connection: close" in out


def test_byte_by_byte(doors):
    with connect(doors.intake_port) as connection:
        for byte in post():
            connection.sendall(bytes([byte]))
        status, fields, body = read_reply(connection)
        assert status == 201 and json.loads(body)["case_number"]
        connection.sendall(get())
        assert read_reply(connection)[0] == 404


def test_pipelined_in_order(doors):
    data = b"".join(post(json.dumps({"description": "x" * (i % 3)}).encode()) + get(b"/openapi.json") for i in range(40))
    with connect(doors.intake_port) as connection:
        connection.sendall(data)
        got = [read_reply(connection)[0] for _ in range(80)]
    assert got == [status for i in range(40) for status in (201 if i % 3 else 422, 200)]


def test_half_close_is_answered(doors):
    assert statuses(ask(doors.intake_port, post())) == [201]
    assert statuses(ask(doors.intake_port, post()[:-5])) == [400]
    assert statuses(ask(doors.intake_port, b"GET /x HT")) == [400]


def test_expect_continue(doors):
    with connect(doors.intake_port) as connection:
        connection.sendall(post(FINE, b"Expect: 100-continue")[:-len(FINE)])
        assert read_reply(connection)[0] == 100
        connection.sendall(FINE)
        assert read_reply(connection)[0] == 201
    with connect(doors.intake_port) as connection:    # nothing is invited that will not be taken
        connection.sendall(post(b"x" * 600000, b"Expect: 100-continue")[:-600000])
        assert statuses(read_all(connection)) == [413]


def test_old_clients(doors):
    out = ask(doors.intake_port, b"GET /openapi.json HTTP/1.0\r\n\r\n")
    assert statuses(out) == [200] and b"Connection: close" in out
    with connect(doors.intake_port) as connection:
        for _ in range(3):
            connection.sendall(b"GET /openapi.json HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            status, fields, _ = read_reply(connection)
            assert status == 200 and fields["connection"] == "keep-alive"


def test_a_refused_upload_sees_why(doors):
    """An answer in the middle of a body reaches the client although it goes on sending."""
    with connect(doors.intake_port) as connection:
        connection.sendall(post(b"")[:-2].replace(b"Content-Length: 0", b"Content-Length: 4000000") + b"\r\n")
        for _ in range(60):
            connection.sendall(b"x" * 65536)
        connection.shutdown(socket.SHUT_WR)
        assert statuses(read_all(connection)) == [413]


def test_every_answer_has_its_date_and_no_version(doors):
    with connect(doors.portal_port) as connection:
        connection.sendall(get())
        status, fields, body = read_reply(connection)
    assert status == 404 and fields["date"].endswith(" GMT") and "server" not in fields
    assert json.loads(body)["status"] == 404


# ---- methods


def method(system, door, name, path):
    with connect(port_of(system, door)) as connection:
        connection.sendall(b"%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % (name, path))
        status, fields, body = read_reply(connection, head=name == b"HEAD")
        assert read_all(connection) == b""      # nothing behind it, as after HEAD
        return status, fields, body


@pytest.mark.parametrize("door, path", [
    ("intake", b"/openapi.json"), ("portal", b"/v1/ledger/head"), ("portal", b"/v1/cases/1"), ("portal", b"/nothing")])
def test_head_is_get_without_its_body(doors, door, path):
    got, head = method(doors, door, b"GET", path), method(doors, door, b"HEAD", path)
    ours = {name: value for name, value in got[1].items() if name != "date"}
    assert head[0] == got[0] and {name: head[1].get(name) for name in ours} == ours


@pytest.mark.parametrize("door, path, allowed", [
    ("intake", b"/openapi.json", "GET, HEAD, OPTIONS"), ("intake", b"/v1/grievances", "POST, OPTIONS"),
    ("portal", b"/v1/ledger/head", "GET, HEAD, OPTIONS"), ("portal", b"/v1/cases/1", "GET, HEAD, OPTIONS"),
    ("portal", b"/v1/cases/1/events", "GET, HEAD, POST, OPTIONS")])
def test_methods_that_are_not_there(doors, door, path, allowed):
    for name in (b"PUT", b"DELETE", b"TRACE", b"PATCH", b"NONSENSE"):
        status, fields, body = method(doors, door, name, path)
        assert status == 405 and fields["allow"] == allowed and json.loads(body)["status"] == 405
    status, fields, body = method(doors, door, b"OPTIONS", path)
    assert status == 204 and fields["allow"] == allowed and "content-length" not in fields
    assert method(doors, door, b"PUT", b"/nothing")[0] == 404


def test_the_admin_port_keeps_the_rules_too(doors):
    port = int(doors.daemon("intake").admin.rpartition(":")[2])
    for name, path, status in ((b"HEAD", b"/healthz", 200), (b"POST", b"/metrics", 405), (b"GET", b"/x", 404),
                               (b"OPTIONS", b"*", 204)):
        with connect(port) as connection:
            connection.sendall(b"%s %s HTTP/1.1\r\nHost: a\r\n\r\n" % (name, path))
            got, fields, _ = read_reply(connection, head=name == b"HEAD")
            assert got == status and (status != 405 or fields["allow"] == "GET, HEAD, OPTIONS")


# ---- time


@pytest.fixture
def intake(system):
    """An intake of the test's own, to be set up and started by it."""
    daemon = system.daemon("intake")
    daemon.port = system.intake_port
    return daemon


def dribble(connection, data, every=0.1):
    """Byte by byte for as long as the other side listens."""
    for byte in data:
        if select.select([connection], [], [], every)[0]:
            return
        connection.sendall(bytes([byte]))


@pytest.mark.parametrize("data", [b"GET /x HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 5000, post(b"x" * 5000)],
                         ids=["head", "body"])
def test_who_dribbles_is_told_so(intake, data):
    intake.set(intake__head_timeout="1s", intake__body_timeout="1s").start()
    with connect(intake.port) as connection:
        at = data.find(b"\r\n\r\n") + 4
        connection.sendall(data[:at])
        dribble(connection, data[at:])
        assert statuses(read_all(connection)) == [408]


def test_who_says_nothing_is_closed(intake):
    intake.set(intake__head_timeout="1s", intake__idle_timeout="1s").start()
    with connect(intake.port) as silent, connect(intake.port) as idle:
        idle.sendall(get())
        assert read_reply(idle)[0] == 404
        assert read_all(silent) == read_all(idle) == b""


def test_a_slow_line_is_no_dribbler(intake):
    """2 KiB a second for several intervals: a body that comes slowly, but comes."""
    intake.set(intake__body_timeout="1s").start()
    body = json.dumps({"description": "x" * 9000}).encode()
    with connect(intake.port) as connection:
        data = post(body)
        at = len(data) - len(body)
        connection.sendall(data[:at])
        for begin in range(at, len(data), 1024):
            connection.sendall(data[begin:begin + 1024])
            time.sleep(0.5)
        assert read_reply(connection)[0] == 201


def test_who_does_not_read_is_closed(intake):
    """Answers that nobody takes are not kept for ever."""
    intake.set(intake__reply_timeout="1s").start()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60 * PATIENCE)
        connection.connect(("127.0.0.1", intake.port))
        with pytest.raises(ConnectionError):
            while True:
                connection.sendall(get(b"/openapi.json") * 100)


# ---- connections


def open_files(least):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < least:
        pytest.skip(f"needs {least} open files, the system allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, least), hard))


@pytest.fixture
def connections():
    opened = []
    yield opened
    for connection in opened:
        connection.close()


def test_one_address_leaves_room_for_others(intake, connections):
    open_files(3000)
    intake.set(intake__connections_per_ip=64).allow("as many connections as one may have")
    intake.start()
    for _ in range(2000):
        connections.append(connect(intake.port, "127.0.0.2"))
        connections[-1].sendall(b"GET /x HTTP/1.1\r\n")
    connections[-1].settimeout(30 * PATIENCE)
    assert statuses(ask(intake.port, post())) == [201]
    assert _status(intake.port, "127.0.0.2") in ([429], [])      # no answer while many are being told
    for connection in connections:
        connection.close()
    connections.clear()
    wait_for("the other address is let in again", lambda: _status(intake.port, "127.0.0.2") == [201])


def _status(port, source):
    try:
        return statuses(ask(port, post(), source))
    except OSError:      # closed before it could be used
        return []


def test_ten_thousand_that_only_hold_the_door(intake, connections):
    """All from addresses without a limit: newcomers get in, whoever has said least makes room."""
    open_files(12000)
    intake.set(intake__connections=5000).allow("as many connections as may be")
    intake.start()
    for i in range(10000):
        connections.append(connect(intake.port, f"127.0.0.{2 + i % 200}"))
        connections[-1].sendall(b"GET /x HTTP/1.1\r\n" if i % 2 else get())
    for _ in range(20):
        assert statuses(ask(intake.port, post())) == [201]


# ---- memory


def resident_mib(daemon):
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


def test_bodies_are_bounded_in_bytes(intake, connections):
    """Six thousand bodies that are all but whole would be 350 MB; some wait, most are told to come again."""
    open_files(8000)
    intake.set(intake__memory=32, intake__body_timeout="60s").start()
    before = resident_mib(intake)
    data = post(json.dumps({"description": "x" * 9000, "subject": "y" * 100}).encode() + b" " * 49000)
    counts = []
    for i in range(6000):
        connection = connect(intake.port, f"127.0.0.{2 + i % 200}")
        connection.setblocking(False)
        connections.append(connection)
        try:
            connection.send(data[:-1])
        except (BlockingIOError, ConnectionError):
            pass
        if i % 500 == 499:
            counts.append(resident_mib(intake))
    refused = wait_for("some are refused", lambda: [c for c in connections if _has_reply(c)])
    assert {status for c in refused[:50] for status in statuses(c.recv(4096))} == {503}
    with open(f"/proc/{intake.process.pid}/maps") as maps:
        sanitized = "libasan" in maps.read()
    if not sanitized:      # a sanitizer keeps what is freed
        assert max(counts) - before < 80, counts
    for connection in connections:
        connection.close()
    connections.clear()
    wait_for("submissions are taken again", lambda: _status(intake.port, None) == [201])
    if not sanitized:
        wait_for("the memory is given back", lambda: resident_mib(intake) - before < 24)


def _has_reply(connection):
    try:
        return connection.recv(4096, socket.MSG_PEEK) != b""
    except (BlockingIOError, ConnectionError):
        return False


# ---- rates


def test_submissions_have_a_rate(intake):
    """Of a flood some are taken, the rest is told when to come again; neither another address nor a trusted
    source has to wait for it."""
    intake.set(intake__rate_per_address=10, intake__rate_per_network=600, intake__trusted_sources="127.0.9.0/24").start()
    got = [_status(intake.port, "127.0.0.2")[0] for _ in range(60)]
    assert got[:20] == [201] * 20 and 429 in got and set(got) == {201, 429}
    with connect(intake.port, "127.0.0.2") as connection:
        connection.sendall(post())
        status, fields, body = read_reply(connection)
        if status == 429:
            assert int(fields["retry-after"]) >= 1 and json.loads(body)["status"] == 429
    assert _status(intake.port, "127.0.0.3") == [201]
    assert [_status(intake.port, "127.0.9.1") for _ in range(60)] == [[201]] * 60
    assert intake.metric("redress_intake_submissions_total", outcome="throttled") > 0


def test_a_network_has_a_rate(intake):
    intake.set(intake__rate_per_address=100, intake__rate_per_network=10).start()
    got = [_status(intake.port, f"127.0.0.{2 + i}")[0] for i in range(60)]
    assert got[:20] == [201] * 20 and 429 in got
    assert _status(intake.port, "127.0.1.1") == [201]


def test_whom_a_proxy_speaks_for(intake):
    """The last address that is no proxy of ours counts; what the client itself has put before it does not."""
    intake.set(intake__rate_per_address=10, intake__rate_per_network=0, intake__trusted_proxies="127.0.0.0/8").start()

    def through(*fields):
        return statuses(ask(intake.port, post(FINE, *fields)))[0]

    for i in range(40):
        status = through(b"X-Forwarded-For: 198.51.100.%d" % i, b"X-Forwarded-For: 192.0.2.1, 127.0.0.9")
    assert status == 429
    assert through(b"X-Forwarded-For: 192.0.2.2:4711") == 201
    assert through(b"X-Forwarded-For: 192.0.2.1, 2001:db8::1") == 201


def test_a_client_cannot_name_itself(intake):
    """X-Forwarded-For of somebody who is no proxy is nobody's word."""
    intake.set(intake__rate_per_address=10, intake__rate_per_network=0).start()
    got = [statuses(ask(intake.port, post(FINE, b"X-Forwarded-For: 192.0.2.%d" % i)))[0] for i in range(60)]
    assert 429 in got


@pytest.fixture
def guessing(system):
    """A case, its right code, and a way to ask for it from an address with any code: the status."""
    system.daemon("portal").set(portal__rate_per_address=10, portal__rate_per_network=1000)
    system.start("intake", "portal")
    receipt = system.submit({"description": "The lamp is out."})

    def ask_from(source, code=receipt["receipt_code"], number=receipt["case_number"]):
        head = b"Authorization: Receipt " + code.encode()
        return statuses(ask(system.portal_port, get(f"/v1/cases/{number}".encode(), head), source))[0]

    wait_for("the case can be seen", lambda: ask_from("127.0.9.9") == 200)
    return ask_from


WRONG = "8QK2-93FM-0XDR-7Y1A"
REFUSED = {404, 503}      # 503: the number is too young to be sure that there is none


def test_guessing_codes_is_stopped_for_whom_guesses(guessing):
    got = [guessing("127.0.0.2", WRONG) for _ in range(60)]
    assert set(got[:20]) <= REFUSED and set(got[20:]) <= REFUSED | {429} and 429 in got
    assert guessing("127.0.0.3") == 200
    assert guessing("127.0.0.3", WRONG) in REFUSED | {429}


def test_many_guessers_do_not_lock_the_citizen_out(guessing):
    """Each address gets one try at a case that is being attacked; whoever has not guessed is not held up."""
    got = [guessing(f"127.0.0.{2 + i}", WRONG) for i in range(60) for _ in range(2)]
    assert set(got[-40::2]) <= REFUSED and 429 in got[-39::2]
    assert guessing("127.0.9.8") == 200


def test_right_codes_are_not_counted(guessing):
    assert [guessing("127.0.0.2") for _ in range(60)] == [200] * 60
