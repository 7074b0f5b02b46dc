"""Write the tables of these pages from the JSON files in data/.

    python docs/results/tables.py [PAGE ...]    rewrites the tables in the pages
    python docs/results/tables.py --check       changes nothing; exits 1 and names the pages whose tables differ

A page has a table between `<!-- table: NAME -->` and `<!-- end -->`, NAME being one of TABLES, and the command, the
hardware, versions and date of a JSON file between `<!-- source: FILE -->` and `<!-- end -->`.
"""

import argparse
import json
import re
import string
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from tangshi_tf.evaluation.intervals import Mean, Rate
from tangshi_tf.evaluation.report_tables import from_dict
from tangshi_tf.evaluation.report_tables import markdown as verse_tables
from tangshi_tf.verse.forms import FORMS

PAGES = Path(__file__).resolve().parent
DATA = PAGES / "data"
_BLOCK = re.compile(r"(?<=<!-- )(table|source): ([\w-]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d(?! x )")  # and not: 1 x LSTM(640)
_EARS = {"none": "none", "sounds": "sounds in the embedding", "verse": "verse beside the state", "full": "both"}

Row = Mapping[str, Any]
Rows = Sequence[Row]


def load(name: str) -> dict[str, Any]:
    """Return a JSON file of data/."""
    return dict(json.loads((DATA / f"{name}.json").read_text(encoding="utf-8")))


def markdown(columns: Mapping[str, str], rows: Rows) -> str:
    """Return a Markdown table; a column whose first cell is a number is aligned to the right.

    Args:
        columns: the head of each column, and the format of its cells; a cell is empty if its row lacks a value.
        rows: of the values that the formats name.
    """
    cells = [[_cell(pattern, row) for pattern in columns.values()] for row in rows]
    first = (next(filter(None, column), "") for column in zip(*cells, strict=True))
    rule = ("---:" if _NUMBER.match(cell) else "---" for cell in first)
    lines = [f"| {' | '.join(columns)} |", f"|{'|'.join(rule)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in cells)])


def _cell(pattern: str, row: Row) -> str:
    names = [name for _, name, _, _ in string.Formatter().parse(pattern) if name]
    return "" if any(row.get(name) is None for name in names) else pattern.format_map(row)


def _perplexity(rows: Rows) -> str:
    """One line a split and form, without titles and with them."""
    lines = []
    for split in dict.fromkeys(row["split"] for row in rows):
        plain, titled = (
            next(row for row in rows if (row["split"], row["titles"]) == (split, titles)) for titles in (False, True)
        )
        for form in ("all", *plain["by_form"]):
            without, given = (row["by_form"].get(form, row) for row in (plain, titled))
            values = {"given": given["perplexity"], "given_characters": given["hanzi_perplexity"]}
            lines.append({"split": split, "form": form, **without, **values})
    columns = {
        "split": "{split}",
        "form": "{form}",
        "poems": "{count:,}",
        "tokens": "{tokens:,}",
        "perplexity": "{perplexity:.2f}",
        "characters alone": "{hanzi_perplexity:.2f}",
        "with the title": "{given:.2f}",
        "characters alone, with the title": "{given_characters:.2f}",
    }
    return markdown(columns, lines)


def _titles(rows: Rows) -> str:
    rates = [Rate(row["likelier"], row["poems"]) for row in rows]
    columns = {
        "poems": "{poems:,}",
        "own title, nats a token": "{own:+.3f} ± {own_margin:.3f}",
        "another's title": "{other:+.3f} ± {other_margin:.3f}",
        "likelier after their own": "{likelier:,}",
        "in %": "{share}",
    }
    return markdown(columns, [{**row, "share": _percent(rate)} for row, rate in zip(rows, rates, strict=True)])


def _percent(rate: Rate) -> str:
    low, high = rate.interval
    return f"{100 * rate.share:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def _verse(part: int, rows: Rows) -> str:
    """One of the tables of `tangshi-tf evaluate --verse`, with its caption."""
    paragraphs = verse_tables(from_dict(rows[0])).split("\n\n")
    caption, table = paragraphs[2 * part : 2 * part + 2]
    return f"{_filled(caption)}\n\n{table}"


def _masks(rows: Rows) -> str:
    """One line a batch size, one column a form."""
    batches = dict.fromkeys(row["batch"] for row in rows)
    lines = [{"batch": n, **{row["form"]: row["ratio"] for row in rows if row["batch"] == n}} for n in batches]
    return markdown({"batch": "{batch}", **{form: f"{{{form}:.2f}}" for form in FORMS}}, lines)


def _cells(rows: Rows) -> str:
    columns = {
        "name": "{name}",
        "cell": "{cell}",
        "parameters": "{parameters:,}",
        "tokens/s": "{tokens_per_second:,.0f}",
        "epochs": "{epochs:.1f}",
        "minutes": "{minutes:.1f}",
        "training loss": "{training_nll:.2f}",
        "published": "{published_nll:.2f}",
        "validation": "{validation_perplexity:.2f}",
        "test": "{test_perplexity:.2f}",
    }
    return markdown(columns, rows)


def _generation(rows: Rows) -> str:
    """One line a batch size and sampler: ours, and how many times as fast it is as each of the others."""
    names = {"Python loop over steps": "loop", "whole prefix again": "prefix", "PyTorch": "torch"}
    lines: dict[tuple[int, str], dict[str, Any]] = {}
    for row in rows:
        line = lines.setdefault((row["batch"], row["sampler"]), {})
        if row["program"] == "ours":
            line |= row
        else:  # of several numbers of threads, the fastest
            name = names[row["program"].partition(",")[0]]
            line[name] = min(row["ratio"], line.get(name, row["ratio"]))
    columns = {
        "batch": "{batch}",
        "sampler": "{sampler}",
        "tokens/s": "{tokens_per_second:,.0f}",
        "ms a poem": "{ms_a_poem:.2f}",
        "of the limit": "{of_limit:.0%}",
        "times a Python loop": "{loop:.2f}",
        "times whole prefixes": "{prefix:.2f}",
        "times PyTorch": "{torch:.2f}",
    }
    return markdown(columns, list(lines.values()))


def _ear(rows: Rows) -> str:
    """One line a setting, over its seeds."""
    lines = []
    for ear, titles in product(_EARS, (False, True)):
        own = [row for row in rows if (row["ear"], row["titles"]) == (ear, titles)]
        if not own:
            continue
        sums = {name: sum(row[name] for row in own) for name in ("steps", "poems", "formed", "rhyming", "tones")}
        perplexity = Mean.of([row["test_perplexity"] for row in own])
        line = {"ear": _EARS[ear], "titles": "yes" if titles else "no", "steps": sums["steps"] / len(own)}
        line |= {"perplexity": perplexity.value, "margin": perplexity.margin}
        line |= {"given": Mean.of([row["titled_test_perplexity"] for row in own]).value if titles else None}
        line |= {"formed": _percent(Rate(sums["formed"], sums["poems"]))}
        lines.append(line | {name: _percent(Rate(sums[name], sums["formed"])) for name in ("rhyming", "tones")})
    columns = {
        "ear": "{ear}",
        "titles": "{titles}",
        "steps": "{steps:,.0f}",
        "perplexity": "{perplexity:.2f} ± {margin:.2f}",
        "with the title": "{given:.2f}",
        "in one of the forms, %": "{formed}",
        "of these: rhyme": "{rhyming}",
        "tones": "{tones}",
    }
    return markdown(columns, lines)


def _lines(pattern: str, rows: Rows) -> str:
    """A list in place of a table: poems."""
    return "\n".join(f"- {pattern.format_map(row)}" for row in rows)


def _ours(rows: Rows) -> Rows:
    """The same rows, in which a name stands for `ours`."""
    return [{**row, "program": row["program"].replace("ours", "tangshi-tf")} for row in rows]


_SAMPLED = {
    "temperature": "{temperature}",
    "top-p": "{top_p}",
    "penalty": "{repetition_penalty}",
    "best of": "{best_of}",
}


def _samplers(rows: Rows) -> str:
    real, *sampled = rows
    marked = [{**row, "best_of": f"{row['best_of']}{' (default)' * row['default']}"} for row in sampled]
    columns = _SAMPLED | {
        "distinct-1": "{distinct_1:.3f}",
        "-2": "{distinct_2:.3f}",
        "-3": "{distinct_3:.3f}",
        "self-repetition": "{self_repetition:.1%}",
        "loops": "{loops:.1%}",
        "characters": "{characters:.0f}",
        "perplexity": "{perplexity:.1f}",
    }
    return markdown(columns, [{**real, "temperature": "real poems"}, *marked])


def _best_of(rows: Rows) -> str:
    columns = {
        "form": "{form}",
        "temperature": "{temperature}",
        "best of": "{best_of}",
        "nats a character": "{nats:.3f}",
        "ms a poem": "{milliseconds:.1f}",
        "distinct-2": "{distinct_2:.3f}",
        "self-repetition": "{self_repetition:.1%}",
    }
    return markdown(columns, [row if "best_of" in row else {**row, "temperature": "real poems"} for row in rows])


class Table(NamedTuple):
    """The JSON files whose rows a table shows, and what makes it of them."""

    files: Sequence[str]
    of: Callable[[Rows], str]


def _plain(file: str, columns: Mapping[str, str]) -> Table:
    return Table([file], partial(markdown, columns))


TABLES = {
    "perplexity": Table(["perplexity"], _perplexity),
    "poems": Table(["poems"], partial(_lines, "{poem}")),
    "titled-poems": Table(["titled-poems"], partial(_lines, "{title}：{poem}")),
    "titles": Table(["titles"], _titles),
    "models": _plain(
        "models",
        {
            "run": "{run}",
            "model": "{what}",
            "hardware": "{hardware}",
            "epochs": "{epochs}",
            "minutes": "{minutes}",
            "memory": "{memory} GB",
            "test perplexity": "{test:.2f}",
            "with the title": "{titled:.2f}",
            "五律 that rhyme": "{rhyming:.0%}",
            "likelier after their own title": "{steered:.1%}",
        },
    ),
    "verse-shapes": Table(["verse"], partial(_verse, 0)),
    "verse-rules": Table(["verse"], partial(_verse, 1)),
    "verse-variety": Table(["verse"], partial(_verse, 2)),
    "verse-cost": Table(["verse"], partial(_verse, 3)),
    "masks": Table(["masks"], _masks),
    "best-of": Table(["best-of-qijue", "best-of-wulv"], _best_of),
    "samplers": Table(["samplers"], _samplers),
    "cells": Table(["cells"], _cells),
    "cells-poems": Table(["cells"], partial(_lines, "{name}: {poem}")),
    "drama": _plain(
        "drama",
        {
            "options": "{options}",
            "hardware": "{hardware}",
            "epochs": "{epochs}",
            "minutes": "{minutes}",
            "nats a character": "{nats:.3f}",
        },
    ),
    "novel": _plain(
        "novel", {"epoch": "{epoch}", "training, with dropout": "{training:.1f}", "validation": "{validation:.1f}"}
    ),
    "sequence-length": _plain(
        "sequence-length",
        {
            "cell": "{cell}",
            "sequence length": "{length}",
            "steps": "{steps:,}",
            "perplexity": "{carried:.3f}",
            "state reset before every chunk": "{reset:.3f}",
            "minutes": "{minutes:.1f}",
            "peak memory": "{memory:.2f} GB",
        },
    ),
    "training": Table(
        ["training"],
        lambda rows: markdown(
            {
                "precision": "{precision}",
                "program": "{program}",
                "tokens/s": "{tokens_per_second:,.0f}",
                "tangshi-tf is faster by": "{ratio:.2f}",
                "of the limit": "{of_limit:.0%}",
                "of the limit of its own shapes": "{of_own_limit:.0%}",
                "peak memory": "{memory:.2f} GB",
            },
            _ours(rows),
        ),
    ),
    "one-poem-at-a-time": Table(
        ["one-poem-at-a-time"],
        lambda rows: markdown(
            {
                "program": "{program}",
                "tokens/s": "{tokens_per_second:,.0f}",
                "tangshi-tf is faster by": "{ratio:.1f}",
            },
            _ours(rows),
        ),
    ),
    "corpus-size": Table(
        ["corpus-size"],
        lambda rows: markdown(
            {
                "poems": "{poems:,}",
                "tokens": "{tokens:,}",
                "seconds an epoch": "{seconds:.1f}",
                "microseconds a token": "{microseconds:.1f}",
                "peak memory": "{gigabytes:.3f} GB",
                "bytes a token more": "{bytes_more:.1f}",
            },
            [{**r, "microseconds": r["seconds"] / r["tokens"] * 1e6, "gigabytes": r["memory"] / 1e9} for r in rows],
        ),
    ),
    "generation": Table(["generation"], _generation),
    "start-up": _plain("start-up", {"what": "{what}", "seconds": "{seconds:.2f}"}),
    "ear": Table(["ear"], _ear),
    "fine-tuning": _plain(
        "fine-tuning",
        {
            "poet": "{poet}",
            "poems": "{poems:,}",
            "begun from": "{begun}",
            "learning rate": "{rate}",
            "best epoch": "{epochs}",
            "minutes": "{minutes:.1f}",
            "perplexity of the base": "{before:.2f}",
            "after": "{after:.2f}",
            "change": "{change:+.1%}",
        },
    ),
    "experiments": _plain(
        "experiments",
        {
            "run": "{run}",
            "what was run": "{what}",
            "minutes": "{minutes}",
            "validation": "{validation:.2f}{after}",
            "result": "{result}",
        },
    ),
}


def source(name: str) -> str:
    """Return where the figures of a JSON file come from, in a sentence, and its note."""
    content = load(name)
    versions = ", ".join(f"{package} {version}" for package, version in content["versions"].items())
    place = f"[{name}.json](data/{name}.json)"
    text = f"Source: {place}, from `{content['command']}` on {content['hardware']}; {versions}; {content['date']}. "
    return _filled(text + content["note"])


def _filled(text: str) -> str:
    """Return a paragraph in lines; a percent sign stays beside its number."""
    bound = text.strip().replace(" %", "\xa0%")
    return textwrap.fill(bound, 120, break_long_words=False, break_on_hyphens=False).replace("\xa0", " ")


def rewritten(page: str) -> str:
    """Return the text of a page with its tables and sources as the JSON files give them.

    Raises:
        KeyError: a table that is not one of TABLES.
        OSError: a source that is no file of data/.
    """

    def block(match: re.Match[str]) -> str:
        kind, name, line = match.groups()
        if kind == "source":
            text = source(name)
        else:
            table = TABLES[name]
            text = table.of([row for file in table.files for row in load(file)["rows"]])
        return f"{kind}: {name}{line}\n{text}\n\n"

    return _BLOCK.sub(block, page)


def main() -> None:
    """Rewrite or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, nargs="*", default=sorted(PAGES.glob("*.md")), help="all by default")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a page differs")
    options = parser.parse_args()
    different = []
    for path in options.pages:
        page = path.read_text(encoding="utf-8")
        new = rewritten(page)
        if new != page:
            different.append(path.name)
            if not options.check:
                path.write_text(new, encoding="utf-8")
    if options.check and different:
        sys.exit(f"Error: Tables differ from data/ in {', '.join(different)}. Run python docs/results/tables.py.")
    print(f"Rewritten: {', '.join(different)}." if different else "All tables are those of data/.")


if __name__ == "__main__":
    main()
