"""The project's protobuf messages, made from proto/ when first imported."""

import atexit
import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _compile():
    folder = tempfile.mkdtemp(prefix="redress-proto-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    protos = sorted((ROOT / "proto").glob("*.proto"))
    subprocess.run(["protoc", f"--python_out={folder}", f"-I{ROOT / 'proto'}", *protos], check=True)
    sys.path.insert(0, folder)
    modules = [importlib.import_module(f"{proto.stem}_pb2") for proto in protos]
    sys.path.remove(folder)
    return modules


for _module in _compile():
    for _name in (*_module.DESCRIPTOR.message_types_by_name, *_module.DESCRIPTOR.enum_types_by_name):
        globals()[_name] = getattr(_module, _name)

OF_TOPIC = {
    "grievances.received": globals()["GrievanceReceived"],
    "cases.commands": globals()["Command"],
    "cases.events": globals()["CaseEvent"],
    "notifications.outcomes": globals()["NotificationOutcome"],
    "intake.leases": globals()["Lease"],
}
DEAD = ".dead"


def decode(topic, value):
    kind = globals()["DeadLetter"] if topic.endswith(DEAD) else OF_TOPIC[topic]
    return kind.FromString(value)
