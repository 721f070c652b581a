"""What every program has in common on its command line, and what --check checks."""

import os
import re
import subprocess

import pytest

from support.messages import ROOT
from support.system import BUILD, PIPELINE, binary, settings_of

PROGRAMS = sorted(path.name.removeprefix("redress-") for path in (BUILD / "bin").glob("redress-*"))
DAEMONS = {*PIPELINE, "casework"}
WITHOUT_SETTINGS = {"keys", "submit", "train", "train-language"}
WITH_SETTINGS = sorted({*PROGRAMS} - WITHOUT_SETTINGS)
# a call of each program that has words and options, and one that its synopsis does not allow
CALLS = {
    "account": (["add", "a", "b", "--office", "x"], ["add", "a", "--office", "x"], ["add", "a", "b"], ["list", "x"],
                ["list", "--office", "x"], ["add", "a", "b", "--office"], []),
    "audit": (["verify"], ["check"], ["verify", "--kye", "x"], []),
    "classify": ([], ["word"], ["--evaluate=yes"], ["--model"]),
    "dead": (["list"], ["list", "x"], ["show"], ["show", "a", "b"], ["replay"], ["discard", "reason"], []),
    "erase": (["list"], ["04K7M-2Q9RT-WXY"], ["list", "x"], ["list", "--reason", "x"], ["a", "b", "--reason", "x"], []),
    "keys": (None, [], ["a", "b"], ["a", "b", "c", "d"]),
    "labels": ([], ["word"], ["--since"], ["--output"]),
    "model": (["compare"], ["compare", "x"], ["show"], []),
    "officer": (["due", "x"], ["due"], ["show"], ["show", "a", "--public"], ["close", "a", "--officer", "x"], ["burn"], []),
    "similar": (["suspected"], ["a", "b", "c"], []),
    "submit": (None, [], ["a", "b"], ["a", "b", "c", "d"], ["a", "b", "c", "--patience", "soon"], ["--patience"]),
    "train": (None, [], ["lines"], ["lines", "--model", "m", "--size", "99"], ["lines", "--model", "m", "--precision", "x"]),
    "train-language": (None, [], ["a", "b"], ["a", "b", "c", "d"]),
}


def run(name, *words, stdout=subprocess.PIPE, **environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("REDRESS_")}
    return subprocess.run([binary(name), *words], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**clean, **environment})


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_and_version_and_mistakes(name):
    helped = run(name, "--help")
    assert helped.returncode == 0 and not helped.stderr and helped.stdout.startswith(f"redress-{name}: ")
    assert f"usage: redress-{name}" in helped.stdout and "Exit status: 0 " in helped.stdout
    for option in ["--help", "--version"] + ["--config FILE", "--check"] * (name in WITH_SETTINGS):
        assert re.search(rf"^  {option} ", helped.stdout, re.MULTILINE), option
    assert ("Settings" in helped.stdout) == (name in WITH_SETTINGS)
    version = run(name, "--version")
    assert version.returncode == 0 and re.fullmatch(rf"redress-{name} [0-9.]+\n", version.stdout)
    for words in (["--nonsense"], ["-x"], ["--check=1"], ["--config"])[:4 if name in WITH_SETTINGS else 2]:
        wrong = run(name, *words)
        assert wrong.returncode == 2 and not wrong.stdout
        assert re.fullmatch(rf"redress-{name}: {words[0].partition('=')[0]}: [^\n]+\nsee redress-{name} --help\n", wrong.stderr)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_the_synopsis_does_not_allow_is_refused(name):
    good, *wrong = CALLS.get(name, ([], ["word"]))
    for words in wrong:
        done = run(name, *words)
        assert done.returncode == 2 and not done.stdout, words
        assert re.fullmatch(rf"redress-{name}: [^\n]+\nsee redress-{name} --help\n", done.stderr), words
    if good is not None:        # no mistake in the call: the next one is told, once, and it is no usage
        done = run(name, "--config", "/nope", *good)
        assert done.returncode == 1 and done.stderr.count("/nope") == 1 and "--help" not in done.stderr
        assert name in DAEMONS or re.fullmatch(rf"redress-{name}: /nope: [^\n]+\n", done.stderr)


@pytest.mark.parametrize("name", PROGRAMS)
def test_words_of_others_reach_no_terminal_as_they_are(name):
    done = run(name, "--\x1b[31m\u202e")
    assert done.returncode == 2 and "<U+001B>" in done.stderr and "<U+202E>" in done.stderr
    assert not {"\x1b", "\u202e"} & {*done.stderr}


@pytest.mark.parametrize("name", sorted({*PROGRAMS} - DAEMONS))
def test_output_that_cannot_be_written_is_a_failure(name):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run(name, "--help", stdout=full)
    assert done.returncode == 1 and done.stderr == f"redress-{name}: standard output: No space left on device\n"


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_check_looks_at_what_the_settings_name(system, tmp_path, name):
    good = {**system.settings_for(name), **({"admin.listen": "127.0.0.1:1"} if name in DAEMONS else {})}
    config = tmp_path / "some.conf"

    def check(settings, **environment):
        config.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        return run(name, f"--config={config}", "--check", **environment)

    done = check(good)
    assert done.returncode == 0 and "level=error" not in done.stderr, done.stderr
    for key in good:
        if key.endswith((".folder", ".file", "_file")):
            done = check({**good, key: tmp_path / "nowhere"})
            assert done.returncode == 1 and key in done.stderr and "nowhere" in done.stderr, key
            assert done.stderr.count(str(tmp_path / "nowhere")) == 1, "said once"
    done = check(good, REDRESS_KAFKA_BROKER="x")
    assert done.returncode == 1 and "REDRESS_KAFKA_BROKER" in done.stderr
    assert check(good, REDRESS_TEMPLATES_FOLDER=str(ROOT)).returncode in (0, 1), "another program's is known"


def test_the_settings_of_all_programs_are_known_to_each():
    text = (ROOT / "services" / "common" / "util" / "setting_names.c").read_text()
    known = set(re.findall(r'^    "([a-z0-9_.]+)",$', text, re.MULTILINE))
    everywhere = set().union(*(settings_of(name) for name in PROGRAMS if run(name, "--help").returncode == 0))
    assert {name for name in everywhere if "." in name} == known


@pytest.mark.parametrize("words, code", [
    (["account", "add", "amal", "Amal", "--office", "nosuchoffice"], "nosuchoffice"),
    (["account", "add", "amal", "Amal", "--office", "municipal-head", "--role", "king"], "king"),
    (["account", "add", "amal", "Amal", "--office", "municipal-head", "--language", "?"], "--language"),
    (["account", "add", "Amal", "Amal", "--office", "municipal-head"], "Amal"),
    (["account", "disable", "nobody"], "nobody"), (["account", "reset", "nobody"], "nobody"),
    (["officer", "due", "nosuchoffice"], "nosuchoffice"), (["officer", "show", "0000Z"], "0000Z"),
    (["dead", "show", "no.topic:0:1"], "no.topic:0:1"), (["dead", "replay", "no.topic:0:1"], "no.topic:0:1"),
    (["similar", "0000Z"], "0000Z"), (["erase", "0000Z", "--reason", "x"], "0000Z"),
])
def test_a_code_that_nothing_has_is_named(shared, words, code):
    done = shared.tool(*words, check=False)
    assert done.returncode in (1, 2) and not done.stdout
    assert re.match(rf"redress-{words[0]}: [^\n]*{re.escape(code)}", done.stderr), done.stderr
