"""Poems whose parts are labelled."""

import random
from collections.abc import Sequence

from tangshi_tf.corpus.poems import Poem
from tests.poem_files.registry import Written, couplets, file_format, lines_in_one_way


@file_format
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
        lines = lines_in_one_way(poem, source)
        text = source.choice(["", "\n"]) + "\n".join(lines) if len(lines) > 1 else lines[0]
        parts = [f"{names[0]}{colon}{poem.title}", f"{names[1]}{colon}{poem.author}", f"{names[2]}{colon}{text}"]
        if source.random() < 0.5:
            parts.insert(2, "朝代：唐")
        blocks.append("\n".join(parts))
    return Written(gap.join(blocks), list(poems))


@file_format
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


@file_format
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
