"""Kannel, the SMS gateway, with its own simulator of a network: bearerbox, smsbox and fakesmsc."""

import re
import subprocess
import textwrap
import urllib.parse

from support.daemon import wait_for
from support.messages import ROOT
from support.ports import free_port

CONFIG = """
group = core
admin-port = {admin}
admin-password = not-used
admin-interface = 127.0.0.1
smsbox-port = {box}
smsbox-interface = 127.0.0.1

group = smsc
smsc = fake
smsc-id = network
host = 127.0.0.1
port = {network}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
sendsms-interface = 127.0.0.1
global-sender = {ours}

"""
GOT = re.compile(r"Got message \d+: <(\S+) (\S+) (text|ucs-2) (.*?)>\n", re.DOTALL)


def documented(intake_port, key, password):
    """The groups as docs/operate.md has them."""
    text = (ROOT / "docs/operate.md").read_text()
    lines = re.search(r"Kannel needs\n\n((?:    .*\n|\n)+)", text)[1]
    groups = re.sub(r"\s+#.*", "", textwrap.dedent(lines), flags=re.MULTILINE)
    return groups.replace("password = …", f"password = {password}").replace("kannel:PASSWORD@INTAKE",
                                                                            f"kannel:{key}@127.0.0.1:{intake_port}")


def says(log, text):
    return lambda: text in log.read_text(errors="replace")


class Kannel:
    OURS = "1777"

    def __init__(self, folder, intake_port, key, password):
        self.folder = folder
        self.processes = []
        self.ports = {name: free_port() for name in ("admin", "box", "network", "send")}
        self.config = folder / "kannel.conf"
        self.config.write_text(CONFIG.format(**self.ports, ours=self.OURS) +
                               documented(intake_port, key, password))
        self._telephones = 0
        self._telephone = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['send']}/cgi-bin/sendsms"

    def _run(self, name, *words):
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            self.processes.append(subprocess.Popen([*map(str, words)], stdin=subprocess.DEVNULL, stdout=out, stderr=out))
        return log

    def start(self):
        log = self._run("bearerbox", "/usr/sbin/bearerbox", self.config)
        wait_for("bearerbox", says(log, "Start-up done"), 60, 0.1)
        wait_for("smsbox", says(self._run("smsbox", "/usr/sbin/smsbox", self.config), "Connected to bearerbox"), 60, 0.1)
        return self

    def telephone(self, number, *texts):
        """Sends the texts; what it then gets is in its messages(). The network has one telephone at a time."""
        if self._telephone:
            self._end(self._telephone)
        self._telephones += 1
        log = self._run(f"telephone{self._telephones}", "/usr/lib/kannel/test/fakesmsc", "-H", "127.0.0.1",
                        "-r", self.ports["network"], "-i", "0.1", "-m", len(texts),
                        *(f"{number} {self.OURS} text {text}" for text in texts))
        self._telephone = self.processes[-1]
        return Telephone(log)

    def _end(self, process):
        process.terminate()
        process.wait(60)
        self.processes.remove(process)

    def stop(self):
        while self.processes:
            self._end(self.processes[-1])


class Telephone:
    def __init__(self, log):
        self.log = log

    def messages(self):
        """(coding, text), in the order in which they came."""
        return [(coding, text if coding == "text" else
                 urllib.parse.unquote_to_bytes(text.replace("+", " ")).decode("utf-16-be"))
                for _, _, coding, text in GOT.findall(self.log.read_text(errors="replace"))]

    def message(self, part):
        return wait_for(f"a message with {part}", lambda: next((one for one in self.messages() if part in one[1]), None), 60, 0.1)
