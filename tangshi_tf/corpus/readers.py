"""Read files and folders of poems: bytes to records of author, title and raw text.

The content tells packing (`unpacking`), encoding (`encodings`) and format (`formats`); the name of a file does not
matter. A folder stands for all files in it, at any depth; hidden ones are passed over.
"""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tangshi_tf.corpus.documents import name_document, name_markup
from tangshi_tf.corpus.encodings import decode
from tangshi_tf.corpus.formats import AUTO, understand
from tangshi_tf.corpus.records import HEADER, Record
from tangshi_tf.corpus.unpacking import LIMIT_GB, read_packed
from tangshi_tf.errors import CorpusError, first_line

__all__ = ["HEADER", "Reading", "Record", "parse_records", "read_records", "read_text", "text_files"]


@dataclass
class Reading:
    """What was understood of a file, or of the files of a folder.

    Attributes:
        name: of the file or folder.
        records: the poems as the files have them.
        kinds: how many files have a format and an encoding.
        doubts: how a file might have to be read otherwise, each a clause.
        unread: files and folders that could not be read, with the reason.
    """

    name: str
    records: list[Record] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)


def read_records(path: Path, format_name: str = AUTO, limit_gb: float = LIMIT_GB) -> Reading:
    """Read a file, or all files of a folder in the order of their names.

    A file of a folder that cannot be read is named in `Reading.unread`.

    Args:
        path: of a file or a folder.
        format_name: a key of `formats.FORMATS`, or `formats.AUTO`.
        limit_gb: see `unpacking.read_packed`.

    Raises:
        CorpusError: if there is no such file, or it is empty, damaged, no text or too large; or the folder is empty.
    """
    if not path.is_dir():
        return parse_records(read_packed(path, limit_gb), str(path), format_name)
    reading = Reading(str(path))
    for file, problem in _entries(path):
        try:
            if problem:
                raise problem
            one = parse_records(read_packed(file, limit_gb), str(file), format_name)
        except CorpusError as error:
            reading.unread.append((str(file), str(error)))
            continue
        reading.records += one.records
        reading.kinds += one.kinds
        reading.doubts += [doubt for doubt in one.doubts if doubt not in reading.doubts]
    return reading


def parse_records(data: bytes, name: str, format_name: str = AUTO) -> Reading:
    """Read the bytes of one file, unpacked; errors call it by this name.

    Raises:
        CorpusError: if it is empty, damaged, or no text.
    """
    text, encoding = _text(data, name)
    markup = name_markup(text)
    if markup:
        raise CorpusError(f"Plain text is required: save it as plain text. Received: {name}, {markup}")
    found = understand(text, name, format_name)
    return Reading(name, found.records, Counter({(found.format, encoding): 1}), list(found.doubts))


def text_files(path: Path) -> list[Path]:
    """Return the file, or all files of the folder in the order of their names; hidden ones are passed over.

    Raises:
        CorpusError: if the folder has none, or something inside is no file or cannot be opened.
    """
    entries = _entries(path) if path.is_dir() else [(path, None)]
    for _, problem in entries:
        if problem:
            raise problem
    return [file for file, _ in entries]


def read_text(path: Path, limit_gb: float = LIMIT_GB) -> str:
    """Return the text of a file, with plain line ends.

    Raises:
        CorpusError: if there is no such file, or it is empty, damaged, no text or too large.
    """
    return _text(read_packed(path, limit_gb), str(path))[0]


def _entries(folder: Path) -> list[tuple[Path, CorpusError | None]]:
    """Return what a folder holds, in the order of the names, with an error for what is no file or cannot be opened."""
    found: list[tuple[Path, CorpusError | None]] = []

    def refused(error: OSError) -> None:
        problem = CorpusError(f"A readable folder is required. Received: {first_line(error)}")
        found.append((Path(error.filename), problem))

    for parent, folders, files in os.walk(folder, onerror=refused):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(parent, name)
            if not name.startswith("."):
                problem = CorpusError(f"A file is required. Received: {path}, a broken link or a device")
                found.append((path, None if path.is_file() else problem))
    if not found:
        raise CorpusError(f"A corpus file or a folder with some is required. Received: {folder}, which is empty")
    return sorted(found, key=lambda entry: entry[0])


def _text(data: bytes, name: str) -> tuple[str, str]:
    """Return a file's text with plain line ends, and its encoding."""
    document = name_document(data)
    if document:
        raise CorpusError(f"Plain text is required: save it as plain text. Received: {name}, {document}")
    if not data.strip():
        raise CorpusError(f"A corpus file with text is required. Received: {name}, which is empty")
    text, encoding = decode(data, name)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip("\ufeff\u200b \t\n\u3000") or text.isspace():
        raise CorpusError(f"A corpus file with text is required. Received: {name}, which is empty")
    return text, encoding
