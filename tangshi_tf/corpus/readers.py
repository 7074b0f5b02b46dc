"""Read a file in any known format: bytes to records of author, title and raw text.

The content tells the format. Each may be plain or packed with gzip or xz, in UTF-8 (with or without a byte order mark)
or GB18030:

- the shipped one: `HEADER`, then four columns separated by tabs;
- JSON of the chinese-poetry project: one object or a list of them, with `title`, `author` and `paragraphs`;
- lines ``title:content`` with a half- or full-width colon;
- plain text, poems separated by blank lines; a first line without marks above lines with marks is the title.

A folder stands for all files in it, at any depth.
"""

import gzip
import json
import lzma
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tangshi_tf.errors import CorpusError, first_line

__all__ = ["HEADER", "Record", "parse_records", "read_records", "read_text", "text_files"]

HEADER = "split\tauthor\ttitle\ttext"

_SPLITS = ("train", "validation", "test")
_OBJECT = re.compile(r"\s*\{.*\}\s*")
_TITLED = re.compile(r"\s*([^:：]{0,80})[:：]\s*(\S.*)")
_MARK_AT_END = re.compile("[，。？！；：、,.?!;:」』”’)）]$")


class Record(NamedTuple):
    """One poem as a file has it; an empty text is for the reader of the record to refuse."""

    split: str  # "" if the format has none
    author: str
    title: str
    text: str


def read_records(path: Path) -> Iterator[Record]:
    """Yield every record of a file, or of all files of a folder in the order of their names.

    A file of a folder that cannot be read as text counts as one record without text.

    Raises:
        CorpusError: if there is no such file, or it is empty, damaged, or no text.
    """
    if not path.is_dir():
        yield from parse_records(_bytes(path), str(path))
        return
    for file in text_files(path):
        try:
            yield from parse_records(_bytes(file), str(file))
        except CorpusError:
            yield Record("", "", file.name, "")


def text_files(path: Path) -> list[Path]:
    """Return the file, or all files of the folder in the order of their names; hidden ones are passed over.

    Raises:
        CorpusError: if the folder has none.
    """
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    if not files:
        raise CorpusError(f"A corpus file or a folder with some is required. Received: {path}, which is empty")
    return files


def read_text(path: Path) -> str:
    """Return the text of a file, with plain line ends.

    Raises:
        CorpusError: if there is no such file, or it is empty, damaged, or no text.
    """
    return _text(_bytes(path), str(path))


def parse_records(data: bytes, name: str) -> Iterator[Record]:
    """Return every record of a file's bytes; errors call the file by this name.

    Raises:
        CorpusError: if it is empty, damaged, or no text.
    """
    text = _text(data, name)
    if text.split("\n", 1)[0] == HEADER:
        return _shipped(text, name)
    if text.lstrip()[0] in "[{":
        return _json(text, name)
    lines = [line.strip() for line in text.split("\n")]
    titled = sum(1 for line in lines if _TITLED.fullmatch(line))
    if 2 * titled > sum(1 for line in lines if line):
        return (_titled(line) for line in lines if line)
    return (_block(block.split("\n")) for block in re.split(r"\n(?:\s*\n)+", "\n".join(lines).strip("\n")))


def _shipped(text: str, name: str) -> Iterator[Record]:
    for number, line in enumerate(text.rstrip("\n").split("\n")[1:], start=2):
        row = line.split("\t")
        if len(row) != 4 or row[0] not in _SPLITS:
            raise CorpusError(
                f"Four columns are required in {name}: split ({', '.join(_SPLITS)}), author, title, text. "
                f"Received: line {number}, {line[:40]!r}"
            )
        yield Record(*row)


def _json(text: str, name: str) -> Iterator[Record]:
    try:
        rows = text.strip().split("\n")
        value = [json.loads(row) for row in rows] if all(map(_OBJECT.fullmatch, rows)) else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"Valid JSON is required. Received: {name} ({first_line(error)})") from None
    for entry in value if isinstance(value, list) else [value]:
        entry = entry if isinstance(entry, dict) else {}
        paragraphs = entry.get("paragraphs", entry.get("poem", []))
        lines = paragraphs if isinstance(paragraphs, list) else [paragraphs]
        yield Record("", _string(entry.get("author")), _string(entry.get("title")), "".join(map(_string, lines)))


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _titled(line: str) -> Record:
    match = _TITLED.fullmatch(line)
    return Record("", "", match[1].strip(), match[2]) if match else Record("", "", line, "")


def _block(lines: list[str]) -> Record:
    """Join the lines of a poem; lines without marks get commas and full stops in turn."""
    marked = [bool(_MARK_AT_END.search(line)) for line in lines]
    title = lines[0] if len(lines) > 1 and all(marked[1:]) and not marked[0] else ""
    verse = lines[1:] if title else lines
    if len(verse) > 1 and not any(marked):
        verse = [line + "，。"[i % 2] for i, line in enumerate(verse)]
    return Record("", "", title, "".join(verse))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CorpusError(f"A corpus file is required. Received: {path}, which does not exist") from None
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"A readable corpus file is required. Received: {str(path)!r} ({first_line(error)})"
        ) from None


def _text(data: bytes, name: str) -> str:
    """Return a file's text with plain line ends; packing and encoding are known by the bytes."""
    for magic, unpack in ((b"\xfd7zXZ\x00", lzma.decompress), (b"\x1f\x8b", gzip.decompress)):
        if data.startswith(magic):
            try:
                data = unpack(data)
            except (lzma.LZMAError, zlib.error, EOFError, OSError) as error:
                kind = "xz" if magic[1:] == b"7zXZ\x00" else "gzip"
                raise CorpusError(
                    f"An intact {kind} file is required. Received: {name} (damaged: {first_line(error)})"
                ) from None
    text = _decode(data, name).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise CorpusError(f"A corpus file with text is required. Received: {name}, which is empty")
    return text


def _decode(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
        place = data.find(0)
        if place < 0:
            return text
    except UnicodeDecodeError as error:
        place = error.start
        # Damaged UTF-8 can be read as GB18030, to nonsense; real GB18030 is wrong UTF-8 all over.
        lenient = data.decode("utf-8", "replace")
        if 0 not in data and 20 * lenient.count("\ufffd") > len(lenient):
            try:
                return data.decode("gb18030")
            except UnicodeDecodeError:
                pass
    raise CorpusError(
        f"Text in UTF-8 or GB18030 is required. Received: {name}, which has byte 0x{data[place]:02x} at offset {place}"
    )
