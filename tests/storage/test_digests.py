import hashlib
import json
import os
from pathlib import Path

import pytest

from tangshi_tf.errors import CheckpointError, ModelError
from tangshi_tf.storage.digests import DIGESTS, Digests, digests_of


def test_what_was_written_is_read_and_what_was_changed_since_is_refused(tmp_path: Path) -> None:
    Digests(tmp_path, CheckpointError).write("a.txt", b"mountain")
    assert Digests(tmp_path, CheckpointError).read("a.txt") == b"mountain"
    for damage in (b"Mountain", b"mountai", b"", b"mountain\n"):
        (tmp_path / "a.txt").write_bytes(damage)
        digests = Digests(tmp_path, CheckpointError)
        with pytest.raises(CheckpointError, match=r"The file that was written is required: .*a.txt"):
            digests.read("a.txt")
        with pytest.raises(CheckpointError, match=r"The file that was written is required: .*a.txt"):
            digests.verify(["a.txt"])


def die(*args: object) -> None:
    raise KeyboardInterrupt


def test_whenever_a_process_dies_what_it_left_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the digests and the file, between the file and its digest, and after all; then another goes on."""
    digests = Digests(tmp_path, CheckpointError)
    for content in (b"one", b"two"):
        digests.write("a.txt", content)
    with monkeypatch.context() as patch:
        patch.setattr("tangshi_tf.storage.digests.write_bytes", die)
        with pytest.raises(KeyboardInterrupt):
            digests.write("a.txt", b"three")
    assert Digests(tmp_path, CheckpointError).read("a.txt") == b"two"
    (tmp_path / "a.txt").write_bytes(b"three")  # as if it had died only then
    assert Digests(tmp_path, CheckpointError).read("a.txt") == b"three"
    for damage in (b"one", b"four"):  # neither the old content nor the new one
        (tmp_path / "a.txt").write_bytes(damage)
        with pytest.raises(CheckpointError, match="Received one that was changed"):
            Digests(tmp_path, CheckpointError).read("a.txt")
    Digests(tmp_path, CheckpointError).write("a.txt", b"five")
    assert Digests(tmp_path, CheckpointError).read("a.txt") == b"five"


def test_an_older_file_that_is_put_back_is_noticed(tmp_path: Path) -> None:
    digests = Digests(tmp_path, CheckpointError)
    for content in (b"one", b"two"):
        digests.write("a.txt", content)
    (tmp_path / "a.txt").write_bytes(b"one")
    for reader in (digests, Digests(tmp_path, CheckpointError)):
        with pytest.raises(CheckpointError, match="Received one that was changed"):
            reader.read("a.txt")


@pytest.mark.parametrize("died", [False, True])
def test_a_write_that_fails_makes_no_damaged_file_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, died: bool
) -> None:
    """Whether one digest is known of the file, or two, after a process had died."""
    Digests(tmp_path, CheckpointError).write("a.txt", b"one")
    monkeypatch.setattr("tangshi_tf.storage.digests.write_bytes", die)
    if died:
        with pytest.raises(KeyboardInterrupt):
            Digests(tmp_path, CheckpointError).write("a.txt", b"two")
    (tmp_path / "a.txt").write_bytes(b"damaged")
    with pytest.raises(KeyboardInterrupt):
        Digests(tmp_path, CheckpointError).write("a.txt", b"three")
    with pytest.raises(CheckpointError, match="Received one that was changed"):
        Digests(tmp_path, CheckpointError).read("a.txt")


def test_a_file_that_is_gone_is_told_from_one_that_was_never_written(tmp_path: Path) -> None:
    digests = Digests(tmp_path, CheckpointError)
    assert not digests.exists("a.txt")
    (tmp_path / "a.txt").mkdir()  # in the way of the first write, which does not begin
    with pytest.raises(CheckpointError, match="is required"):
        digests.write("a.txt", b"one")
    (tmp_path / "a.txt").rmdir()
    (tmp_path / DIGESTS).write_text(json.dumps({"a.txt": ["", hashlib.sha256(b"one").hexdigest()]}))
    assert not Digests(tmp_path, CheckpointError).exists("a.txt")  # as if the process had died between the two
    digests = Digests(tmp_path, CheckpointError)
    digests.write("a.txt", b"one")
    assert digests.exists("a.txt")
    (tmp_path / "a.txt").unlink()
    for reader in (digests, Digests(tmp_path, CheckpointError)):
        with pytest.raises(CheckpointError, match="Received none: it is gone"):
            reader.exists("a.txt")
    (tmp_path / "a.txt").symlink_to(tmp_path / "a.txt")
    assert digests.exists("a.txt")
    with pytest.raises(CheckpointError, match="symbolic links"):
        digests.read("a.txt")


def test_after_a_write_that_failed_the_old_file_is_still_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = Digests(tmp_path, CheckpointError)
    digests.write("a.txt", b"one")

    def full(path: Path, data: bytes) -> None:
        raise CheckpointError("No space left on device")

    for content in (b"two", b"three"):
        with monkeypatch.context() as patch:
            patch.setattr("tangshi_tf.storage.digests.write_bytes", full)
            with pytest.raises(CheckpointError, match="No space"):
                digests.write("a.txt", content)
        assert Digests(tmp_path, CheckpointError).read("a.txt") == b"one"
    digests.write("a.txt", b"four")
    assert Digests(tmp_path, CheckpointError).read("a.txt") == b"four"


def test_what_another_process_writes_meanwhile_is_no_damage(tmp_path: Path) -> None:
    writer = Digests(tmp_path, CheckpointError)
    writer.write("a.txt", b"one")
    reader = Digests(tmp_path, CheckpointError)
    for content in (b"two", b"three", b"four"):
        writer.write("a.txt", content)
    reader.verify(["a.txt"])
    assert reader.read("a.txt") == b"four"
    (tmp_path / "a.txt").write_bytes(b"four!")
    with pytest.raises(CheckpointError, match="changed or damaged since"):
        reader.read("a.txt")


def test_files_without_a_digest_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes(b"of version 0.1")
    digests = Digests(tmp_path, ModelError)
    assert digests.read("old.txt") == b"of version 0.1"
    digests.write("new.txt", b"of today")
    assert Digests(tmp_path, ModelError).read("old.txt") == b"of version 0.1"
    assert Digests(tmp_path, ModelError).names == ["new.txt"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"a.txt": "0"}',
        '{"a.txt": []}',
        json.dumps({"a.txt": ["0" * 63]}),
        json.dumps({"a.txt": ["0" * 64] * 3}),
        json.dumps({"b.txt": ["0" * 64]}),
        "[" * 100_000,
        "\ufeff{}",
    ],
)
def test_damaged_digests_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / DIGESTS).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"is required|are required") as caught:
        Digests(tmp_path, ModelError, known=["a.txt"])
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_link_to_nowhere_are_refused(tmp_path: Path) -> None:
    Digests(tmp_path, CheckpointError).write("a.txt", b"mountain")
    (tmp_path / "a.txt").unlink()
    digests = Digests(tmp_path, CheckpointError)
    for look in (lambda: digests.read("a.txt"), lambda: digests.verify(["a.txt"])):
        with pytest.raises(CheckpointError, match=r"A readable file is required: .*a\.txt\. Received: No such file"):
            look()
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(CheckpointError, match=r"Received what is no plain file"):
        digests.read("a.txt")
    (tmp_path / DIGESTS).unlink()
    (tmp_path / DIGESTS).symlink_to(tmp_path / DIGESTS)
    with pytest.raises(CheckpointError, match=r"Received: Too many levels of symbolic links"):
        Digests(tmp_path, CheckpointError)


def test_the_digests_of_a_folder_name_every_file(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "b").write_bytes(b"b")
    (tmp_path / "a").write_bytes(b"a")
    ledger = json.loads(digests_of(tmp_path))
    assert ledger == {name: [hashlib.sha256(name[-1:].encode()).hexdigest()] for name in ("a", "deep/deeper/b")}
