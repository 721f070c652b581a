"""scripts/chaos SEED SECONDS: see there."""

import argparse
import collections
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from chaos.faults import AWAY, FAULTS, Disk, Scene
from chaos.fleet import Fleet
from chaos.judge import Judge
from chaos.people import Citizen, Officer, Promises, Watcher
from support import ports
from support.mail import MoodyMailServer
from support.servers import Servers
from support.system import System


def schedule(seed, seconds, every):
    """[(second, fault, seed of its own)]: the same for the same seed, however fast the machine is."""
    rng, at, plan = random.Random(seed), 0.0, []
    names, weights = zip(*[(name, weight) for name, (_, weight) in FAULTS.items()])
    while True:
        at += rng.expovariate(1 / every)
        if at > seconds:
            return plan
        plan.append((at, rng.choices(names, weights)[0], rng.getrandbits(64)))


class Drill:
    """The faults of a schedule, at their times, at most four under way."""

    def __init__(self, scene, plan):
        self.scene, self.plan, self.done = scene, plan, collections.Counter()
        self.places = threading.Semaphore(4)
        self.server = {name: threading.Lock() for name in ("kafka", "redis", "postgres")}
        self.began = time.monotonic()

    def run(self):
        threads = []
        for number, (at, name, seed) in enumerate(self.plan, 1):
            time.sleep(max(0, self.began + at - time.monotonic()))
            self.places.acquire()
            thread = threading.Thread(target=self.one, args=(number, name, seed))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()

    def one(self, number, name, seed):
        """One server suffers one thing at a time: what takes its harm away must not undo another's."""
        busy = next((lock for server, lock in self.server.items() if server in name), threading.Lock())
        began = time.monotonic() - self.began
        try:
            with busy:
                detail = FAULTS[name][0](self.scene, random.Random(seed)) or ""
        except AWAY as problem:     # what it wanted to break was broken already
            detail = f"not now: {str(problem).splitlines()[0][:100] if str(problem) else repr(problem)}"
        finally:
            self.places.release()
        if not detail.startswith(("not now", "no ", "nothing to")):
            self.done[name] += 1
        print(f"{began:7.1f} s  {number:4}  {name}  {detail}", flush=True)


def make_disks(folder):
    if pathlib.Path("/proc/self/uid_map").read_text().split()[0] != "0":
        return {}
    try:
        return {name: Disk(folder / name) for name in ("kafka", "postgres")}
    except (OSError, subprocess.CalledProcessError):
        return {}


def employ(system, fleet, promises, stop, seed):
    watcher = Watcher(system.topics, stop)
    return [watcher, *(Citizen(fleet, promises, True, stop) for _ in range(4)),
            *(Citizen(fleet, promises, False, stop) for _ in range(3)),
            *(Officer(system, watcher, promises, stop, f"{seed} {n}") for n in range(2))]


def run(arguments, folder):
    disks = make_disks(folder)
    print(f"seed {arguments.seed}, {arguments.seconds} s, a fault every {arguments.every} s;"
          f" disks {'can' if disks else 'cannot'} be filled")
    servers, mail = Servers(folder, ports.FIRST), MoodyMailServer()
    system = fleet = None
    try:
        servers.start()
        system = System(servers, folder)
        system.settings = {"smtp.url": mail.url, "notification.retry": "1s", "intake.broker_patience": "3s",
                           "redis.timeout": "2s"}
        fleet, promises, stop = Fleet(system), Promises(), threading.Event()
        fleet.start()
        scene = Scene(system, fleet, mail, promises, disks)
        people = employ(system, fleet, promises, stop, arguments.seed)
        for person in people:
            person.start()
        drill = Drill(scene, schedule(arguments.seed, arguments.seconds, arguments.every))
        drill.run()
        print(f"{drill.done.total()} faults done; healing", flush=True)
        scene.heal()
        stop.set()
        for person in people:
            person.join(400)
        judge = Judge(system, fleet, promises, scene.poisoner)
        faults = judge.judge()
        faults += fleet.stop()
        report(drill, promises, system, faults)
        return bool(faults)
    finally:
        if fleet:
            fleet.stop()
        mail.close()
        if not arguments.keep:
            if system:
                system.redis.close()
            servers.stop()
            for disk in disks.values():
                disk.remove()


def report(drill, promises, system, faults):
    print(", ".join(f"{name} {count}" for name, count in drill.done.most_common()))
    for what, count in sorted(promises.statuses.items()):
        print(f"  {count:7}  {what}")
    print(f"{sum(len(told) for told in promises.taken.values())} acknowledged submissions,"
          f" {len(promises.commands)} acknowledged commands, {system.count('case_events')} events,"
          f" {system.count('notification_outcomes')} outcomes")
    for fault in faults:
        print(f"BROKEN  {fault}")
    print("every promise was kept" if not faults else f"{len(faults)} promises broken")


def main():
    reader = argparse.ArgumentParser(prog="scripts/chaos")
    reader.add_argument("seed")
    reader.add_argument("seconds", type=int)
    reader.add_argument("--every", type=float, default=4)
    reader.add_argument("--keep", action="store_true")
    arguments = reader.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="redress-chaos-"))
    folder.chmod(0o755)
    try:
        return run(arguments, folder)
    finally:
        if arguments.keep:
            print(f"kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
