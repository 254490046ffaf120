"""Key files that are not what they should be, and files that are replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smaply_metrics_core.errors import EncryptionError, EncryptionKeyMissing
from smaply_metrics_core.host.connections import key_file
from smaply_metrics_core.host.connections.keys import KeyRing, new_key
from tests.host.connections.test_keys import from_text


def test_a_key_file_that_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    """A folder, a pipe or a device is named without blocking, also through a link."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, mode=0o600)
    kinds = {tmp_path: "a folder", pipe: "a named pipe", Path("/dev/null"): "a device or socket"}

    for number, (target, kind) in enumerate(kinds.items()):
        link = tmp_path / f"link-{number}"
        link.symlink_to(target)
        for path in (target, link):
            for create in (False, True):
                with pytest.raises(EncryptionError, match=f"not a regular file, but {kind}"):
                    KeyRing.from_file(path, create=create)
        with pytest.raises(EncryptionError, match=f"link-{number} .a symbolic link to {target}"):
            KeyRing.from_file(link, create=False)


@pytest.mark.parametrize("create", [False, True])
def test_a_mistaken_link_is_named(tmp_path: Path, create: bool) -> None:  # noqa: FBT001
    """A link to nothing, or to itself, is not reported as a lost key; nothing is created."""
    dangling, loop = tmp_path / "key", tmp_path / "loop"
    dangling.symlink_to(tmp_path / "elsewhere")
    loop.symlink_to(loop)

    with pytest.raises(EncryptionError, match="elsewhere, which does not exist") as caught:
        KeyRing.from_file(dangling, create=create)
    assert not isinstance(caught.value, EncryptionKeyMissing)
    assert "link" in caught.value.remedy
    with pytest.raises(EncryptionError, match="a symbolic link in a loop"):
        KeyRing.from_file(loop, create=create)
    assert not (tmp_path / "elsewhere").exists()


def test_a_link_to_a_key_file_is_followed(tmp_path: Path) -> None:
    """Mounted secrets are links; they are checked like the file, and stay links when replaced."""
    target, link = tmp_path / "mounted", tmp_path / "key"
    made = KeyRing.from_file(target, create=True)
    link.symlink_to(target)
    other = new_key()

    assert KeyRing.from_file(link, create=True).ids == made.ids
    with key_file.locked(link):
        key_file.replace(link, [other, *key_file.read(link)])
    assert link.is_symlink()
    assert KeyRing.from_file(target, create=False).ids == (*from_text(other).ids, *made.ids)
    target.chmod(0o644)
    with pytest.raises(EncryptionError, match="mode 0644"):
        KeyRing.from_file(link, create=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_key_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """That user could read and replace it."""
    path = tmp_path / "key"
    KeyRing.from_file(path, create=True)
    os.chown(path, 12345, -1)

    with pytest.raises(EncryptionError, match=r"another user \(ID 12345\)") as caught:
        KeyRing.from_file(path, create=False)
    assert f"chown {os.geteuid()}" in caught.value.remedy


def test_editors_of_other_systems_may_save_the_key_file(tmp_path: Path) -> None:
    """A byte order mark and CRLF are accepted; UTF-16 and a huge file are named."""
    key = new_key()
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(f"\ufeff{key}\r\n".encode())
    assert KeyRing.from_file(path, create=False).ids == from_text(key).ids
    path.write_bytes(f"\ufeff{key}\r\n".encode("utf-16-le"))
    with pytest.raises(EncryptionError, match="encoded in UTF-16"):
        KeyRing.from_file(path, create=False)
    path.write_bytes(b"\n" * 100_000)
    with pytest.raises(EncryptionError, match="too large"):
        KeyRing.from_file(path, create=False)


def test_a_killed_process_leaves_no_partial_key_file(tmp_path: Path) -> None:
    """The file appears complete or not at all; drafts of killed processes are removed later."""
    path = tmp_path / "key"
    killed = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from smaply_metrics_core.host.connections.keys import KeyRing\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "KeyRing.from_file(Path(sys.argv[1]), create=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", killed, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not path.exists()
    made = KeyRing.from_file(path, create=True)
    with key_file.locked(path):
        key_file.replace(path, [new_key(), *key_file.read(path)])
    assert [one.name for one in tmp_path.iterdir()] == ["key"]
    assert made.ids[0] in KeyRing.from_file(path, create=False).ids
