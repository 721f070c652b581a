"""A real daemon: its settings file, its process, its log, its health and its numbers."""

import atexit
import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import requests

from support.ports import free_port

BROKEN = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed")
TROUBLE = re.compile(r"\blevel=(warn|error)\b")


# A wait ends when what is waited for is there, so patience costs a test nothing. A machine that does other
# things too may need it: seconds are those of an idle one.
PATIENCE = 4


def wait_for(what, check, seconds=30, every=0.05):
    """The first true value of check(); fails when there is none in time."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


@functools.lru_cache(maxsize=None)
def _clock_library():
    folder = tempfile.mkdtemp(prefix="redress-clock-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = pathlib.Path(__file__).parent / "wrong_clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", f"{folder}/wrong_clock.so", source, "-ldl"], check=True)
    return f"{folder}/wrong_clock.so"


def wrong_clock(seconds):
    """Environment of a process whose clock is off by so much."""
    options = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": _clock_library(), "WRONG_CLOCK_S": str(seconds),
            # the sanitizer wants to be the first library
            "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0".lstrip(":")}


class Daemon:
    def __init__(self, name, binary, folder, settings):
        self.name = name
        self.binary = binary
        self.settings = dict(settings)
        self.admin = f"127.0.0.1:{free_port()}"
        self.settings["admin.listen"] = self.admin
        self.config = folder / f"{name}.conf"
        self.log_path = folder / f"{name}.log"
        self.allowed = []
        self.process = None
        self.clock = 0          # how many seconds its clock is off

    def set(self, **settings):
        """Settings for the next start; dots are written as double underscores."""
        for name, value in settings.items():
            self.settings[name.replace("__", ".")] = value
        return self

    def allow(self, *patterns):
        """Announces warnings and errors that the test brings about on purpose."""
        self.allowed += [re.compile(pattern) for pattern in patterns]

    def start(self, wait=True):
        self.config.write_text("".join(f"{k} = {v}\n" for k, v in self.settings.items()))
        with self.log_path.open("ab") as log:
            environment = {k: v for k, v in os.environ.items() if not k.startswith("REDRESS_")}
            environment |= wrong_clock(self.clock) if self.clock else {}
            self.process = subprocess.Popen(
                [self.binary, "--config", self.config], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=environment)
        if wait:
            self.wait_ready()
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def ready(self):
        try:
            return requests.get(f"http://{self.admin}/readyz", timeout=30).status_code == 200
        except requests.RequestException:
            return False

    def wait_ready(self, seconds=30):
        def ready():
            assert self.running(), f"{self.name} ended ({self.process.returncode}):\n{self.log()}"
            return self.ready()

        try:
            wait_for(f"{self.name} is ready", ready, seconds)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.log()}") from None

    def kill(self):
        """As if the machine had lost its power."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=20 * PATIENCE):
        """A clean stop; fails when it is not one."""
        if not self.running():
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop in {seconds} s:\n{self.log()}") from None
        assert code == 0, f"{self.name} ended with {code}:\n{self.log()}"

    def restart(self):
        self.stop()
        self.start()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def trouble(self):
        """Log lines that nobody announced."""
        return [line for line in self.log().splitlines()
                if BROKEN.search(line)
                or TROUBLE.search(line) and not any(p.search(line) for p in self.allowed)]

    def metrics_text(self):
        return requests.get(f"http://{self.admin}/metrics", timeout=30).text

    def metric(self, name, **labels):
        """The sum of the metric's values over all label sets that include these labels."""
        total = 0.0
        for line in self.metrics_text().splitlines():
            match = re.match(rf"{re.escape(name)}(?:{{(.*)}})? (\S+)", line)
            if match and all(f'{k}="{v}"' in (match[1] or "") for k, v in labels.items()):
                total += float(match[2])
        return total
