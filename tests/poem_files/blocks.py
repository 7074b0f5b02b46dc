"""Poems in several lines of plain text: under titles, between blank lines, in books."""

import random
from collections.abc import Sequence

from tangshi_tf.corpus.poems import Poem
from tangshi_tf.verse.forms import lines_of
from tests.poem_files.registry import Written, bare, couplets, file_format, is_even, lines_in_one_way, pieces


@file_format
def title_and_blank_lines(poems: Sequence[Poem], source: random.Random) -> Written:
    gap = "\n" * source.choice([2, 3, 4])
    return Written(
        gap.join("\n".join([poem.title, *lines_in_one_way(poem, source)]) for poem in poems), bare(poems, title=True)
    )


@file_format
def title_author_lines(poems: Sequence[Poem], source: random.Random) -> Written:
    gap, indent = "\n" * source.choice([2, 3]), source.choice(["", "　　", "    ", "\t"])
    blocks = [
        "\n".join([poem.title, poem.author, *(indent + line for line in lines_in_one_way(poem, source))])
        for poem in poems
    ]
    return Written(gap.join(blocks), list(poems))


@file_format
def titles_without_blank_lines(poems: Sequence[Poem], source: random.Random) -> Written:
    blocks = ["\n".join([poem.title, poem.author, *lines_in_one_way(poem, source)]) for poem in poems]
    return Written("\n".join(blocks), list(poems))


@file_format
def double_spaced(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(lines_of(poem.text)) <= 8]
    blocks = ["\n\n".join([poem.title, poem.author, *lines_in_one_way(poem, source)]) for poem in poems]
    return Written(("\n" * source.choice([2, 3, 4])).join(blocks), list(poems))


@file_format
def blocks_without_titles(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(couplets(poem.text)) > 1]
    lines = source.choice([couplets, pieces])
    return Written("\n\n".join("\n".join(lines(poem.text)) for poem in poems), bare(poems))


@file_format
def without_marks(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if is_even(poem)]
    blocks = ["\n".join([poem.title, poem.author, *lines_of(poem.text)]) for poem in poems]
    return Written("\n\n".join(blocks), list(poems), marks=False)


@file_format
def without_marks_and_titles(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if is_even(poem)]
    return Written("\n\n".join("\n".join(lines_of(poem.text)) for poem in poems), bare(poems), marks=False)


@file_format
def markdown(poems: Sequence[Poem], source: random.Random) -> Written:
    level, author = (
        source.choice(["#", "##", "###"]),
        source.choice(["{}", "*{}*", "**{}**", "> {}", "作者：{}", "〔唐〕{}"]),
    )
    blocks = [
        f"{level} {poem.title}\n\n{author.format(poem.author)}\n\n" + "  \n".join(lines_in_one_way(poem, source))
        for poem in poems
    ]
    return Written("\n\n".join(blocks) + "\n", list(poems))


@file_format
def author_in_brackets(poems: Sequence[Poem], source: random.Random) -> Written:
    left, right = source.choice([("（", "）"), ("(", ")"), ("[", "]"), ("【", "】"), ("〔", "〕")])
    dynasty = source.choice(["", "唐·", "唐代 ", "唐　"])
    blocks = [
        "\n".join([f"{poem.title}{left}{dynasty}{poem.author}{right}", *lines_in_one_way(poem, source)])
        for poem in poems
    ]
    return Written("\n\n".join(blocks), list(poems))


@file_format
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
    blocks = ["\n".join([head.format(t=poem.title, a=poem.author), *lines_in_one_way(poem, source)]) for poem in poems]
    return Written(source.choice(["\n\n", "\n"]).join(blocks), list(poems))


@file_format
def numbered(poems: Sequence[Poem], source: random.Random) -> Written:
    number = source.choice(["{}. ", "{}、", "({}) ", "（{}）", "{} ", "第{}首 "])
    blocks = [
        "\n".join([number.format(i + 1) + poem.title, poem.author, *lines_in_one_way(poem, source)])
        for i, poem in enumerate(poems)
    ]
    return Written("\n\n".join(blocks), list(poems))


@file_format
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


@file_format
def wrapped(poems: Sequence[Poem], source: random.Random) -> Written:
    width = source.choice([18, 20, 25, 30])
    blocks = []
    poems = [p for p in poems if is_even(p)]
    for p in poems:
        text = p.text
        lines = [text[i : i + width] for i in range(0, len(text), width)]
        blocks.append("\n".join([p.title, p.author, *lines]))
    return Written("\n\n".join(blocks), list(poems))


@file_format
def book(poems: Sequence[Poem], source: random.Random) -> Written:
    """A book with its title, chapters and rules above and between the poems."""
    rows = ["唐诗选", "", "卷一 五言", ""]
    for i, p in enumerate(poems):
        if i == len(poems) // 2:
            rows += ["卷二", ""]
        rows += [p.title, p.author, *couplets(p.text), "", *source.choice([[], ["* * *", ""], ["————————", ""]])]
    return Written("\n".join(rows), list(poems))
