"""What can go wrong. Each fault is a function of the scene and a random source of its own; it does its harm, waits
as long as it is to last, and takes away what it did. FAULTS at the end is the table with how often each is drawn."""

import os
import pathlib
import signal
import subprocess
import time

import psycopg2
import redis as redis_client

from chaos import poison
from support.system import PIPELINE


class Scene:
    """What the faults work on."""

    def __init__(self, system, fleet, mail, promises, disks):
        self.system, self.fleet, self.mail, self.promises, self.disks = system, fleet, mail, promises, disks
        self.servers = system.servers
        self.poisoner = poison.Poisoner(system)

    def member(self, rng):
        return rng.choice(list(self.fleet.members.values()))

    def server_pids(self, name):
        """A server and all its children."""
        found, todo = [], [self.servers.pids()[name]]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo += [int(c) for t in pathlib.Path(f"/proc/{pid}/task").glob("*/children")
                     for c in t.read_text().split()]
        return found

    def heal(self):
        """Whatever a fault that was cut short may have left."""
        for name in ("kafka", "redis", "postgres"):
            if name in self.servers.pids():
                thaw(self.server_pids(name))
        for disk in self.disks.values():
            disk.empty()
        self.servers.start()
        for statement in ("ALTER SYSTEM RESET ALL",):
            self.servers.admin(statement)
        self.servers.admin("SELECT pg_reload_conf()")
        self.system.redis.config_set("maxmemory", 0)
        self.system.redis.config_set("maxmemory-policy", "noeviction")
        self.system.redis.config_set("min-replicas-to-write", 0)
        self.mail.mood = "good"
        self.fleet.heal()


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def thaw(pids):
    signal_all(pids, signal.SIGCONT)


# ---- daemons

def kill_daemon(scene, rng):
    member = scene.member(rng)
    member.signal(signal.SIGKILL)
    return member.name


def kill_two(scene, rng):
    names = [kill_daemon(scene, rng), kill_daemon(scene, rng)]
    return " and ".join(names)


def end_daemon(scene, rng):
    member = scene.member(rng)
    member.signal(signal.SIGTERM)
    return member.name


def freeze_daemon(scene, rng):
    member, seconds = scene.member(rng), rng.choice([2, 5, 12, 20])
    member.signal(signal.SIGSTOP)
    time.sleep(seconds)
    member.signal(signal.SIGCONT)
    return f"{member.name} for {seconds} s"


def twin(scene, rng):
    name, seconds = rng.choice(PIPELINE + ("intake", "intake")), rng.choice([4, 8, 15])
    label = scene.fleet.join(name)
    time.sleep(seconds)
    scene.fleet.dismiss(label)
    return f"{name} for {seconds} s"


def second(scene, rng):
    name, seconds = rng.choice(PIPELINE), rng.choice([5, 12])
    label = scene.fleet.join(name, node=2)
    time.sleep(seconds)
    scene.fleet.dismiss(label)
    return f"of {name} for {seconds} s"


def reload_daemon(scene, rng):
    member = scene.member(rng)
    if member.ready():      # before its handler is there the signal would end it
        member.signal(signal.SIGHUP)
    return member.name


def step_clock(scene, rng):
    """It comes back with a clock that is wrong, and later with the right one."""
    member, offset, seconds = scene.member(rng), rng.choice([-3600, -60, -7, 7, 45, 3600, 86400 * 400]), rng.choice([3, 8])
    member.clock = offset
    member.signal(signal.SIGKILL)
    time.sleep(seconds)
    member.clock = None
    member.signal(signal.SIGKILL)
    return f"{member.name} by {offset:+d} s for {seconds} s"


# ---- Kafka

def restart(scene, name, how, seconds):
    scene.servers._run(how, name)
    time.sleep(seconds)
    scene.servers.start(name)


def stop_server(name):
    def fault(scene, rng):
        how, seconds = rng.choice(["stop", "kill"]), rng.choice([0, 3, 8])
        restart(scene, name, how, seconds)
        return f"{how}ed, {seconds} s away"
    return fault


def freeze_server(name):
    def fault(scene, rng):
        seconds = rng.choice([3, 8, 20])
        pids = scene.server_pids(name)
        signal_all(pids, signal.SIGSTOP)
        time.sleep(seconds)
        thaw(pids)
        return f"for {seconds} s"
    return fault


def fill_disk(name):
    def fault(scene, rng):
        if name not in scene.disks:
            return "no disk of its own here"
        seconds = rng.choice([4, 10])
        scene.disks[name].fill()
        time.sleep(seconds)
        scene.disks[name].empty()
        scene.servers.start(name)       # a full disk may have ended it
        return f"for {seconds} s"
    return fault


# ---- Redis

def flush_redis(scene, _rng):
    scene.system.redis.flushall()


def lose_keys(scene, rng):
    keys = sorted(scene.system.redis.scan_iter(count=1000))
    lost = rng.sample(keys, min(len(keys), rng.choice([1, 20, 300])))
    if lost:
        scene.system.redis.delete(*lost)
    return f"{len(lost)} of {len(keys)} keys"


def evict(scene, rng):
    seconds, used = rng.choice([4, 10]), scene.system.redis.info("memory")["used_memory"]
    scene.system.redis.config_set("maxmemory-policy", "allkeys-lru")
    scene.system.redis.config_set("maxmemory", int(used * rng.choice([0.7, 0.95])))
    time.sleep(seconds)
    scene.system.redis.config_set("maxmemory", 0)
    scene.system.redis.config_set("maxmemory-policy", "noeviction")
    return f"for {seconds} s"


def redis_full(scene, rng):
    seconds = rng.choice([3, 8])
    scene.system.redis.config_set("maxmemory", scene.system.redis.info("memory")["used_memory"])
    time.sleep(seconds)
    scene.system.redis.config_set("maxmemory", 0)
    return f"for {seconds} s"


def redis_read_only(scene, rng):
    seconds = rng.choice([3, 8])
    scene.system.redis.config_set("min-replicas-to-write", 1)
    time.sleep(seconds)
    scene.system.redis.config_set("min-replicas-to-write", 0)
    return f"for {seconds} s"


# ---- PostgreSQL

def lock_table(scene, rng):
    table = rng.choice(["case_events", "cases", "erasures", "offsets", "grievances", "case_keys", "ledger"])
    seconds = rng.choice([3, 10, 20])
    with psycopg2.connect(scene.servers.conninfo(scene.system.name)) as db:
        db.cursor().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        time.sleep(seconds)
        db.rollback()
    return f"{table} for {seconds} s"


def postgres_read_only(scene, rng):
    seconds = rng.choice([3, 8])
    scene.servers.admin("ALTER SYSTEM SET default_transaction_read_only = on")
    scene.servers.admin("SELECT pg_reload_conf()")
    time.sleep(seconds)
    scene.servers.admin("ALTER SYSTEM RESET default_transaction_read_only")
    scene.servers.admin("SELECT pg_reload_conf()")
    return f"for {seconds} s"


def drop_sessions(scene, _rng):
    scene.servers.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        f" WHERE datname = '{scene.system.name}'")


# ---- receivers

def receivers(mood):
    def fault(scene, rng):
        seconds = rng.choice([4, 12])
        scene.mail.mood = mood
        time.sleep(seconds)
        scene.mail.mood = "good"
        return f"for {seconds} s"
    return fault


# ---- messages

def poisoned(scene, rng):
    return scene.poisoner.strike(rng)


FAULTS = {
    "kill a daemon": (kill_daemon, 10),
    "kill two daemons": (kill_two, 3),
    "end a daemon": (end_daemon, 6),
    "freeze a daemon": (freeze_daemon, 6),
    "reload a daemon": (reload_daemon, 2),
    "a twin": (twin, 6),
    "a second instance": (second, 4),
    "step a clock": (step_clock, 8),
    "restart kafka": (stop_server("kafka"), 2),
    "freeze kafka": (freeze_server("kafka"), 3),
    "fill kafka's disk": (fill_disk("kafka"), 1),
    "restart redis": (stop_server("redis"), 3),
    "freeze redis": (freeze_server("redis"), 3),
    "flush redis": (flush_redis, 4),
    "lose keys of redis": (lose_keys, 8),
    "redis evicts": (evict, 4),
    "redis is full": (redis_full, 3),
    "redis is read-only": (redis_read_only, 3),
    "restart postgres": (stop_server("postgres"), 3),
    "freeze postgres": (freeze_server("postgres"), 3),
    "fill postgres's disk": (fill_disk("postgres"), 1),
    "lock a table": (lock_table, 4),
    "postgres is read-only": (postgres_read_only, 2),
    "drop sessions of postgres": (drop_sessions, 3),
    "mail is silent": (receivers("silent"), 3),
    "mail is busy": (receivers("busy"), 2),
    "mail refuses": (receivers("refusing"), 2),
    "a poisoned message": (poisoned, 30),
}
AWAY = (redis_client.RedisError, psycopg2.Error, OSError, KeyError, AssertionError, subprocess.SubprocessError)


class Disk:
    """A small file system under a server's folder, which can be filled."""

    SIZE_MIB = 3000

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.SIZE_MIB}m,mode=0755", "tmpfs", self.folder],
                       check=True, capture_output=True)
        self.ballast = self.folder / "ballast"

    def fill(self):
        with self.ballast.open("wb") as out:
            try:
                while True:
                    out.write(b"\0" * (1 << 20))
                    out.flush()
            except OSError:
                pass

    def empty(self):
        self.ballast.unlink(missing_ok=True)

    def remove(self):
        subprocess.run(["umount", "-l", self.folder], check=False, capture_output=True)
