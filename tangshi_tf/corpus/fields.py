"""Names of columns and fields to what they hold: a title, an author, a text, one line of it, or something else."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from tangshi_tf.corpus.cleaning import fold
from tangshi_tf.errors import CorpusError

__all__ = [
    "AUTHOR",
    "LINE",
    "OTHER",
    "SPLIT",
    "TEXT",
    "TITLE",
    "is_exact",
    "is_header",
    "names_poem",
    "no_text",
    "rank_of",
    "role_of",
    "roles_of",
]

TITLE, AUTHOR, TEXT, LINE, SPLIT, OTHER = "title", "author", "text", "line", "split", "other"

# Of several titles or texts the one whose name stands first here decides: the 花间集 has a rhythmic and a title, the
# 诗经 a chapter and a title.
_NAMES = {
    TITLE: (
        "title 题目 标题 poemtitle poemname 诗题 题名 诗名 篇名 诗歌题目 诗词名称 诗词名 诗歌名称 作品名称 作品名 "
        "篇目 timu biaoti titles 题 作品 rhythmic 词牌 词牌名 cipai 曲牌 曲牌名 name 名称 名字 chapter heading head "
        "headline subject"
    ),
    TEXT: (
        "paragraphs content contents text para body 内容 正文 诗文 原文 texts paras paragraph lines sentences stanzas "
        "strophes fulltext poemtext poemcontent poetrycontent rawtext contenttext neirong zhengwen verses 诗句 全文 "
        "文本 本文 诗歌内容 诗词内容 诗内容 诗歌正文 诗词正文 诗词原文 诗歌原文 句子 "
        "poem poems poetry verse shici 诗 诗歌 诗词 词 文"
    ),
    AUTHOR: (
        "author authors poet writer by byline authorname poetname creator "
        "作者 诗人 词人 作家 撰者 作者名 作者姓名 姓名 创作者 著者 诗人姓名 zuozhe"
    ),
    SPLIT: "split",
    OTHER: (
        "id no number index idx key num count length type kind form genre style dynasty era period year date tag tags "
        "note notes comment comments translation appreciation background source url link section volume category "
        "keywords collection likes biography prologue strains subchapter desc description abstract intro "
        "star score rank language lang "
        "序号 编号 号 行号 朝代 时代 年代 体裁 体 诗体 类型 类别 分类 形式 标签 注释 注 注解 译文 翻译 赏析 "
        "备注 出处 来源 链接 卷 部 "
        "字数 简介 背景 评论 评析 韵 韵部 韵脚 格律 平仄 年份 日期 关键词 创作背景 作者简介 拼音 书名 集 别集"
    ),
}
_ORDER = [*_NAMES[TITLE].split(), *_NAMES[TEXT].split()]
_POEMS = frozenset(_ORDER[_ORDER.index("poem") :])  # beside the name of a text they stand for the title
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
_LINE = re.compile(
    "(?:line|verse|sentence|ju)[0-9]{1,2}|第[0-9一二三四五六七八九十]+句|[首颔颈尾]联|[起承转合]句|句[0-9一二三四五六七八九十]+"
)
# Words inside a longer name, the first that is found.
_WORDS = (
    (OTHER, "简介 译 注 赏 拼音 评 背景 trans note intro bio pinyin comment count length url id_ _id 字数 desc"),
    (TITLE, "标题 题目 篇名 title rhythmic"),
    (AUTHOR, "作者 诗人 author poet_name"),
    (TEXT, "内容 正文 原文 诗文 诗句 content paragraph fulltext full_text text"),
)
_LONGEST_CHINESE = 6  # characters; longer ones are titles of poems
_LONGEST_NAME = 20
_EXAMPLES = 10  # names that an error gives
_MOST_RECEIVED = 200  # characters of an error for names
_OF_INDEXED = (",", "\t")  # delimiters of tables with an index
_DECORATION = re.compile(r"[\s\"'“”‘’:：*#`《》【】\[\]]+")


@lru_cache(maxsize=4_096)
def role_of(name: str) -> str:
    """Return what a column or field of this name holds; ``""`` if that is not known.

    Example:
        >>> [role_of(name) for name in ("題目", "Author", "paragraphs", "朝代", "x")]
        ['title', 'author', 'text', 'other', '']
    """
    if len(name) > _LONGEST_NAME:
        return ""
    plain = _plain(name)
    bare = _bare(name)
    if bare in _ROLES:
        return _ROLES[bare]
    if _LINE.fullmatch(bare):
        return LINE
    for role, words in _WORDS if name.isascii() or len(bare) <= _LONGEST_CHINESE else ():
        if any(word in plain for word in words.split()):
            return role
    return ""


def is_exact(name: str) -> bool:
    """Tell whether a name is one of the table, and not only alike."""
    return _bare(name) in _ROLES


def _plain(name: str) -> str:
    return _DECORATION.sub("", fold(name)).lower().replace("，", "")


def _bare(name: str) -> str:
    return re.sub("[_-]", "", _plain(name))


def names_poem(name: str) -> bool:
    """Tell whether a name is a word for a poem, which may head its text as well as its title."""
    return _bare(name) in _POEMS


def roles_of(names: Sequence[str]) -> list[str]:
    """Return what columns or fields beside each other hold.

    A word for a poem beside the name of a text stands for the title, if nothing else does.

    Example:
        >>> roles_of(["诗", "作者", "内容"]), roles_of(["诗", "作者"])
        (['title', 'author', 'text'], ['text', 'author'])
    """
    roles = [role_of(name) for name in names]
    poems = [place for place, name in enumerate(names) if names_poem(name)]
    if poems and TITLE not in roles and roles.count(TEXT) > len(poems):
        roles[poems[0]] = TITLE
    return roles


def rank_of(name: str) -> int:
    """Return the place of a name among those of its role, the lowest that of the most telling one.

    Example:
        >>> sorted(["poem", "body", "content"], key=rank_of), sorted(["rhythmic", "title"], key=rank_of)
        (['content', 'body', 'poem'], ['title', 'rhythmic'])
    """
    bare = _bare(name)
    return _ORDER.index(bare if bare in _ORDER else "poem") + (bare in _POEMS)


def is_header(row: Sequence[str], delimiter: str = ",") -> bool:
    """Tell whether a row has names of columns, among them that of a text.

    One name alone is a heading more often than a header, but beside an empty cell above an index, as pandas writes it.
    """
    if any(len(cell) > _LONGEST_NAME for cell in row):
        return False
    roles = [role_of(cell.strip()) for cell in row]
    known = sum(map(bool, roles))
    indexed = len(row) > 1 and not row[0].strip() and delimiter in _OF_INDEXED
    return (
        (TEXT in roles or roles.count(LINE) > 1)
        and (known > 1 or indexed)
        and 2 * known >= len([cell for cell in row if cell.strip()])
    )


def no_text(parts: str, names: Iterable[str]) -> CorpusError:
    """Return the error for columns, fields or elements of which none has a name for the text of poems."""
    received = ", ".join(filter(None, names))[:_MOST_RECEIVED] or "none"
    return CorpusError(
        f"The text of the poems is required under a name such as {', '.join(_NAMES[TEXT].split()[:_EXAMPLES])}. "
        f"Received the {parts} {received}"
    )
