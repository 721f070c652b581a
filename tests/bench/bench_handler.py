"""(d) The classification daemon's handler without Kafka: sealed messages in, packed commands out, on one
core, and where the time goes."""

import subprocess

from measure import table

MESSAGES = 100000
SHORT = 120     # bytes: what people write on a telephone
PARTS = [("unpack_us", "unpack, check"), ("open_us", "open the text"), ("classify_us", "classify"),
         ("answer_us", "seal the reasons, pack"), ("total_us", "all")]


def measured(bench, config, path, most):
    done = subprocess.run([bench.program("handle_classification"), config, path, str(MESSAGES),
                           str(max(bench.rounds, 3)), str(most)], capture_output=True, text=True,
                          check=True)
    return {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}


def run(bench):
    import texts
    path = bench.folder / "handler.tsv"
    texts.write(bench.data, path, MESSAGES)
    keys, config = bench.folder / "handler.keys", bench.folder / "handler.conf"
    subprocess.run([bench.program("redress-keys"), keys], check=True, stdout=subprocess.DEVNULL)
    config.write_text(f"keys.folder = {keys}\n")    # the models are where the daemon looks by itself
    found = {f"at most {SHORT} bytes": measured(bench, config, path, SHORT),
             "any length": measured(bench, config, path, 65535)}
    table("Classification, the daemon's handler on one core, without Kafka",
          ["texts", "mean bytes", "grievances/s", *(f"us: {what}" for _, what in PARTS)],
          [[what, f"{f['text_bytes']:.0f}", f"{f['per_second']:.0f}",
            *(f"{f[name]:.2f}" for name, _ in PARTS)] for what, f in found.items()])
