"""Build data/traditional.tsv from the npm package chinese-poetry 2.0.1, and print how often it errs.

    npm pack chinese-poetry@2.0.1
    python data/build_traditional.py chinese-poetry-2.0.1.tgz

The source is traditional, and the corpus its simplified form, character by character: each pair is counted, and, of
characters with several forms, the neighbours of each form. Mere variants (劒 of 劍) are not counted.

The figures printed are of every tenth poem, by a table of the other nine; the file is of all. The same tarball gives
the same bytes.
"""

import argparse
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from build_corpus import OLD_VARIANTS, read_records, simplify

from tangshi_tf.corpus.cleaning import HAN
from tangshi_tf.shipped import find_resource
from tangshi_tf.verse.traditional import Table, parse_table, to_traditional

FILE = Path(__file__).resolve().parent / "traditional.tsv"
# Variants of a common form: those that the corpus folds, and more.
VARIANTS = {pair[0] for pair in OLD_VARIANTS.split()} | set("峯迴却歎溼荆遶挂悽絃箇綵谿逕栖汎迹閒")
IS_HAN = re.compile(f"[{HAN}]")
LEAST = 0.01  # share of a character's occurrences that makes a form one of several
SEEN = 2  # times that a neighbour must have been seen


def main() -> None:
    """Build the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tarball", type=Path)
    pairs = list(aligned(parser.parse_args().tarball))
    if find_resource("data/traditional.tsv") != FILE:
        sys.exit(f"Error: an editable install is required. Received: another package in {sys.prefix}.")
    held_out = pairs[::10]
    report(parse_table(table(pair for i, pair in enumerate(pairs) if i % 10)), held_out)
    FILE.write_text(table(pairs), encoding="utf-8", newline="\n")
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes")


def aligned(tarball: Path) -> Iterator[tuple[str, str]]:
    """Yield each poem in traditional and in simplified characters, of one length."""
    for record in read_records(tarball):
        simplified = simplify(record["text"])
        if len(record["text"]) == len(simplified):  # brackets are dropped
            yield record["text"], simplified


def table(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the lines of the file: character, form, how often, and the neighbours before and after it."""
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    sides: dict[tuple[str, str, int], Counter[str]] = defaultdict(Counter)
    for traditional, simplified in pairs:
        for i, (form, char) in enumerate(zip(traditional, simplified, strict=True)):
            if form not in VARIANTS and IS_HAN.match(char):
                forms[char][form] += 1
                for side in (-1, 1):
                    if 0 <= i + side < len(simplified):
                        sides[char, form, side][simplified[i + side]] += 1
    return "".join(f"{line}\n" for char in sorted(forms) for line in lines(char, forms[char], sides))


def lines(char: str, forms: Counter[str], sides: Mapping[tuple[str, str, int], Counter[str]]) -> Iterator[str]:
    """Yield the lines of a character: none if it has no other form, neighbours if it has several."""
    least = max(SEEN, LEAST * forms.total())
    kept = [(form, count) for form, count in forms.most_common() if count >= least] or forms.most_common(1)
    if [form for form, _ in kept] == [char]:
        return
    for form, count in kept:
        seen = ([f"{near}{n}" for near, n in sorted(sides[char, form, side].items()) if n >= SEEN] for side in (-1, 1))
        beside = map("".join, seen)
        yield "\t".join([char, form, *([str(count), *beside] if len(kept) > 1 else [])])


def report(known: Table, pairs: Sequence[tuple[str, str]]) -> None:
    """Print how often the table errs on poems."""
    counts: Counter[str] = Counter()
    for traditional, simplified in pairs:
        for form, found, char in zip(traditional, to_traditional(simplified, known), simplified, strict=True):
            if form not in VARIANTS and IS_HAN.match(char):
                kind = "several forms" if len(known.get(char, ())) > 1 else "one form"
                counts[kind] += 1
                counts[f"{kind}, wrong"] += form != found
    wrong = counts["one form, wrong"] + counts["several forms, wrong"]
    total, several = counts["one form"] + counts["several forms"], counts["several forms"]
    print(f"wrong: {wrong:,} of {total:,} characters, {1e4 * wrong / total:.0f} of 10,000;", end=" ")
    print(f"of those with several forms {counts['several forms, wrong']:,} of {several:,}, ", end="")
    print(f"{100 * counts['several forms, wrong'] / several:.1f} %")


if __name__ == "__main__":
    main()
