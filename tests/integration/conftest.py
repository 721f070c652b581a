"""Fixtures: the servers, once for all tests; a Redress of its own for each test or module.

    REDRESS_BUILD       build folder with the binaries (default: build)
    REDRESS_TEST_PORTS  first of a hundred ports for servers and daemons, and another hundred for each further
                        worker (pytest -n) with servers of its own (default: 20800)
    REDRESS_TEST_KEEP   set: the servers' folder is kept for a look afterwards
"""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import ports  # noqa: E402
from support.servers import Servers  # noqa: E402
from support.system import System  # noqa: E402


@pytest.fixture(scope="session")
def servers():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="redress-servers-"))
    servers = Servers(folder, ports.FIRST)
    try:
        servers.start()
        servers.admin("GRANT pg_read_all_stats TO redress_owner")  # to see what a daemon waits for
        yield servers
    finally:
        servers.stop()
        if "REDRESS_TEST_KEEP" not in os.environ:
            shutil.rmtree(folder, ignore_errors=True)


def _system(servers, folder):
    system = System(servers, folder)
    try:
        yield system
    finally:
        problems = system.finish()
    assert not problems, "\n".join(problems)


@pytest.fixture
def system(servers, tmp_path):
    """A test's own Redress; nothing runs yet."""
    yield from _system(servers, tmp_path)


@pytest.fixture(scope="module")
def shared(servers, tmp_path_factory):
    """A module's own Redress, for tests that do not disturb each other; nothing runs yet."""
    yield from _system(servers, tmp_path_factory.mktemp("shared"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows what the daemons said last."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for name in ("system", "shared"):
            found = item.funcargs.get(name)
            for daemon in found.daemons.values() if found else ():
                tail = "\n".join(daemon.log().splitlines()[-40:])
                report.sections.append((f"log of {daemon.name}", tail))
