"""Tables with delimiters."""

import csv
import io
import random
from collections.abc import Sequence

from tangshi_tf.corpus.poems import Poem
from tests.poem_files.registry import Written, couplets, file_format


@file_format
def table(poems: Sequence[Poem], source: random.Random) -> Written:
    names = source.choice(
        [
            ("题目", "作者", "内容", "朝代", "序号"),
            ("title", "author", "content", "dynasty", "id"),
            ("标题", "诗人", "正文", "体裁", "编号"),
            ("Title", "Author", "Text", "Dynasty", "No"),
            ("詩題", "作者", "詩文", "時代", "序號"),
            ("诗名", "诗人", "诗句", "年代", "#"),
        ]
    )
    order = source.sample(range(5), 5)
    order = [place for place in order if place < 3 or source.random() < 0.6]
    delimiter = source.choice([",", "\t", ";", "|"])
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=delimiter,
        quoting=source.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
        lineterminator=source.choice(["\n", "\r\n"]),
    )
    writer.writerow([names[place] for place in order])
    broken = source.random() < 0.4
    for number, poem in enumerate(poems):
        text = "\n".join(couplets(poem.text)) if broken else poem.text
        row = (poem.title, poem.author, text, "唐代", str(number + 1))
        writer.writerow([row[place] for place in order])
    return Written(out.getvalue(), list(poems))


@file_format
def table_without_header(poems: Sequence[Poem], source: random.Random) -> Written:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=source.choice([",", "\t", ";"]), quoting=source.choice([csv.QUOTE_ALL, 0]))
    for number, poem in enumerate(poems):
        writer.writerow([number + 1, poem.title, poem.author, "唐", poem.text])
    return Written(out.getvalue(), list(poems))


@file_format
def markdown_table(poems: Sequence[Poem], source: random.Random) -> Written:
    rows = [f"| {poem.title} | {poem.author} | {poem.text} |" for poem in poems]
    return Written("\n".join(["| 标题 | 作者 | 内容 |", "|---|:---:|---|", *rows]), list(poems))
