import io
import zipfile

import pytest

from tangshi_tf.corpus.documents import name_document, name_markup


def zipped(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "a document of Word or Excel"),
        (b"{\\rtf1\\ansi", "an RTF document"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a picture"),
        (zipped("word/document.xml"), "a document of Word"),
        (zipped("xl/workbook.xml"), "a document of Excel"),
        (zipped("poems.txt"), "an archive"),
        (bytes(257) + b"ustar", "an archive"),
        (b"BM" + (70).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little"), "a picture"),
        (b"BM" + (9 << 24).to_bytes(4, "little") + bytes(4) + b"(\n", "a picture"),
        (b"II*\0", "a picture"),
        (b"SQLite format 3\0", "a database"),
        (b"\x80\x04\x95", "a file of Python objects"),
        (b"BM, a poem of these", ""),
        ("春眠不觉晓".encode(), ""),
        ("春眠不觉晓".encode("utf-16"), ""),
        (b"", ""),
    ],
)
def test_documents_are_named(data: bytes, name: str) -> None:
    assert name_document(data) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<!DOCTYPE html>\n<html>", "a web page"),
        ("<div><p>春晓</p></div>", "a web page"),
        ("\\documentclass{ctexart}", "a LaTeX document"),
        ("CREATE TABLE poems;\nINSERT INTO poems VALUES ('春晓')", "an SQL script"),
        ("1\n00:00:01,000 --> 00:00:04,000\n春眠不觉晓", "a file of subtitles"),
        ("[ti:春晓]\n[00:01.00]春眠不觉晓", "a file of timed lyrics"),
        ("<poem><title>春晓</title></poem>", ""),
        ("春晓\n春眠不觉晓", ""),
    ],
)
def test_markup_is_named(text: str, name: str) -> None:
    assert name_markup(text) == name
