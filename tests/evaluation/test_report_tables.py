"""`tables`: that JSON holds a report, and that tables and picture say it."""

import dataclasses
import json
import re
import unicodedata
from pathlib import Path

import pytest

from tangshi_tf.cli.console import captioned
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.evaluation.report_tables import draw, from_dict, markdown, tables, to_dict
from tangshi_tf.evaluation.verse_report import KINDS, Report, Written, compare
from tangshi_tf.verse.forms import FORMS, form_of

CLIMB = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
NIGHT = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


def text(report: Report) -> str:
    return "\n\n".join(map(captioned, tables(report)))


@pytest.fixture(scope="module")
def report() -> Report:
    """Real poems in all places, a few of them in the place of the training poems."""
    real, others = (read_corpus().texts(split) for split in ("test", "validation"))
    constrained = {form: [poem for poem in others if form_of(poem) == form][:20] for form in FORMS}
    plain = {
        "": [(CLIMB, -80.0), (NIGHT, -100.0), (NIGHT * 2, -200.0)],
        "五绝": [(CLIMB, -110.0), (CLIMB, -130.0)],
        "七绝": [],
        "五律": [(CLIMB * 2, -280.0)],
    }
    return compare(real, Written({"": others, **constrained}, plain), [NIGHT, *real[:20]])


def test_json_holds_all_of_it(report: Report) -> None:
    record = to_dict(report)
    again = from_dict(json.loads(json.dumps(record, allow_nan=False)))
    assert to_dict(again) == record
    assert again.forms == report.forms
    assert again.shapes == report.shapes
    assert again.costs["五绝"] == report.costs["五绝"]
    assert record["forms"]["五绝"]["real"]["rules"]["rhyme"]["share"] > 0.5
    assert record["costs"]["七绝"]["free"]["value"] is None


def test_both_tables_say_the_same(report: Report) -> None:
    plain, marked = text(report), markdown(report)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in marked.splitlines() if line[:1] == "|"]
    rows = [row for row in rows if set(row[0]) != {"-"}]
    assert len(rows) == 4 + 2 * 13 + 5
    for row in rows:
        cells = " ".join(cell for cell in row if cell)
        assert cells in [" ".join(line.split()) for line in plain.splitlines()]
    assert re.search(r"五绝 +constrained +20 ", plain)
    assert re.search(r"五绝 +4\.50 ± 6\.35 +6\.00 ± 6\.35 +1\.50 ± 8\.98\n", plain)


def test_a_share_of_all_shows_its_interval(report: Report) -> None:
    assert "| constrained | 80 | 100.0 (95.4–100) | 100.0 (95.4–100) |" in markdown(report)


def test_the_columns_of_a_terminal_stand_below_each_other(report: Report) -> None:
    for table in text(report).split("\n\n")[1:3]:
        lines = [line for line in table.splitlines() if line.startswith(("form ", *FORMS))]
        widths = {sum(1 + (unicodedata.east_asian_width(char) == "W") for char in line) for line in lines}
        assert len(widths) == 1
        assert len(lines) == 13


def test_the_picture_shows_every_form_and_kind(report: Report, tmp_path: Path) -> None:
    draw(report, tmp_path / ".1.verse.svg")  # a temporary name as well
    drawn = (tmp_path / ".1.verse.svg").read_text(encoding="utf-8")
    for words in (*KINDS, "wǔjué: 4 lines of 5", "qījué: 4 lines of 7", "wǔlǜ: 8 lines of 5", "qīlǜ: 8 lines of 7"):
        assert f"<!-- {words} -->" in drawn
    draw(report, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text(encoding="utf-8") == drawn
    few = dataclasses.replace(report, forms={"七律": {"free": report.forms["七律"]["free"]}})
    draw(few, tmp_path / "few.svg")
    drawn = (tmp_path / "few.svg").read_text(encoding="utf-8")
    assert "<!-- free -->" in drawn
    assert "<!-- real -->" not in drawn


def test_nothing_in_the_four_forms_is_a_report_too(tmp_path: Path) -> None:
    report = compare([CLIMB + NIGHT * 2], Written({"": [""]}, {}), [NIGHT])
    assert not report.forms
    assert "real" in text(report)
    draw(report, tmp_path / "none.svg")
