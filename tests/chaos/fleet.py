"""The daemons under a supervisor that starts again what ended, as systemd would; any number of each."""

import os
import pathlib
import signal
import threading
import time

from support.daemon import BROKEN, Daemon
from support.ports import free_port
from support.system import PIPELINE, binary

DIED_BADLY = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE}


class Member(Daemon):
    """A daemon that is started again when it ends."""

    def __init__(self, name, binary, folder, settings):
        super().__init__(name, binary, folder, settings)
        self.wanted = True      # whether the supervisor is to start it again
        self.is_guest = False   # there for a while only

    def sanitized(self):
        return b"__asan_init" in pathlib.Path(self.binary).read_bytes()

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


class Fleet:
    def __init__(self, system):
        self.system = system
        self.members = {}
        self.crashes = []
        self.lock = threading.RLock()
        self._ending = False
        for name in PIPELINE:
            self._add(name, name, {})
        self._thread = threading.Thread(target=self._supervise, daemon=True)

    def _add(self, label, name, settings):
        member = Member(label, binary(name), self.system.folder, {**self.system.settings_for(name), **settings})
        member.service = name
        self.members[label] = member
        return member

    def start(self):
        for member in self.members.values():
            member.start(wait=False)
        for member in self.members.values():
            member.wait_ready(60)
        self._thread.start()

    def join(self, name, node=None):
        """A second instance and its label: with the very same settings but for the ports it listens at, so a twin of
        the first; or as a node of its own."""
        with self.lock:
            ports = {"intake": {"intake.listen": f"127.0.0.1:{free_port()}"},
                     "portal": {"portal.listen": f"127.0.0.1:{free_port()}"}}
            label = f"{name}-{node or 'twin'}"
            settings = {**ports.get(name, {}), **({"node.id": node} if node else {})}
            member = self.members.get(label) or self._add(label, name, settings)
            member.is_guest = True
            member.wanted = True
            if not member.running():
                member.start(wait=False)
            return label

    def dismiss(self, label):
        with self.lock:
            member = self.members[label]
            member.wanted = False
            member.signal(signal.SIGCONT)
            member.signal(signal.SIGTERM)

    def intakes(self):
        return [f"http://{m.settings['intake.listen']}" for m in list(self.members.values())
                if m.service == "intake" and m.running()]

    def _supervise(self):
        while not self._ending:
            with self.lock:
                for member in list(self.members.values()):
                    if member.wanted and not member.running():
                        self._note_end(member)
                        member.start(wait=False)
            time.sleep(0.5)

    def _note_end(self, member):
        if member.process and member.process.returncode in DIED_BADLY:
            self.crashes.append(f"{member.name} ended with signal {-member.process.returncode}")

    def heal(self):
        with self.lock:
            for member in self.members.values():
                member.clock = None
                member.signal(signal.SIGCONT)
            for label in [label for label, member in self.members.items() if member.is_guest]:
                self.dismiss(label)

    def all_ready(self):
        return all(m.ready() for m in list(self.members.values()) if m.wanted)

    def stop(self):
        """Clean stops; gives back what did not end well."""
        self._ending = True
        if self._thread.is_alive():
            self._thread.join()
        problems = list(self.crashes)
        for member in self.members.values():
            member.signal(signal.SIGCONT)
            member.signal(signal.SIGTERM)
        for member in self.members.values():
            try:
                if member.wanted:
                    member.stop(120)
                elif member.running():
                    member.process.wait(120)
            except Exception as problem:        # every other one is still to be stopped
                problems.append(str(problem)[:500])
                member.kill()
            problems += [f"{member.name}: {line}" for line in member.log().splitlines() if BROKEN.search(line)]
        return problems
