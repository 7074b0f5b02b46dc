"""Files of real poems in many formats and encodings, with what a reader is to make of them."""

import csv
import io
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from tangshi_tf.corpus.cleaning import character_table, han_only
from tangshi_tf.corpus.poems import Poem, read_corpus
from tangshi_tf.verse.forms import lines_of

ENCODINGS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk", "gb2312", "hz"),
    *("big5", "cp950", "big5hkscs", "cp932", "euc_jp", "cp949"),
)
_TRADITIONAL = ("big5", "cp950", "big5hkscs", "cp932", "euc_jp", "cp949")


@dataclass(frozen=True)
class Written:
    """A file, and the poems in it.

    Attributes:
        text: of the file.
        poems: what it says of each poem; a field that the format does not carry is empty.
        marks: whether the text of a poem has marks.
    """

    text: str
    poems: list[Poem]
    marks: bool = True


Format = Callable[[Sequence[Poem], random.Random], Written]
FORMATS: dict[str, Format] = {}


def _format(function: Format) -> Format:
    FORMATS[function.__name__.strip("_")] = function
    return function


def _bare(poems: Sequence[Poem], title: bool = False, author: bool = False) -> list[Poem]:
    return [Poem(poem.title if title else "", poem.author if author else "", poem.text) for poem in poems]


def couplets(text: str) -> list[str]:
    """Return the sentences of a poem, each with its marks."""
    return [part + text[end] for part, end in _parts(text, "。？！；")]


def pieces(text: str) -> list[str]:
    """Return the lines of a poem, each with its mark."""
    return [part + text[end] for part, end in _parts(text, "，。？！；：、")]


def _parts(text: str, ends: str) -> list[tuple[str, int]]:
    parts, start = [], 0
    for place, char in enumerate(text):
        if char in ends:
            parts.append((text[start:place], place))
            start = place + 1
    return parts


def _lines(poem: Poem, source: random.Random) -> list[str]:
    return source.choice([[poem.text], couplets(poem.text), pieces(poem.text)])


@_format
def one_a_line(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(lines_of(poem.text)) >= 4]
    return Written("\n".join(poem.text for poem in poems), _bare(poems))


@_format
def title_colon(poems: Sequence[Poem], source: random.Random) -> Written:
    colon = source.choice([":", "：", ": ", "： "])
    return Written("\n".join(poem.title + colon + poem.text for poem in poems), _bare(poems, title=True))


@_format
def title_space(poems: Sequence[Poem], source: random.Random) -> Written:
    space = source.choice([" ", "\t", "　", "  "])
    return Written("\n".join(poem.title + space + poem.text for poem in poems), _bare(poems, title=True))


@_format
def title_author_space(poems: Sequence[Poem], source: random.Random) -> Written:
    space = source.choice([" ", "\t", "　", "|", " | ", "::", "##"])
    rows = [space.join([poem.title, poem.author, poem.text]) for poem in poems]
    return Written("\n".join(rows), list(poems))


@_format
def author_title_text(poems: Sequence[Poem], source: random.Random) -> Written:
    space = source.choice(["\t", "|", "||"])
    rows = [space.join([poem.author, poem.title, poem.text]) for poem in poems]
    return Written("\n".join(rows), list(poems))


@_format
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


@_format
def table_without_header(poems: Sequence[Poem], source: random.Random) -> Written:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=source.choice([",", "\t", ";"]), quoting=source.choice([csv.QUOTE_ALL, 0]))
    for number, poem in enumerate(poems):
        writer.writerow([number + 1, poem.title, poem.author, "唐", poem.text])
    return Written(out.getvalue(), list(poems))


@_format
def title_and_blank_lines(poems: Sequence[Poem], source: random.Random) -> Written:
    gap = "\n" * source.choice([2, 3, 4])
    return Written(gap.join("\n".join([poem.title, *_lines(poem, source)]) for poem in poems), _bare(poems, title=True))


@_format
def title_author_lines(poems: Sequence[Poem], source: random.Random) -> Written:
    gap, indent = "\n" * source.choice([2, 3]), source.choice(["", "　　", "    ", "\t"])
    blocks = ["\n".join([poem.title, poem.author, *(indent + line for line in _lines(poem, source))]) for poem in poems]
    return Written(gap.join(blocks), list(poems))


@_format
def titles_without_blank_lines(poems: Sequence[Poem], source: random.Random) -> Written:
    blocks = ["\n".join([poem.title, poem.author, *_lines(poem, source)]) for poem in poems]
    return Written("\n".join(blocks), list(poems))


@_format
def double_spaced(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(lines_of(poem.text)) <= 8]
    blocks = ["\n\n".join([poem.title, poem.author, *_lines(poem, source)]) for poem in poems]
    return Written(("\n" * source.choice([2, 3, 4])).join(blocks), list(poems))


@_format
def blocks_without_titles(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(couplets(poem.text)) > 1]
    lines = source.choice([couplets, pieces])
    return Written("\n\n".join("\n".join(lines(poem.text)) for poem in poems), _bare(poems))


@_format
def without_marks(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if _is_even(poem)]
    blocks = ["\n".join([poem.title, poem.author, *lines_of(poem.text)]) for poem in poems]
    return Written("\n\n".join(blocks), list(poems), marks=False)


@_format
def without_marks_and_titles(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if _is_even(poem)]
    return Written("\n\n".join("\n".join(lines_of(poem.text)) for poem in poems), _bare(poems), marks=False)


@_format
def spaces_for_marks(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if _is_even(poem)]
    space = source.choice([" ", "　", "/", " / "])
    titled = source.random() < 0.5
    rows = [(poem.title + "\t" if titled else "") + space.join(lines_of(poem.text)) for poem in poems]
    return Written("\n".join(rows), _bare(poems, title=titled), marks=False)


def _is_even(poem: Poem) -> bool:
    lengths = [len(line) for line in lines_of(poem.text)]
    return len(set(lengths)) == 1 and len(lengths) % 2 == 0 and lengths[0] in (5, 7) and len(lengths) >= 4


@_format
def spaced_characters(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(lines_of(poem.text)) >= 4]
    return Written("\n".join(" ".join(poem.text) for poem in poems), _bare(poems))


@_format
def markdown(poems: Sequence[Poem], source: random.Random) -> Written:
    level, author = (
        source.choice(["#", "##", "###"]),
        source.choice(["{}", "*{}*", "**{}**", "> {}", "作者：{}", "〔唐〕{}"]),
    )
    blocks = [
        f"{level} {poem.title}\n\n{author.format(poem.author)}\n\n" + "  \n".join(_lines(poem, source))
        for poem in poems
    ]
    return Written("\n\n".join(blocks) + "\n", list(poems))


@_format
def markdown_table(poems: Sequence[Poem], source: random.Random) -> Written:
    rows = [f"| {poem.title} | {poem.author} | {poem.text} |" for poem in poems]
    return Written("\n".join(["| 标题 | 作者 | 内容 |", "|---|:---:|---|", *rows]), list(poems))


@_format
def author_in_brackets(poems: Sequence[Poem], source: random.Random) -> Written:
    left, right = source.choice([("（", "）"), ("(", ")"), ("[", "]"), ("【", "】"), ("〔", "〕")])
    dynasty = source.choice(["", "唐·", "唐代 ", "唐　"])
    blocks = ["\n".join([f"{poem.title}{left}{dynasty}{poem.author}{right}", *_lines(poem, source)]) for poem in poems]
    return Written("\n\n".join(blocks), list(poems))


@_format
def book_marks(poems: Sequence[Poem], source: random.Random) -> Written:
    head = source.choice(
        [
            "{a}《{t}》",
            "《{t}》 {a}",
            "《{t}》——{a}",
            "〔唐〕{a}《{t}》",
            "《{t}》（{a}）",
            "《{t}》\n{a}",
            "《{t}》\n唐·{a}",
        ]
    )
    blocks = ["\n".join([head.format(t=poem.title, a=poem.author), *_lines(poem, source)]) for poem in poems]
    return Written(source.choice(["\n\n", "\n"]).join(blocks), list(poems))


@_format
def numbered(poems: Sequence[Poem], source: random.Random) -> Written:
    number = source.choice(["{}. ", "{}、", "({}) ", "（{}）", "{} ", "第{}首 "])
    blocks = [
        "\n".join([number.format(i + 1) + poem.title, poem.author, *_lines(poem, source)])
        for i, poem in enumerate(poems)
    ]
    return Written("\n\n".join(blocks), list(poems))


@_format
def numbered_lines(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(lines_of(poem.text)) >= 4]
    number = source.choice(["{}. ", "{}、", "({})", "{}.", "{}\t"])
    return Written("\n".join(number.format(i + 1) + poem.text for i, poem in enumerate(poems)), _bare(poems))


@_format
def labels(poems: Sequence[Poem], source: random.Random) -> Written:
    names = source.choice(
        [
            ("标题", "作者", "内容"),
            ("题目", "诗人", "正文"),
            ("title", "author", "text"),
            ("Title", "Author", "Content"),
        ]
    )
    colon = source.choice(["：", ":", ": "])
    gap = source.choice(["\n", "\n\n", "\n----------\n"])
    blocks = []
    for poem in poems:
        lines = _lines(poem, source)
        text = source.choice(["", "\n"]) + "\n".join(lines) if len(lines) > 1 else lines[0]
        parts = [f"{names[0]}{colon}{poem.title}", f"{names[1]}{colon}{poem.author}", f"{names[2]}{colon}{text}"]
        if source.random() < 0.5:
            parts.insert(2, "朝代：唐")
        blocks.append("\n".join(parts))
    return Written(gap.join(blocks), list(poems))


@_format
def yaml(poems: Sequence[Poem], source: random.Random) -> Written:
    blocks = []
    quote = source.choice(["", '"', "'"])
    for poem in poems:
        head = f"- title: {quote}{poem.title}{quote}\n  author: {quote}{poem.author}{quote}\n"
        lines = couplets(poem.text)
        body = source.choice(
            [
                "  content: |\n" + "".join(f"    {line}\n" for line in lines),
                "  paragraphs:\n" + "".join(f"    - {line}\n" for line in lines),
                f"  text: {quote}{poem.text}{quote}\n",
            ]
        )
        blocks.append(head + body)
    return Written("".join(blocks), list(poems))


@_format
def toml(poems: Sequence[Poem], source: random.Random) -> Written:
    blocks = [
        f'[[poem]]\ntitle = "{poem.title}"\nauthor = "{poem.author}"\n'
        + source.choice(
            [
                f'text = "{poem.text}"\n',
                "lines = [" + ", ".join(f'"{line}"' for line in couplets(poem.text)) + "]\n",
                'text = """\n' + "\n".join(couplets(poem.text)) + '\n"""\n',
            ]
        )
        for poem in poems
    ]
    return Written("\n".join(blocks), list(poems))


_KEYS = (
    ("title", "author", "content"),
    ("title", "author", "paragraphs"),
    ("rhythmic", "author", "paragraphs"),
    ("title", "author", "para"),
    ("name", "poet", "body"),
    ("题目", "作者", "内容"),
    ("poem_title", "poem_author", "poem_content"),
    ("chapter", "author", "paragraphs"),
    ("Title", "Author", "Text"),
)


def _object(poem: Poem, keys: tuple[str, str, str], source: random.Random) -> dict[str, object]:
    text = poem.text if keys[2] in ("content", "body", "内容", "Text", "poem_content") else couplets(poem.text)
    entry: dict[str, object] = {keys[0]: poem.title, keys[1]: poem.author, keys[2]: text}
    extra = {
        "id": str(source.randrange(10**6)),
        "dynasty": "唐",
        "tags": ["五言", "写景"],
        "notes": [],
        "volume": "卷一",
    }
    entry |= {key: extra[key] for key in source.sample(sorted(extra), source.randrange(3))}
    names = source.sample(sorted(entry), len(entry))
    return {name: entry[name] for name in names}


def _dumped(value: object, source: random.Random) -> str:
    return json.dumps(value, ensure_ascii=source.random() < 0.3, indent=source.choice([None, 2, 4]))


@_format
def json_list(poems: Sequence[Poem], source: random.Random) -> Written:
    keys = source.choice(_KEYS)
    return Written(_dumped([_object(poem, keys, source) for poem in poems], source), list(poems))


@_format
def json_lines(poems: Sequence[Poem], source: random.Random) -> Written:
    keys = source.choice(_KEYS)
    end = source.choice(["\n", "\n\n", ",\n"])
    return Written(end.join(json.dumps(_object(poem, keys, source), ensure_ascii=False) for poem in poems), list(poems))


@_format
def json_wrapped(poems: Sequence[Poem], source: random.Random) -> Written:
    keys = source.choice(_KEYS)
    rows = [_object(poem, keys, source) for poem in poems]
    wrapped = source.choice(
        [
            {"poems": rows},
            {"code": 200, "data": {"total": len(rows), "list": rows}},
            {"title": "唐诗选", "content": [{"type": "五言绝句", "content": rows}]},
            [rows[: len(rows) // 2], rows[len(rows) // 2 :]],
            {str(i): row for i, row in enumerate(rows)},
            {"rows": [{"poem": row} for row in rows]},
        ]
    )
    return Written(_dumped(wrapped, source), list(poems))


@_format
def json_by_title(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = list({poem.title: poem for poem in poems}.values())
    if source.random() < 0.5:
        return Written(_dumped({poem.title: poem.text for poem in poems}, source), _bare(poems, title=True))
    return Written(_dumped({p.title: {"author": p.author, "content": p.text} for p in poems}, source), list(poems))


@_format
def json_by_author(poems: Sequence[Poem], source: random.Random) -> Written:
    found: dict[str, list[Poem]] = {}
    for poem in poems:
        found.setdefault(poem.author, []).append(poem)
    value = {
        name: [{"title": poem.title, "paragraphs": couplets(poem.text)} for poem in own] for name, own in found.items()
    }
    return Written(_dumped(value, source), [poem for own in found.values() for poem in own])


@_format
def json_columns(poems: Sequence[Poem], source: random.Random) -> Written:
    columns = {
        "title": [p.title for p in poems],
        "author": [p.author for p in poems],
        "content": [p.text for p in poems],
    }
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    value = source.choice(
        [
            columns,
            {name: {str(i): cell for i, cell in enumerate(column)} for name, column in columns.items()},
            {"columns": list(columns), "index": list(range(len(rows))), "data": rows},
            [list(columns), *rows],
            rows,
        ]
    )
    return Written(_dumped(value, source), list(poems))


@_format
def json_strings(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(lines_of(poem.text)) >= 4]
    if source.random() < 0.5:
        return Written(_dumped([poem.text for poem in poems], source), _bare(poems))
    return Written(
        _dumped([f"{p.title}\n{p.author}\n" + "\n".join(couplets(p.text)) for p in poems], source), list(poems)
    )


@_format
def json_strokes(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if _is_even(poem)]
    rows = [
        json.dumps(
            {
                "dynasty": "Tang",
                "author": p.author,
                "content": "|".join(lines_of(p.text)),
                "title": p.title,
                "keywords": "山",
            },
            ensure_ascii=False,
        )
        for p in poems
    ]
    return Written("\n".join(rows), list(poems), marks=False)


@_format
def python_list(poems: Sequence[Poem], source: random.Random) -> Written:
    return Written(repr([{"title": p.title, "author": p.author, "text": p.text} for p in poems]), list(poems))


@_format
def xml(poems: Sequence[Poem], source: random.Random) -> Written:
    rows = []
    kind = source.randrange(3)
    for p in poems:
        if kind == 0:
            rows.append(f"<poem><title>{p.title}</title><author>{p.author}</author><content>{p.text}</content></poem>")
        elif kind == 1:
            rows.append(f'<poem title="{p.title}" author="{p.author}">{p.text}</poem>')
        else:
            body = "".join(f"<line>{line}</line>" for line in couplets(p.text))
            rows.append(f"<poem>\n<title>{p.title}</title>\n<author>{p.author}</author>\n<text>{body}</text>\n</poem>")
    head = source.choice(["", '<?xml version="1.0" encoding="UTF-8"?>\n'])
    return Written(head + "<poems>\n" + "\n".join(rows) + "\n</poems>", list(poems))


@_format
def signed_below(poems: Sequence[Poem], source: random.Random) -> Written:
    sign = source.choice(["——{a}《{t}》", "—— {a}《{t}》", "--{a}《{t}》"])
    between = source.choice(["", "\n"])
    rows = [p.text + between + sign.format(a=p.author, t=p.title) for p in poems]
    return Written(source.choice(["\n", "\n\n"]).join(rows), list(poems))


@_format
def half_width(poems: Sequence[Poem], source: random.Random) -> Written:
    table = str.maketrans("，。？！；：", ",.?!;:")
    space = source.choice(["", " "])
    rows = [p.title + ":" + "".join(piece.translate(table) + space for piece in pieces(p.text)).strip() for p in poems]
    return Written("\n".join(rows), _bare(poems, title=True))


@_format
def word_processor(poems: Sequence[Poem], source: random.Random) -> Written:
    """Title and author centred by spaces, indented lines, odd spaces and line separators."""
    end = source.choice(["\r\n", "\u2028", "\v\n", "\n"])
    rows = []
    for p in poems:
        rows += ["　" * source.randrange(8) + p.title, " " * source.randrange(12) + p.author]
        rows += [
            source.choice(["　　", "\xa0\xa0", "\u3000\u3000"]) + line + source.choice(["", " ", "　"])
            for line in couplets(p.text)
        ]
        rows += [""] * source.randrange(1, 3)
    return Written(end.join(rows), list(poems))


@_format
def wrapped(poems: Sequence[Poem], source: random.Random) -> Written:
    width = source.choice([18, 20, 25, 30])
    blocks = []
    poems = [p for p in poems if _is_even(p)]
    for p in poems:
        text = p.text
        lines = [text[i : i + width] for i in range(0, len(text), width)]
        blocks.append("\n".join([p.title, p.author, *lines]))
    return Written("\n\n".join(blocks), list(poems))


@_format
def book(poems: Sequence[Poem], source: random.Random) -> Written:
    """A book with its title, chapters and rules above and between the poems."""
    rows = ["唐诗选", "", "卷一 五言", ""]
    for i, p in enumerate(poems):
        if i == len(poems) // 2:
            rows += ["卷二", ""]
        rows += [p.title, p.author, *couplets(p.text), "", *source.choice([[], ["* * *", ""], ["————————", ""]])]
    return Written("\n".join(rows), list(poems))


@cache
def _pool() -> list[Poem]:
    plain = []
    for poem in read_corpus().poems():
        title = poem.title.replace(" ", "")
        if 0 < len(title) <= 20 and title == han_only(title) and len(poem.text) <= 200 and len(poem.author) in (2, 3):
            plain.append(poem)
    return plain


@cache
def _traditional() -> dict[int, str]:
    table: dict[int, str] = {}
    for variant, simplified in character_table().items():
        if han_only(variant):
            try:
                variant.encode("big5")
            except UnicodeEncodeError:
                continue
            table.setdefault(ord(simplified), variant)
    return table


def _changed(poem: Poem, traditional: bool) -> Poem:
    if not traditional:
        return poem
    table = _traditional()
    return Poem(*(part.translate(table) for part in (poem.title, poem.author, poem.text)))


def draw(source: random.Random, name: str, encoding: str) -> tuple[bytes, Written] | None:
    """Return a file of a few poems, and what is in it; None if the encoding has no sign for a mark of the format."""
    traditional = encoding in _TRADITIONAL or (encoding not in ("gb2312", "hz") and source.random() < 0.2)
    poems: list[Poem] = []
    count = source.choice([2, 3, 5, 20])
    while len(poems) < count:
        poem = _changed(source.choice(_pool()), traditional)
        try:
            (poem.title + poem.author + poem.text).encode(encoding)
        except UnicodeEncodeError:
            continue
        if poem.text not in {other.text for other in poems}:
            poems.append(poem)
    written = FORMATS[name](poems, source)
    try:
        return written.text.encode(encoding), written
    except UnicodeEncodeError:
        return None
