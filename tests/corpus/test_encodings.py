import pytest

from tangshi_tf.corpus.encodings import decode
from tangshi_tf.errors import CorpusError

SIMPLIFIED = "静夜思\n床前明月光，疑是地上霜。举头望明月，低头思故乡。\n"
TRADITIONAL = "春曉\n春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。\n"


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16-LE"),
        ("utf-16-le", "UTF-16-LE"),
        ("utf-16-be", "UTF-16-BE"),
        ("utf-32", "UTF-32-LE"),
        ("utf-7", "UTF-7"),
        ("gb2312", "GB18030"),
        ("gb18030", "GB18030"),
        ("hz", "HZ"),
    ],
)
def test_encodings_of_simplified_characters(codec: str, name: str) -> None:
    assert decode(SIMPLIFIED.encode(codec), "x") == (SIMPLIFIED, name)


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("big5", "Big5"),
        ("cp950", "Big5"),
        ("shift_jis", "Shift-JIS"),
        ("euc_jp", "EUC-JP"),
        ("iso2022_jp", "ISO-2022-JP"),
        ("euc_kr", "EUC-KR"),
        ("gb18030", "GB18030"),
    ],
)
def test_encodings_of_traditional_characters(codec: str, name: str) -> None:
    assert decode(TRADITIONAL.encode(codec), "x") == (TRADITIONAL, name)


def test_a_mark_of_gb18030_is_no_part_of_the_text() -> None:
    assert decode(("\ufeff" + SIMPLIFIED).encode("gb18030"), "x") == (SIMPLIFIED, "GB18030")


def test_other_scripts_are_read_too() -> None:
    assert decode("古池や蛙飛びこむ水の音".encode("shift_jis"), "x")[1] == "Shift-JIS"
    assert decode("동해물과 백두산이 마르고 닳도록".encode("euc_kr"), "x")[1] == "EUC-KR"
    assert decode(b"Moon over 1+1=2, +abc-", "x") == ("Moon over 1+1=2, +abc-", "UTF-8")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\x00b", "makes sense in none of them"),
        ("Привет, как дела".encode("cp1251"), "makes sense in none of them"),
        (SIMPLIFIED.encode()[:-3], "seems to be UTF-8 but has byte 0xe3 at offset"),
        (SIMPLIFIED.encode("gb18030")[:-2], "seems to be GB18030 but has byte 0xa1 at offset"),
        (SIMPLIFIED.encode().decode("gb18030", "replace").encode(), "once read in a wrong encoding"),
        (SIMPLIFIED.encode().decode("latin-1").encode(), "once read in a wrong encoding"),
    ],
)
def test_what_is_damaged_or_nonsense_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        decode(data, "poems.txt")
    assert "Received: poems.txt" in str(caught.value)
