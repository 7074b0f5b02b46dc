"""Name the kind of a file that is no plain text, by its first bytes or by its marks."""

import re

__all__ = ["name_document", "name_markup"]

_SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of Word or Excel"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"BM\x00", "a picture"),
    (b"II*\x00", "a picture"),
    (b"MM\x00*", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"Rar!", "an archive"),
    (b"7z\xbc\xaf\x27\x1c", "an archive"),
    (b"\x28\xb5\x2f\xfd", "an archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\x93NUMPY", "a file of arrays"),
    (b"\x89HDF", "a file of arrays"),
    (b"PAR1", "a file of arrays"),
    (b"\x80\x03", "a file of Python objects"),
    (b"\x80\x04", "a file of Python objects"),
    (b"\x80\x05", "a file of Python objects"),
    (b"ID3", "a sound"),
    (b"OggS", "a sound"),
    (b"fLaC", "a sound"),
    (b"RIFF", "a sound or a film"),
    (b"wOFF", "a font"),
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
    if data[257:262] == b"ustar":
        return "an archive"
    return next((name for signature, name in _SIGNATURES if data.startswith(signature)), "")


def name_markup(text: str) -> str:
    """Return in which language for programs a text is written, with its article; ``""`` for plain text.

    Example:
        >>> name_markup("<html><body>春晓</body></html>")
        'a web page'
    """
    return next((name for pattern, name in _MARKUP if pattern.match(text[:20_000])), "")
