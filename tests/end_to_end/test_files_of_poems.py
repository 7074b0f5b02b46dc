"""Files of real poems, in many formats and encodings, are read right or refused for a true reason.

`pytest -m long tests/end_to_end/test_files_of_poems.py` reads 5,000.
"""

import random
from collections import Counter

import pytest

from tangshi_tf.corpus.cleaning import clean, fold, han_only
from tangshi_tf.corpus.poems import Poem
from tangshi_tf.corpus.readers import parse_records
from tests.poem_files import ENCODINGS, FORMATS, draw

DOUBTFUL = "lines that rhyme with each other were taken for one poem"


def normal(title: str, author: str, text: str, marks: bool) -> tuple[str, str, str]:
    """Return what two readings have to agree in."""
    cleaned = clean(text)[0]
    return fold(title).replace(" ", ""), fold(author), cleaned if marks else han_only(cleaned)


def compared(poems: list[Poem], marks: bool) -> list[tuple[str, str, str]]:
    return [normal(poem.title, poem.author, poem.text, marks) for poem in poems]


def test_there_are_thirty_formats_and_twelve_encodings() -> None:
    assert len(FORMATS) >= 30
    assert len(ENCODINGS) >= 12


@pytest.mark.parametrize(
    ("count", "seed"),
    [(700, 0), pytest.param(1_500, 1, marks=pytest.mark.ci), pytest.param(5_000, 2, marks=pytest.mark.long)],
)
def test_files_are_read_right(count: int, seed: int) -> None:
    source = random.Random(seed)
    outcomes: Counter[str] = Counter()
    while outcomes.total() < count:
        name, encoding = source.choice(list(FORMATS)), source.choice(ENCODINGS)
        drawn = draw(source, name, encoding)
        if drawn is None or not drawn[1].poems:  # the encoding lacks a mark, or none of the poems fits the format
            continue
        data, written = drawn
        reading = parse_records(data, "poems")
        found = [normal(r.title, r.author, r.text, written.marks) for r in reading.records if r.text]
        if found == compared(written.poems, written.marks):
            outcomes["right"] += 1
        elif DOUBTFUL in reading.doubts:
            outcomes["doubtful"] += 1
        else:
            outcomes["wrong"] += 1
            print(name, encoding, reading.kinds, written.text[:300], found[:3])
    print(outcomes)
    assert outcomes["wrong"] <= count // 1_000, outcomes  # titles with a poet's name in them, verse with a colon
    assert outcomes["doubtful"] <= count // 250, outcomes
