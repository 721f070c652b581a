"""(e) A backlog from Kafka to the archive: cases a second, processor time and memory of everything."""

from measure import Meter, resident_mib, table
from support.daemon import wait_for

STAGES = ("classification", "routing", "notification", "archival")


def run(bench):
    with bench.system() as system:
        bench.fill(system, bench.cases)
        for name in STAGES:
            system.daemon(name).start(wait=False)
        pids = {name: system.daemon(name).process.pid for name in STAGES}
        meter = Meter({**pids, **bench.servers.pids()}).start()
        peak = dict.fromkeys(STAGES, 0.0)

        def archived():
            for name, pid in pids.items():
                peak[name] = max(peak[name], resident_mib(pid))
            return system.daemon("archival").ready() and system.sql(
                "SELECT count(*) AS n FROM cases WHERE version >= 2")[0].n >= bench.cases

        wait_for("the whole backlog is archived", archived, 900, 1)
        meter.stop()
        rows = [[name, f"{1e6 * used / bench.cases:.1f}", f"{peak[name]:.0f}" if name in peak else ""]
                for name, used in meter.used.items()]
        ours = sum(meter.used[name] for name in STAGES)
        rows.append(["our daemons together", f"{1e6 * ours / bench.cases:.1f}", ""])
        table(f"A backlog of {bench.cases} cases: {bench.cases / meter.seconds:.0f} cases a second",
              ["process", "processor time a case, us", "memory at most, MiB"], rows)
