"""(e) A backlog from Kafka to the archive: cases a second, where the time goes, latency at half load.
(f) Memory of each daemon at load."""

import subprocess

from measure import Idle, Meter, interleaved, median, resident_mib, table
from support.daemon import wait_for

STAGES = ("classification", "routing", "notification", "archival")
DAEMONS = ("intake", *STAGES, "portal")
SERVERS = ("redis", "postgres", "kafka")
LATENCY_SECONDS = 20
PACED_CONNECTIONS = 256
WARM_CASES = 100000     # until Kafka's Java code is compiled


class Peak:
    """The most memory that each of some daemons had."""

    def __init__(self, daemons):
        self.daemons = daemons
        self.mib = dict.fromkeys(daemons, 0.0)

    def look(self):
        for name, daemon in self.daemons.items():
            self.mib[name] = max(self.mib[name], resident_mib(daemon.process.pid, "VmHWM"))


def messages_of(cases):
    """What archival reads of so many cases: received; opened, assigned; two outcomes."""
    return 5 * cases


def backlog(bench, cases):
    with bench.system() as system:
        bench.fill(system, cases)
        daemons = {name: system.daemon(name).start(wait=False) for name in STAGES}
        meter = Meter({**{name: daemon.process.pid for name, daemon in daemons.items()},
                       **bench.servers.pids()}).start()
        peak = Peak(daemons)

        def archived():
            peak.look()
            return (daemons["archival"].ready() and
                    daemons["archival"].metric("redress_messages_read_total")
                    >= messages_of(cases))

        wait_for("the whole backlog is archived", archived, 1800, 0.5)
        meter.stop()
        found = system.sql("SELECT count(*) AS n FROM cases WHERE version >= 2")[0].n
        assert found == cases, f"{found} of {cases} cases are archived"
    return {"rate": cases / meter.seconds, "peak": peak.mib,
            "cost": {name: 1e6 * used / cases for name, used in meter.used.items()}}


def show_backlog(runs, cases):
    middle = {name: median(run["cost"][name] for run in runs) for name in (*STAGES, *SERVERS)}
    ours, servers = (sum(middle[name] for name in names) for names in (STAGES, SERVERS))
    rows = [[name, f"{cost:.1f}"] for name, cost in middle.items()]
    rows += [["our daemons together", f"{ours:.1f}"], ["the servers together", f"{servers:.1f}"],
             ["everything", f"{ours + servers:.1f}"]]
    rate = median(run["rate"] for run in runs)
    table(f"(e) a backlog of {cases} cases: {rate:,.0f} cases a second",
          ["process", "processor time a case, µs"], rows)
    return rate


def keep_commit_times(bench):
    """So that the record can say when each row became part of it."""
    bench.servers.admin("ALTER SYSTEM SET track_commit_timestamp = on")
    bench.servers.stop("postgres")
    bench.servers.start("postgres")


def paced(bench, system, rate):
    done = subprocess.run([bench.program("paced"), str(system.intake_port), "/v1/grievances",
                           str(rate), str(LATENCY_SECONDS), str(PACED_CONNECTIONS), bench.bodies()],
                          capture_output=True, text=True, check=True)
    created, other, lost, p50, p99, _ = done.stdout.split()
    return {"created": int(created), "other": int(other), "lost": int(lost), "door50": float(p50),
            "door99": float(p99)}


def latency_once(bench, rate):
    with bench.system() as system:
        system.start(*DAEMONS)
        peak = Peak({name: system.daemon(name) for name in DAEMONS})
        idle = Idle()
        result = paced(bench, system, rate)
        result["idle"] = 100 * idle.share()
        wait_for("all of it is archived", lambda: system.sql(
            "SELECT count(*) AS n FROM cases WHERE version >= 2")[0].n >= result["created"], 60, 0.5)
        peak.look()
        times = system.sql("""
            SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY
              extract(epoch FROM pg_xact_commit_timestamp(e.xmin) - g.received_at) * 1000) AS ms
            FROM case_events e JOIN grievances g USING (number) WHERE e.version = 2""")[0].ms
        scanned = system.sql("SELECT coalesce(sum(seq_tup_read), 0)::bigint AS n FROM pg_stat_user_tables")[0].n
    return {**result, "p50": times[0], "p99": times[1], "scanned": scanned, "peak": peak.mib}


def latency(bench, rate):
    keep_commit_times(bench)
    half = int(rate / 2)
    runs = interleaved(bench.rounds, half=lambda: latency_once(bench, half))["half"]
    fields = ("door50", "door99", "p50", "p99", "scanned", "idle")
    middle = {field: median(run[field] for run in runs) for field in fields}
    refused = sum(run["other"] + run["lost"] for run in runs)
    table(f"(e) at half of it, {half} cases a second for {LATENCY_SECONDS} s through the front door",
          ["", "p50 ms", "p99 ms", "not taken"],
          [["reply of the door", f"{middle['door50']:.0f}", f"{middle['door99']:.0f}", refused],
           ["door to archive", f"{middle['p50']:.0f}", f"{middle['p99']:.0f}", ""]])
    print(f"{middle['idle']:.0f} % of the processors' time was idle; "
          f"PostgreSQL read {middle['scanned']:,.0f} rows by sequential scans")
    return runs


def show_memory(backlogs, halves):
    def most(runs, name):
        found = [run["peak"][name] for run in runs if name in run["peak"]]
        return f"{median(found):.0f}" if found else ""

    table("(f) most memory a daemon had, MiB resident",
          ["daemon", "with the backlog", "at half load"],
          [[name, most(backlogs, name), most(halves, name)] for name in DAEMONS])


def run(bench):
    backlog(bench, WARM_CASES)
    backlogs = interleaved(bench.rounds, backlog=lambda: backlog(bench, bench.cases))["backlog"]
    rate = show_backlog(backlogs, bench.cases)
    show_memory(backlogs, latency(bench, rate))
