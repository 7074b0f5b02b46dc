"""Name the kind of a file that is no plain text, by its first bytes or by its marks."""

import re

__all__ = ["name_document", "name_markup"]

# Patterns of the first bytes.
_SIGNATURES = (
    (rb"%PDF", "a PDF document"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of Word or Excel"),
    (rb"\{\\rtf", "an RTF document"),
    (rb"\x89PNG", "a picture"),
    (rb"\xff\xd8\xff", "a picture"),
    (rb"GIF8", "a picture"),
    (rb"BM.{4}\0{4}", "a picture"),  # its length, and two numbers that nothing uses
    (rb"II\*\x00", "a picture"),
    (rb"MM\x00\*", "a picture"),
    (rb"SQLite format 3", "a database"),
    (rb"Rar!", "an archive"),
    (rb"7z\xbc\xaf'\x1c", "an archive"),
    (rb"\(\xb5/\xfd", "an archive"),
    (rb"\x7fELF", "a program"),
    (rb"MZ\x90", "a program"),
    (rb"\x93NUMPY", "a file of arrays"),
    (rb"\x89HDF", "a file of arrays"),
    (rb"PAR1", "a file of arrays"),
    (rb"\x80[\x03-\x05]", "a file of Python objects"),
    (rb"ID3", "a sound"),
    (rb"OggS", "a sound"),
    (rb"fLaC", "a sound"),
    (rb"RIFF", "a sound or a film"),
    (rb"wOFF", "a font"),
    (rb".{257}ustar", "an archive"),
)
# What a zip file holds tells which kind it is.
_INSIDE_ZIP = (
    (b"application/epub", "an EPUB book"),
    (b"opendocument", "a document of LibreOffice"),
    (b"word/", "a document of Word"),
    (b"xl/", "a document of Excel"),
    (b"ppt/", "a document of PowerPoint"),
)
_MARKUP = (
    (
        re.compile(r"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL),
        "a web page",
    ),
    (re.compile(r"\s*<(?:div|p|h[1-6]|ul|ol|table|span|section|article|center)\b[^>]*>", re.IGNORECASE), "a web page"),
    (re.compile(r"\s*(?:\\documentclass|\\usepackage|\\begin\{)"), "a LaTeX document"),
    (re.compile(r"(?:.*\n){0,50}?\s*INSERT\s+INTO\s", re.IGNORECASE), "an SQL script"),
    (re.compile(r"(?:.*\n){0,3}?\d+:\d\d:\d\d[,.]\d+\s*-->"), "a file of subtitles"),
    (re.compile(r"(?:.*\n){0,10}?\[\d+:\d\d[.:]\d+\]"), "a file of timed lyrics"),
)


def name_document(data: bytes) -> str:
    """Return what kind of document the bytes are, with its article; ``""`` for what may be plain text.

    Example:
        >>> name_document(b"%PDF-1.7")
        'a PDF document'
    """
    if data.startswith(b"PK\x03\x04"):
        return next((name for mark, name in _INSIDE_ZIP if mark in data), "an archive")
    return next((name for first, name in _SIGNATURES if re.match(first, data, re.DOTALL)), "")


def name_markup(text: str) -> str:
    """Return what kind of markup a text is, with its article; ``""`` for plain text.

    Example:
        >>> name_markup("<html><body>春晓</body></html>")
        'a web page'
    """
    return next((name for pattern, name in _MARKUP if pattern.match(text[:20_000])), "")
