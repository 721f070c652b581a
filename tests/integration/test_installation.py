"""The installation as shipped: the systemd unit's secrets reach a daemon that is nobody, and only its own."""

import os
import re
import shutil
import struct
import subprocess

import pytest

from support.daemon import wait_for
from support.messages import ROOT
from support.ports import free_port
from support.system import PIPELINE, binary

UNITS = ROOT / "deploy" / "systemd"
NOBODY = 64321  # as DynamicUser= takes one that no file belongs to


def secrets(name):
    """What the drop-in loads: {credential: source}, and the environment it sets."""
    path = UNITS / f"redress@{name}.service.d" / "secrets.conf"
    text = path.read_text() if path.exists() else ""
    return (dict(re.findall(r"^LoadCredential=([^:]+):(.+)$", text, re.MULTILINE)),
            dict(re.findall(r"^Environment=(\w+)=(.+)$", text, re.MULTILINE)))


def only_reader(uid):
    """An access list as systemd sets it: the owner, this user, nobody else (user.h's ACL xattr, version 2)."""
    none = 0xFFFFFFFF
    entries = [(0x01, 4, none), (0x02, 4, uid), (0x04, 0, none), (0x10, 4, none), (0x20, 0, none)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def give(folder, uid, files, by_acl):
    """A folder of credentials as systemd makes it: by access list, or owned where there are none."""
    folder.mkdir()
    for name, source in files.items():
        target = folder / name
        shutil.copyfile(source, target)
        target.chmod(0o400)
        if by_acl:
            os.setxattr(target, "system.posix_acl_access", only_reader(uid))
            assert target.stat().st_mode & 0o777 == 0o440
        else:
            os.chown(target, uid, uid)
    if by_acl:
        os.chmod(folder, 0o500)
        acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in (
            (0x01, 5, 0xFFFFFFFF), (0x02, 5, uid), (0x04, 0, 0xFFFFFFFF), (0x10, 5, 0xFFFFFFFF),
            (0x20, 0, 0xFFFFFFFF)))
        os.setxattr(folder, "system.posix_acl_access", acl)
    else:
        os.chown(folder, uid, uid)
    return folder


def reachable(path):
    """Everybody may pass through the folders above."""
    for parent in path.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o011)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user")
@pytest.mark.parametrize("by_acl", [True, False], ids=["access list", "owner"])
@pytest.mark.parametrize("name", (*PIPELINE, "casework"))
def test_a_daemon_starts_with_what_its_unit_gives_it(system, tmp_path, name, by_acl):
    sources, environment = secrets(name)
    passwords = system.servers.folder / "postgres" / "passwords"
    files = {credential: source.replace("/etc/redress/keys", str(system.keys))
             .replace("/etc/redress/passwords", str(passwords)) for credential, source in sources.items()}
    folder = give(tmp_path / "credentials", NOBODY, files, by_acl)
    reachable(folder / "x")
    settings = {key: value for key, value in system.settings_for(name).items()
                if key not in ("keys.folder", "postgres.password_file")}
    admin = f"127.0.0.1:{free_port()}"
    config = tmp_path / "daemon.conf"
    config.write_text("".join(f"{k} = {v}\n" for k, v in {**settings, "admin.listen": admin}.items()))
    config.chmod(0o644)
    program = shutil.copy(binary(name), tmp_path / "program")
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs",
             "--bounding-set=-all", program, "--config", config],
            env={key: value.replace("%d", str(folder)) for key, value in environment.items()},
            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_for("it has started", lambda: process.poll() is not None or "started, version" in log.read_text(), 60)
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(120)


def test_a_unit_gives_each_daemon_its_own_keys_and_no_others(system, tmp_path):
    for name in (*PIPELINE, "casework"):
        loaded = {credential for credential in secrets(name)[0] if credential != "postgres.password"}
        target = tmp_path / name
        done = subprocess.run([binary("keys"), system.keys, name, target], capture_output=True, text=True)
        given = {path.name for path in target.iterdir()} if done.returncode == 0 else set()
        assert loaded == given, name
