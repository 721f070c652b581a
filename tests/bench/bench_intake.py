"""(a) The front door against a bare epoll and librdkafka server that validates nothing."""

import re
import subprocess

from measure import Meter, interleaved, median, table
from support.daemon import wait_for
from support.ports import free_port

CONNECTIONS = (64, 256, 1024)
SECONDS = 8
THREADS = 2


def wrk(bench, url, connections, key):
    done = subprocess.run(
        ["wrk", "-t", "2", "-c", str(connections), "-d", f"{SECONDS}s", "--timeout", "20s",
         "-s", bench.script("wrk.lua"), url, "--", bench.bodies(), key],
        capture_output=True, text=True, check=True)
    rate, p50, p99, refused, broken = re.search(r"RESULT (.*)", done.stdout)[1].split()
    return {"rate": float(rate), "p50": float(p50), "p99": float(p99),
            "refused": int(refused), "broken": int(broken)}


def start_bare(bench, system, port):
    process = subprocess.Popen([bench.program("bare_intake"), str(port), str(THREADS),
                                system.servers.brokers, f"{system.name}.grievances.received"])
    wait_for("the bare server", lambda: answers(port))
    return process


def answers(port):
    import socket
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run(bench):
    with bench.system() as system:
        system.start("intake")
        port = free_port()
        bare = start_bare(bench, system, port)
        try:
            rows = [one(bench, system, port, connections) for connections in CONNECTIONS]
        finally:
            bare.kill()
            bare.wait()
    table("(a) intake, requests a second (p50 / p99 ms), acks=all",
          ["connections", "bare epoll + librdkafka", "redress-intake", "ratio",
           "with Idempotency-Key", "ratio", "µs of processor a request", "not 201"], rows)


def one(bench, system, port, connections):
    intake = Meter({"intake": system.daemon("intake").process.pid})
    cost = []

    def measured():
        intake.start()
        result = wrk(bench, system.url("/v1/grievances"), connections, "nokey")
        cost.append(1e6 * intake.stop().used["intake"] / (result["rate"] * SECONDS))
        return result

    results = interleaved(
        bench.rounds,
        bare=lambda: wrk(bench, f"http://127.0.0.1:{port}/v1/grievances", connections, "nokey"),
        ours=measured,
        keyed=lambda: wrk(bench, system.url("/v1/grievances"), connections, "key"))
    middle = {name: {field: median(run[field] for run in runs) for field in runs[0]}
              for name, runs in results.items()}
    figure = {name: f"{m['rate']:,.0f} ({m['p50']:.1f} / {m['p99']:.1f})"
              for name, m in middle.items()}
    refused = sum(run["refused"] + run["broken"] for runs in results.values() for run in runs)
    return [connections, figure["bare"], figure["ours"],
            f"{middle['ours']['rate'] / middle['bare']['rate']:.2f}", figure["keyed"],
            f"{middle['keyed']['rate'] / middle['bare']['rate']:.2f}", f"{median(cost):.0f}", refused]
