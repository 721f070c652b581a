"""HTTP as bytes: what a test sends that no well-behaved client would, and what comes back."""

import re
import socket

from support.daemon import PATIENCE
from support.messages import ROOT

ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0"}
STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def _plain(text):
    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)",
                  lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "x" and len(m[1]) == 3 else ESCAPES.get(m[1], m[1]),
                  text).encode("latin-1")


def _bytes(text):
    parts = re.split(r"\\\{(.*?)\*(\d+)\}", text)
    out = _plain(parts[0])
    for repeated, times, rest in zip(parts[1::3], parts[2::3], parts[3::3]):
        out += _plain(repeated) * int(times) + _plain(rest)
    return out


def table():
    """The cases of tests/tables/http.requests: expected, bytes."""
    for number, line in enumerate((ROOT / "tests/tables/http.requests").read_text().splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            expected, _, rest = line.partition("|")
            yield number, expected.strip(), _bytes(rest[1:] if rest.startswith(" ") else rest)


def connect(port, source=None):
    return socket.create_connection(("127.0.0.1", port), timeout=30 * PATIENCE,
                                    source_address=(source, 0) if source else None)


def read_all(connection):
    """Until the other side closes. A reset is an error: what it answered might never have been seen."""
    out = b""
    while True:
        got = connection.recv(65536)
        if not got:
            return out
        out += got


def read_reply(connection, head=False):
    """One reply with a Content-Length: status, fields in lower case, body."""
    out = b""
    while b"\r\n\r\n" not in out:
        got = connection.recv(1)
        if not got:
            raise EOFError(out)
        out += got
    lines = out.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = b""
    size = 0 if head else int(fields.get("content-length", 0))
    while len(body) < size:
        got = connection.recv(size - len(body))
        if not got:
            raise EOFError(out + body)
        body += got
    return int(lines[0].split()[1]), fields, body


def statuses(out):
    return [int(status) for status in STATUS_LINE.findall(out)]


def ask(port, data, source=None):
    """Sends all of it and the end, gives back all that is answered."""
    with connect(port, source) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)
