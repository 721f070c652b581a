"""The test run's own ports: a hundred for each worker, from REDRESS_TEST_PORTS on. They lie below those that the
system gives to outgoing connections, so nobody takes one before its daemon does, or while that is being restarted."""

import itertools
import os
import socket

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
FIRST = int(os.environ.get("REDRESS_TEST_PORTS", "20800")) + 100 * _WORKER
_SERVERS = 10
_in_turn = itertools.cycle(range(FIRST + _SERVERS, FIRST + 100))


def free_port():
    for port in itertools.islice(_in_turn, 100 - _SERVERS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if _can_bind(probe, port):
                return port
    raise AssertionError(f"all ports from {FIRST} on are taken: set REDRESS_TEST_PORTS")


def _can_bind(probe, port):
    try:
        probe.bind(("127.0.0.1", port))
        return True
    except OSError:
        return False
