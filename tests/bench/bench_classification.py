"""(d) Classification alone: documents a second on one core, without Kafka."""

import subprocess
import time

from measure import interleaved, median, table

DOCUMENTS = 20000


def run(bench):
    import json
    texts = [" ".join(json.loads(line)["description"].split())
             for line in open(bench.bodies())][:DOCUMENTS]
    data = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()

    def once():
        began = time.monotonic()
        subprocess.run([bench.program("redress-classify")], input=data, stdout=subprocess.DEVNULL,
                       check=True)
        return len(texts) / (time.monotonic() - began)

    rates = interleaved(bench.rounds, ours=once)["ours"]
    table("Classification, one core, without Kafka", ["documents", "mean bytes", "documents/s"],
          [[len(texts), len(data) // len(texts), f"{median(rates):.0f}"]])
