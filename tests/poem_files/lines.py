"""Poems in lines of plain text: one poem a line, with or without what stands before it."""

import random
from collections.abc import Sequence

from tangshi_tf.corpus.poems import Poem
from tangshi_tf.verse.forms import lines_of
from tests.poem_files.registry import Written, bare, file_format, is_even, pieces


@file_format
def one_a_line(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(lines_of(poem.text)) >= 4]
    return Written("\n".join(poem.text for poem in poems), bare(poems))


@file_format
def title_colon(poems: Sequence[Poem], source: random.Random) -> Written:
    colon = source.choice([":", "：", ": ", "： "])
    return Written("\n".join(poem.title + colon + poem.text for poem in poems), bare(poems, title=True))


@file_format
def title_space(poems: Sequence[Poem], source: random.Random) -> Written:
    space = source.choice([" ", "\t", "　", "  "])
    return Written("\n".join(poem.title + space + poem.text for poem in poems), bare(poems, title=True))


@file_format
def title_author_space(poems: Sequence[Poem], source: random.Random) -> Written:
    space = source.choice([" ", "\t", "　", "|", " | ", "::", "##"])
    rows = [space.join([poem.title, poem.author, poem.text]) for poem in poems]
    return Written("\n".join(rows), list(poems))


@file_format
def author_title_text(poems: Sequence[Poem], source: random.Random) -> Written:
    space = source.choice(["\t", "|", "||"])
    rows = [space.join([poem.author, poem.title, poem.text]) for poem in poems]
    return Written("\n".join(rows), list(poems))


@file_format
def spaces_for_marks(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if is_even(poem)]
    space = source.choice([" ", "　", "/", " / "])
    titled = source.random() < 0.5
    rows = [(poem.title + "\t" if titled else "") + space.join(lines_of(poem.text)) for poem in poems]
    return Written("\n".join(rows), bare(poems, title=titled), marks=False)


@file_format
def spaced_characters(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(lines_of(poem.text)) >= 4]
    return Written("\n".join(" ".join(poem.text) for poem in poems), bare(poems))


@file_format
def numbered_lines(poems: Sequence[Poem], source: random.Random) -> Written:
    poems = [poem for poem in poems if len(lines_of(poem.text)) >= 4]
    number = source.choice(["{}. ", "{}、", "({})", "{}.", "{}\t"])
    return Written("\n".join(number.format(i + 1) + poem.text for i, poem in enumerate(poems)), bare(poems))


@file_format
def signed_below(poems: Sequence[Poem], source: random.Random) -> Written:
    sign = source.choice(["——{a}《{t}》", "—— {a}《{t}》", "--{a}《{t}》"])
    between = source.choice(["", "\n"])
    rows = [p.text + between + sign.format(a=p.author, t=p.title) for p in poems]
    return Written(source.choice(["\n", "\n\n"]).join(rows), list(poems))


@file_format
def half_width(poems: Sequence[Poem], source: random.Random) -> Written:
    table = str.maketrans("，。？！；：", ",.?!;:")
    space = source.choice(["", " "])
    rows = [p.title + ":" + "".join(piece.translate(table) + space for piece in pieces(p.text)).strip() for p in poems]
    return Written("\n".join(rows), bare(poems, title=True))
