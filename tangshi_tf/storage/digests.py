"""Digests of the files that we write: what was damaged since is noticed when it is opened.

`digests.json` names the SHA-256 of every file of a folder. A file that is being replaced has two: the old one and the
new one. Both are written down before the file itself is, and the new one alone after it, so that the folder is right
whenever a process dies, and an older file that is put back is noticed.
A folder without `digests.json`, or a file that it does not name, is taken as it is: version 0.1 wrote none.
"""

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from tangshi_tf.errors import CheckpointError, TangshiError, first_line
from tangshi_tf.storage.files import write_bytes, write_text
from tangshi_tf.storage.schemas import decode

__all__ = ["DIGESTS", "Digests", "digests_of"]

DIGESTS = "digests.json"

_ABSENT = ""  # in place of a digest: that there is no such file yet
_Digest = Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
_Ledger = dict[str, Annotated[list[_Digest], Meta(min_length=1, max_length=2)]]


class Digests:
    """The digests of a folder's files.

    Args:
        folder: where the files are.
        error: what is raised if a file is missing or damaged.
        ledger: the file that holds the digests, relative to the folder.
        known: the only names that it may hold; by default any.

    Raises:
        TangshiError: of the kind `error`, if the digests themselves are damaged.

    Example:
        >>> from pathlib import Path
        >>> from tangshi_tf.errors import CheckpointError
        >>> Path("folder").mkdir()
        >>> digests = Digests(Path("folder"), CheckpointError)
        >>> digests.write("poem.txt", "春眠不觉晓".encode())
        >>> _ = Path("folder/poem.txt").write_text("春眠不覺曉", encoding="utf-8")
        >>> try:
        ...     digests.read("poem.txt")
        ... except CheckpointError as error:
        ...     print(error)
        The file that was written is required: folder/poem.txt. Received one that was changed or damaged since.
    """

    def __init__(
        self, folder: Path, error: type[TangshiError], ledger: str = DIGESTS, known: Iterable[str] | None = None
    ) -> None:
        """See the class."""
        self._folder, self._error, self._path = folder, error, folder / ledger
        self._name, self._known = ledger, None if known is None else set(known)
        self._ledger: dict[str, list[str]] = {}
        self._load()

    def _load(self) -> None:
        """Read the digests."""
        if not os.path.lexists(self._path):
            return
        self._ledger = decode(self._bytes(self._name), _Ledger, self._path, self._error)
        unknown = set(self._ledger) - (set(self._ledger) if self._known is None else self._known)
        if unknown:
            raise self._error(
                f"Digests of our own files are required: {self._path}. Received: {sorted(unknown)[0]!r:.100}."
            )

    @property
    def names(self) -> list[str]:
        """The files that have a digest."""
        return list(self._ledger)

    def read(self, name: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            TangshiError: of the kind `error`, if the file is missing, or was changed since it was written.
        """
        data = self._bytes(name)
        if not self._accepts(name, hashlib.sha256(data).hexdigest()):
            data = self._bytes(name)  # another process may have replaced the file, and only then the digests were read
            self._require(name, hashlib.sha256(data).hexdigest())
        return data

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[BufferedReader]:
        """Open a file of which a part is read; its digest is not looked at.

        Raises:
            TangshiError: of the kind `error`, if it cannot be read, or is no plain file: a pipe in its place would be
                waited for, and a device might never end.
        """
        path = self._folder / name
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise self._error(f"A readable file is required: {path}. Received what is no plain file.")
            with path.open("rb") as file:
                yield file
        except OSError as error:
            raise self._error(f"A readable file is required: {path}. Received: {first_line(error)}.") from None

    def verify(self, names: Iterable[str]) -> None:
        """Read files only to see that they are what was written.

        Raises:
            TangshiError: of the kind `error`, if one is missing, or was changed since it was written.
        """
        for name in names:
            if not self._accepts(name, self._digest(name)):
                self._require(name, self._digest(name))  # see `read`

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Write a file atomically, its digest before it, and once more after it.

        Raises:
            CheckpointError: if a file cannot be written; the older one is untouched then.
        """
        before, new = self._before(name), hashlib.sha256(data).hexdigest()
        self._note(name, [before, new])
        write_bytes(self._folder / name, data)
        with contextlib.suppress(CheckpointError):  # the file is written, and both digests stay allowed
            self._note(name, [new])

    def _before(self, name: str) -> str:
        """Return the digest that a file has, or should have, before it is replaced."""
        accepted = self._ledger.get(name, [])
        if len(accepted) == 1:
            return accepted[0]
        found = self._digest(name) if os.path.lexists(self._folder / name) else _ABSENT
        if accepted and found not in accepted:  # of two, after a process had died, it is neither: it is damaged
            return accepted[0]
        return found

    def exists(self, name: str) -> bool:
        """Tell whether a file was written yet.

        Raises:
            TangshiError: of the kind `error`, if it was, but is gone.
        """
        if os.path.lexists(self._folder / name):
            return True
        self._require(name, _ABSENT)
        return False

    def _note(self, name: str, accepted: list[str]) -> None:
        """Write down which digests a file may have."""
        self._ledger[name] = accepted
        write_text(self._path, json.dumps(self._ledger, indent=2) + "\n")

    def _require(self, name: str, digest: str) -> None:
        if not self._accepts(name, digest):
            path = self._folder / name
            if digest == _ABSENT:
                raise self._error(f"The file that was written is required: {path}. Received none: it is gone.")
            raise self._error(
                f"The file that was written is required: {path}. Received one that was changed or damaged since."
            )

    def _accepts(self, name: str, digest: str) -> bool:
        """Tell whether a file may have this digest; if not, the digests are read again, as they may be older."""
        if digest not in self._ledger.get(name, [digest]):
            self._load()
        return digest in self._ledger.get(name, [digest])

    def _bytes(self, name: str) -> bytes:
        with self.opened(name) as file:
            return file.read()

    def _digest(self, name: str) -> str:
        with self.opened(name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def digests_of(folder: Path) -> str:
    """Return the text of a `digests.json` for all files in a folder, at any depth."""
    ledger = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                ledger[path.relative_to(folder).as_posix()] = [hashlib.file_digest(file, "sha256").hexdigest()]
    return json.dumps(ledger, indent=2) + "\n"
