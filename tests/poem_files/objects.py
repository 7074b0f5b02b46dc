"""Objects of JSON, Python and XML."""

import json
import random
from collections.abc import Sequence

from tangshi_tf.corpus.poems import Poem
from tangshi_tf.verse.forms import lines_of
from tests.poem_files.registry import Written, bare, couplets, file_format, is_even

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


@file_format
def json_list(poems: Sequence[Poem], source: random.Random) -> Written:
    keys = source.choice(_KEYS)
    return Written(_dumped([_object(poem, keys, source) for poem in poems], source), list(poems))


@file_format
def json_lines(poems: Sequence[Poem], source: random.Random) -> Written:
    keys = source.choice(_KEYS)
    end = source.choice(["\n", "\n\n", ",\n"])
    return Written(end.join(json.dumps(_object(poem, keys, source), ensure_ascii=False) for poem in poems), list(poems))


@file_format
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


@file_format
def json_by_title(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = list({poem.title: poem for poem in poems}.values())
    if source.random() < 0.5:
        return Written(_dumped({poem.title: poem.text for poem in poems}, source), bare(poems, title=True))
    return Written(_dumped({p.title: {"author": p.author, "content": p.text} for p in poems}, source), list(poems))


@file_format
def json_by_author(poems: Sequence[Poem], source: random.Random) -> Written:
    found: dict[str, list[Poem]] = {}
    for poem in poems:
        found.setdefault(poem.author, []).append(poem)
    value = {
        name: [{"title": poem.title, "paragraphs": couplets(poem.text)} for poem in own] for name, own in found.items()
    }
    return Written(_dumped(value, source), [poem for own in found.values() for poem in own])


@file_format
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


@file_format
def json_strings(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(lines_of(poem.text)) >= 4]
    if source.random() < 0.5:
        return Written(_dumped([poem.text for poem in poems], source), bare(poems))
    return Written(
        _dumped([f"{p.title}\n{p.author}\n" + "\n".join(couplets(p.text)) for p in poems], source), list(poems)
    )


@file_format
def json_strokes(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if is_even(poem)]
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


@file_format
def python_list(poems: Sequence[Poem], source: random.Random) -> Written:
    return Written(repr([{"title": p.title, "author": p.author, "text": p.text} for p in poems]), list(poems))


@file_format
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
