"""scripts/supervise: whose pid a pid file names, is signalled like the program itself."""

import signal
import subprocess

import pytest

from support.daemon import wait_for
from support.messages import ROOT

PROGRAM = """
trap 'echo reloaded' HUP
trap 'echo stopped; exit 0' TERM
echo started
while :; do sleep 0.05; done
"""


@pytest.fixture
def supervised(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([ROOT / "scripts" / "supervise", "sh", "-c", PROGRAM], stdout=out, stderr=out)
    wait_for("it runs", lambda: "started" in log.read_text())
    yield process, log
    process.kill()
    process.wait()


def test_a_signal_to_reload_reaches_the_program_and_ends_nothing(supervised):
    process, log = supervised
    for times in (1, 2):
        process.send_signal(signal.SIGHUP)
        wait_for("the program was told", lambda: log.read_text().count("reloaded") == times)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert log.read_text().split() == ["started", "reloaded", "reloaded", "stopped"]
