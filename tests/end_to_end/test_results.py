"""The pages of results: their tables are those of the JSON files, and every file says where its figures come from."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

RESULTS = ROOT / "docs" / "results"
PAGES = sorted(RESULTS.glob("*.md"))
DATA = sorted((RESULTS / "data").glob("*.json"))
FIELDS = ["command", "hardware", "date", "versions", "note", "rows"]
TABLES = runpy.run_path(str(RESULTS / "tables.py"))


def load(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / "data" / f"{name}.json").read_text(encoding="utf-8")))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr("sys.argv", ["tables.py", *map(str, arguments)])
    TABLES["main"]()


def test_the_tables_are_those_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "--check")


def test_a_page_that_differs_is_named_and_rewritten(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "speed.md"
    right = (RESULTS / "speed.md").read_text(encoding="utf-8")
    wrong = right.replace("17,825", "17,826").replace("2026-11-20", "2026-11-21")
    page.write_text(wrong, encoding="utf-8")
    with pytest.raises(SystemExit, match=r"speed\.md"):
        run(monkeypatch, "--check", page, RESULTS / "verse.md")
    assert page.read_text(encoding="utf-8") == wrong
    run(monkeypatch, page)
    assert page.read_text(encoding="utf-8") == right
    assert capsys.readouterr().out == "Rewritten: speed.md.\n"


def test_every_table_and_every_source_stands_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert sorted(re.findall("<!-- table: (.*) -->", text)) == sorted(TABLES["TABLES"])
    assert sorted(re.findall("<!-- source: (.*) -->", text)) == [path.stem for path in DATA]
    assert text.count("<!-- end -->") == len(re.findall("<!-- (?:table|source): ", text))


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.stem)
def test_a_file_says_where_its_figures_come_from(path: Path) -> None:
    content = load(path.stem)
    assert list(content) == FIELDS
    assert "tangshi-tf " in content["command"] or "python benchmarks/" in content["command"]
    assert len(content["hardware"]) > 10
    assert re.fullmatch(r"2\d{3}-\d\d-\d\d( to 2\d{3}-\d\d-\d\d)?", content["date"])
    assert "TensorFlow" in content["versions"]
    assert content["rows"]
    for program in re.findall(r"python (\S+\.py)", content["command"]):
        assert (ROOT / program).is_file()


def test_the_figures_of_the_shipped_model_are_those_of_its_card() -> None:
    card = (ROOT / "saved_models" / "tangshi" / "1" / "assets.extra" / "README.md").read_text(encoding="utf-8")
    for row in load("perplexity")["rows"]:
        split = row["split"] + ", titled" * row["titles"]
        for form, score in [("all", row), *row["by_form"].items()]:
            line = f"| {split} | {form} | {score['count']:,} | {score['tokens']:,} | "
            assert f"{line}{score['perplexity']:.2f} | {score['hanzi_perplexity']:.2f} |" in card
    assert "".join(f"- {row['poem']}\n" for row in load("poems")["rows"]) in card
    page = (RESULTS / "model-card.md").read_text(encoding="utf-8")
    made = card.partition("Perplexity:")[0]
    measured = r"[\d.,]+ (?:minutes|GB|tokens(?:/s)?|parameters|poems)|epoch \d+"
    facts = re.findall(rf"{measured}|\w+\(\d+\)|`.+?`|(?:TensorFlow|Keras) [\d.]+\d", made)
    assert len(facts) == 12
    assert [fact for fact in facts if fact not in page] == []


def test_the_parts_of_the_ear_are_compared_over_the_same_seeds_and_minutes() -> None:
    rows = load("ear")["rows"]
    runs = {(row["ear"], row["titles"], row["seed"]) for row in rows}
    assert len(runs) == len(rows) == 24
    assert len({row["minutes"] for row in rows}) == 1


def test_figures_are_kept_with_where_they_come_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text('{"note": "Of one poem.", "rows": []}', encoding="utf-8")
    command = """echo '{"poem": "山"}' && echo '{"poem": "水"}'"""
    monkeypatch.setattr("sys.argv", ["record.py", str(path), command])
    runpy.run_path(str(ROOT / "benchmarks" / "record.py"), run_name="__main__")
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert list(kept) == FIELDS
    assert (kept["command"], kept["note"]) == (command, "Of one poem.")
    assert kept["rows"] == [{"poem": "山"}, {"poem": "水"}]
    assert kept["hardware"]
    assert set(kept["versions"]) >= {"TensorFlow", "Keras"}
