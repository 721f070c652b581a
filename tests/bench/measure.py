"""What is measured: processor time and memory of processes, and the machine they ran on."""

import os
import pathlib
import platform
import statistics
import time

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2:].split()


def children(pid):
    return [int(word) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children")
            for word in path.read_text().split()]


def cpu_seconds(pid):
    """Processor time of a process, of the children it has and of those it has buried."""
    try:
        fields = _stat(pid)
        own = sum(int(field) for field in fields[11:15]) / TICK
        return own + sum(cpu_seconds(child) for child in children(pid))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def resident_mib(pid, field="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


class Idle:
    """The share of all cores that nobody used since it was made."""

    def __init__(self):
        self._before = self._read()

    @staticmethod
    def _read():
        fields = [int(word) for word in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return fields[3] + fields[4], sum(fields[:8])

    def share(self):
        idle, everything = (now - then for now, then in zip(self._read(), self._before))
        return idle / max(everything, 1)


class Meter:
    """Processor seconds of named processes between start() and stop()."""

    def __init__(self, pids):
        self.pids = dict(pids)

    def start(self):
        self.before = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        self.began = time.monotonic()
        return self

    def stop(self):
        self.seconds = time.monotonic() - self.began
        self.used = {name: cpu_seconds(pid) - self.before[name] for name, pid in self.pids.items()}
        return self


def machine():
    model = next((line.split(":", 1)[1].strip()
                  for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.processor())
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) >> 20
    system = next(line.split("=", 1)[1].strip('"\n') for line in open("/etc/os-release")
                  if line.startswith("PRETTY_NAME"))
    return f"{model}, {os.cpu_count()} cores, {memory} GiB; {system}, Linux {platform.release()}"


def interleaved(rounds, **contenders):
    """Runs each contender once a round, in turn; gives back name -> list of results."""
    results = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            results[name].append(run())
    return results


median = statistics.median


def table(title, columns, rows):
    """A plain table that is Markdown too."""
    cells = [[str(cell) for cell in row] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(f"\n**{title}**\n\n" + "\n".join(lines) + "\n", flush=True)
