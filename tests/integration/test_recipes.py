"""What README.md and docs/ tell people to type, set, read and look at exists as they say. (That it works is the other tests'.)"""

import functools
import os
import re
import subprocess

import pytest

from support.messages import ROOT
from support.system import BUILD, binary, settings_of

DOCUMENTS = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))]
PROGRAMS = {path.name.removeprefix("redress-") for path in (BUILD / "bin").glob("redress-*")}


TOPICS = set(re.findall(r'#define TOPIC_\w+ +"([^"]+)"', (ROOT / "services/common/domain/pipeline.h").read_text()))


def spans(document):
    """Everything in code type: within a line, and indented lines, joined where they go on in the next."""
    text = (ROOT / document).read_text()
    inline = re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", re.sub(r"^    .*$", "", text, flags=re.MULTILINE))
    return [" ".join(span.split()) for span in inline] + re.findall(r"^    (\S.*)$", text, re.MULTILINE)


@functools.lru_cache(maxsize=None)
def help_of(name):
    return subprocess.run([binary(name), "--help"], capture_output=True, text=True, timeout=60, check=True).stdout


def calls(span, what):
    """(name, rest of the call) of each in it, a pipe ending one."""
    return re.findall(rf"(?:^|[\s|]){what}([a-z][a-z-]*)\b([^|]*)", span)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_programs_take_what_is_said(document):
    for span in spans(document):
        for name, rest in calls(span, "redress-"):
            assert name in PROGRAMS, f"{document}: {span}"
            for option in re.findall(r"--[a-z][a-z-]*", rest):
                assert re.search(rf"{option}\b", help_of(name)), f"{document}: {span}: {name} has no {option}"
            verb, verbs = re.match(r"\s([a-z]+)\b(?!\.)", rest), re.findall(rf"redress-{name} (?:\[--config FILE\] )?([a-z]+)\b", help_of(name))
            assert not (verb and verbs) or verb[1] in verbs, f"{document}: {span}: {name} has no {verb and verb[1]}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_scripts_take_what_is_said(document):
    for span in spans(document):
        for name, rest in calls(span, "scripts/"):
            path = ROOT / "scripts" / name
            assert path.is_file() and (os.access(path, os.X_OK) or name == "common"), f"{document}: {span}"
            for option in re.findall(r"--[a-z][a-z-]*", rest):
                assert option in path.read_text(), f"{document}: {span}: {name} has no {option}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_are_there(document):
    known = set().union(*(settings_of(name) for name in PROGRAMS - {"keys", "submit", "train", "train-language"}))
    groups = {name.partition(".")[0] for name in known}
    for span in spans(document):
        if re.fullmatch(r"[a-z]+\.[a-z_]+", span) and span.partition(".")[0] in groups and not (ROOT / "deploy/catalogue" / span).exists():
            is_file = span.endswith((".key", ".pub", ".conf")) or any(ROOT.glob(f"*/**/{span}"))
            assert is_file or span in known or span in TOPICS, f"{document}: {span}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_are_there(document):
    for span in spans(document):
        if re.fullmatch(r"(services|deploy|tests|proto|docs|scripts)/[A-Za-z0-9_./*@-]+", span) and "NAME" not in span:
            assert list(ROOT.glob(span.rstrip("/"))) or "LANGUAGE" in span, f"{document}: {span}"
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / document).parent / target).exists(), f"{document}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_metrics_are_there(document):
    sources = "".join(path.read_text() for path in (ROOT / "services").rglob("*.c"))
    for span in spans(document):
        for name in re.findall(r"\bredress_[a-z_]+", span):
            roles = (ROOT / "deploy/postgres/roles.sql").read_text()
            assert name.removesuffix("_bucket") in sources or name in roles, f"{document}: {name}"
