"""What all daemons have in common: settings, --help, --check, health, reload, the systemd unit."""

import re
import shutil
import subprocess

import pytest
import requests

from support.daemon import wait_for
from support.grievances import submission
from support.messages import ROOT
from support.ports import free_port
from support.system import BUILD, PIPELINE, binary


def run(name, *words, **environment):
    return subprocess.run([binary(name), *map(str, words)], capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin", **environment})


@pytest.fixture
def config(shared, tmp_path):
    """A settings file that is right."""
    def write(name, **changes):
        settings = {**shared.settings_for(name), "admin.listen": "127.0.0.1:1", **{k.replace("__", "."): v for k, v in changes.items()}}
        path = tmp_path / f"{name}-given.conf"
        path.write_text("".join(f"{key} = {value}\n" for key, value in settings.items() if value is not None))
        return path
    return write


@pytest.mark.parametrize("name", PIPELINE)
def test_settings_are_helped_with_checked_and_refused(name, config):
    help_text = run(name, "--help")
    assert help_text.returncode == 0
    known = set(re.findall(r"^  ([a-z][a-z0-9_.]*) ", help_text.stdout, re.MULTILINE))
    assert {"admin.listen", "kafka.brokers", "log.level"} <= known

    checked = run(name, "--config", config(name), "--check")
    assert checked.returncode == 0, checked.stderr
    assert {line.split(" = ")[0] for line in checked.stdout.splitlines() if " = " in line} == known
    assert "password=" not in checked.stdout, "a secret is not printed"
    from_environment = run(name, "--config", config(name), "--check", REDRESS_LOG_LEVEL="debug")
    assert "log.level = debug" in from_environment.stdout

    refused = run(name, "--config", config(name, no__such="1"), "--check")
    assert refused.returncode == 1 and re.search(r'-given\.conf:\d+: there is no setting \\?"no\.such', refused.stderr)
    refused = run(name, "--config", config(name, admin__listen=""), "--check")
    assert refused.returncode == 1 and "admin.listen is out of bounds" in refused.stderr
    refused = run(name, "--config", config(name, kafka__brokers=None), "--check")
    assert refused.returncode == 1 and "kafka.brokers must be given" in refused.stderr
    assert run(name, "--config", "/nowhere", "--check").returncode == 1
    assert run(name, "--no-such-option").returncode in (1, 2)
    assert re.search(r"\d+\.\d+\.\d+", run(name, "--version").stdout)


NEED_NOTHING = {"topics", "migrate", "classify"}     # no word on the command line
TOOLS = sorted(path.name.removeprefix("redress-") for path in (BUILD / "bin").glob("redress-*")
               if path.name.removeprefix("redress-") not in PIPELINE)


@pytest.mark.parametrize("name", TOOLS)
def test_every_command_says_how_it_is_used(name):
    for words in ((), ("--no-such-option",)):
        if name in NEED_NOTHING and not words:
            continue
        done = run(name, *words)
        assert done.returncode in (1, 2), (words, done)
        assert done.stderr.strip(), "it says why"


def test_a_file_with_a_mistake_is_not_reloaded(system, tmp_path):
    """SIGHUP: catalogue, rules and templates; the old ones keep serving."""
    catalogue, templates = tmp_path / "catalogue", tmp_path / "templates"
    shutil.copytree(ROOT / "deploy" / "catalogue", catalogue)
    shutil.copytree(ROOT / "deploy" / "templates", templates)
    readers = {"intake", "routing", "notification", "portal"}
    for name in readers:
        system.daemon(name).set(catalogue__folder=catalogue).allow("not reloaded")
    system.daemon("notification").set(templates__folder=templates)
    system.start()

    def reload(says, count):
        for name in readers:
            system.daemon(name).reload()
        for name in readers:
            wait_for(f"{name} says {says}", lambda n=name: system.daemon(n).log().count(says) >= count, 15, 0.1)

    services = catalogue / "services.yaml"
    good = services.read_text()
    services.write_text(good.replace("code: lighting", "code: lightning", 1))
    reload("not reloaded, going on as before: categories.yaml:", 1)
    body = {**submission("reload")[0], "service_code": "lighting"}
    assert system.post(body).status_code == 201, "the old catalogue keeps serving"
    services.write_text(good + "  - {code: fountains, name: {en: Fountains}}\n")
    reload('msg="reloaded"', 1)
    assert system.post({**body, "service_code": "fountains"}).status_code == 201
    assert system.post({**body, "service_code": "lightning"}).json()["field"] == "service_code"

    rules = catalogue / "routing.rules"
    rules.write_text("rule broken: nothing of this kind\n")
    system.daemon("routing").reload()
    wait_for("routing names the line", lambda: "routing.rules line 1" in system.daemon("routing").log(), 15, 0.1)
    (templates / "en.txt").write_text("no kind at all\n")
    system.daemon("notification").reload()
    wait_for("notification keeps its templates", lambda: system.daemon(
        "notification").log().count("not reloaded") >= 2, 15, 0.1)
    for name in readers:
        assert system.daemon(name).ready()


@pytest.mark.parametrize("name", PIPELINE)
def test_a_start_that_fails_says_why_and_leaves_nothing(shared, tmp_path, name):
    """Whatever a setting names is not there, one after the other: the sanitizer would tell of anything left."""
    settings = {**shared.settings_for(name), "admin.listen": f"127.0.0.1:{free_port()}"}
    for broken in [key for key in settings if key.endswith((".folder", ".file")) and not key.startswith("postgres.")]:
        config = tmp_path / "broken.conf"
        config.write_text("".join(f"{k} = {tmp_path / 'nowhere' if k == broken else v}\n"
                                  for k, v in settings.items()))
        done = subprocess.run([binary(name), "--config", config], capture_output=True, text=True, timeout=120)
        said = done.stdout + done.stderr
        assert done.returncode == 1 and "nowhere" in said and "Sanitizer" not in said, (broken, said)


def test_health_and_what_is_not_there(shared):
    shared.start()
    for daemon in shared.daemons.values():
        assert requests.get(f"http://{daemon.admin}/healthz", timeout=60).status_code == 200
        assert requests.get(f"http://{daemon.admin}/nothing", timeout=60).status_code == 404
        metrics = daemon.metrics_text()
        for line in metrics.splitlines():
            assert line.startswith("# ") or re.fullmatch(r'[a-z_]+(\{.*\})? [-+0-9.e]+(Inf|NaN)?', line), line
        for name in set(re.findall(r"^# TYPE (\S+)", metrics, re.MULTILINE)):
            assert f"# HELP {name} " in metrics


def test_the_systemd_unit_is_one(tmp_path):
    unit = tmp_path / "redress@.service"
    text = (ROOT / "deploy" / "systemd" / "redress@.service").read_text()
    assert "/usr/bin/redress-%i" in text
    unit.write_text(text.replace("/usr/bin/redress-%i", str(BUILD / "bin" / "redress-%i")))
    instance = tmp_path / "redress@intake.service"
    instance.symlink_to(unit)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", instance], capture_output=True, text=True,
                          timeout=60)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "redress" in line]
    assert done.returncode == 0 and not ours, done.stderr
