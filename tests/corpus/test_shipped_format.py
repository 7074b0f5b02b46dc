import pytest

from tangshi_tf.corpus.records import HEADER, Record
from tangshi_tf.corpus.shipped_format import read_shipped, shipped_authors, shipped_records, shipped_text
from tangshi_tf.errors import CorpusError

QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


def test_the_format_has_a_split() -> None:
    found = read_shipped(f"{HEADER}\ntest\t李白\t静夜思\t{QUIET}\n")
    assert found is not None
    assert found.records == [Record("test", "李白", "静夜思", QUIET)]
    assert read_shipped(f"test\t李白\t静夜思\t{QUIET}") is None


@pytest.mark.parametrize("line", ["dev\ta\tb\tc", "test\ta\tb", "test\ta\tb\tc\td", ""])
def test_four_columns_are_required(line: str) -> None:
    with pytest.raises(CorpusError, match=r"^Four columns are required: split \(train, .* Received: line 2, '"):
        read_shipped(f"{HEADER}\n{line}\ntest\t李白\t静夜思\t{QUIET}\n")


def test_the_corpus_in_the_package_is_unpacked_once() -> None:
    assert shipped_text() is shipped_text()
    assert shipped_text().startswith(HEADER)
    assert len(shipped_records()) == 47_772
    assert {"李白", "杜甫"} < shipped_authors()
    assert "" not in shipped_authors()
