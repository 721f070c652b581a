"""Measures Redress on real servers, side by side with bare programs that do the least possible.

Called by scripts/bench, which builds everything first. Every ratio comes from rounds run in turn on
the same servers; the figures shown are medians.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import measure  # noqa: E402
from support.servers import Servers  # noqa: E402
from support.system import BUILD, ROOT, System  # noqa: E402

import bench_archival  # noqa: E402
import bench_classification  # noqa: E402
import bench_e2e  # noqa: E402
import bench_folds  # noqa: E402
import bench_handler  # noqa: E402
import bench_intake  # noqa: E402
import bench_stages  # noqa: E402

PARTS = {
    "intake": bench_intake.run,
    "stages": bench_stages.run,
    "archival": bench_archival.run,
    "classification": bench_classification.run,
    "folds": bench_folds.run,
    "handler": bench_handler.run,
    "e2e": bench_e2e.run,
}


class Bench:
    """What every part needs: the servers, the texts, a folder, and Redress systems of its own."""

    def __init__(self, arguments, folder, servers):
        self.rounds = arguments.rounds
        self.cases = arguments.cases
        self.data = arguments.data
        self.sets = arguments.sets
        self.folder = folder
        self.servers = servers
        self._systems = 0

    def program(self, name):
        return BUILD / "bin" / name

    def script(self, name):
        return pathlib.Path(__file__).resolve().parent / name

    @contextlib.contextmanager
    def system(self, partitions=8):
        self._systems += 1
        folder = self.folder / f"system{self._systems}"
        folder.mkdir()
        system = System(self.servers, folder, partitions)
        try:
            yield system
        finally:
            for problem in system.finish():
                print(f"bench: a daemon said: {problem}", file=sys.stderr)

    def fill(self, system, count, node=0):
        """Puts a backlog into grievances.received."""
        import texts
        path = self.folder / "texts.tsv"
        if not path.exists():
            texts.write(self.data, path, 300000)
        config = system.folder / "fill.conf"
        settings = {key: value for key, value in system.shared().items()
                    if key.startswith(("kafka.", "keys."))}
        config.write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))
        subprocess.run([self.program("fill"), "--config", config, path, str(count), str(node)],
                       check=True)

    def bodies(self):
        import texts
        path = self.folder / "bodies.jsonl"
        if not path.exists():
            texts.bodies(self.data, path, 20000)
        return path


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["all"], metavar="PART",
                        help=f"{', '.join(PARTS)} or all (default); memory is part of e2e")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (default 3)")
    parser.add_argument("--cases", type=int, default=300000,
                        help="size of the end-to-end backlog (default 300000)")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data",
                        help="folder of the complaints (default ../shared/data)")
    parser.add_argument("--sets", type=lambda names: names.split(","), metavar="NAME,...",
                        help="classification and folds: only these sets of texts (default all)")
    parser.add_argument("--ports", type=int, default=20900, help="first port of the servers")
    parsed = parser.parse_args()
    unknown = set(parsed.parts) - {*PARTS, "all", "memory"}
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return parsed


def main():
    wanted = arguments()
    parts = [name for name in PARTS if name in wanted.parts or "all" in wanted.parts
             or name == "e2e" and "memory" in wanted.parts]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="redress-bench-"))
    folder.chmod(0o711)     # PostgreSQL runs as another user
    servers = Servers(folder / "servers", wanted.ports)
    print(f"Machine: {measure.machine()}", flush=True)
    try:
        servers.start()
        bench = Bench(wanted, folder, servers)
        for part in parts:
            PARTS[part](bench)
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
