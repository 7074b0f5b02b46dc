"""Names of columns and fields to what they hold: a title, an author, a text, one line of it, or something else."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from tangshi_tf.corpus.cleaning import fold
from tangshi_tf.errors import CorpusError

__all__ = [
    "AUTHOR",
    "KNOWN_TEXTS",
    "LINE",
    "OTHER",
    "SPLIT",
    "TEXT",
    "TITLE",
    "is_exact",
    "is_header",
    "no_text",
    "role_of",
]

TITLE, AUTHOR, TEXT, LINE, SPLIT, OTHER = "title", "author", "text", "line", "split", "other"

KNOWN_TEXTS = ("content", "text", "body", "para", "paragraphs", "poem", "内容", "正文", "诗文", "原文")
"""Names of a text that errors give as examples."""

_NAMES = {
    TITLE: (
        "title titles rhythmic name poemname poemtitle chapter heading headline subject cipai "
        "题目 标题 题 诗题 题名 诗名 篇名 名称 名字 词牌 词牌名 曲牌 曲牌名 诗歌名称 诗词名称 诗词名 作品 "
        "作品名 作品名称 诗歌题目 篇目 timu biaoti"
    ),
    AUTHOR: (
        "author authors poet writer by authorname poetname creator "
        "作者 诗人 词人 作家 撰者 作者名 作者姓名 姓名 创作者 著者 诗人姓名 zuozhe"
    ),
    TEXT: (
        "content contents text texts para paras paragraph paragraphs body poem poems poetry verse verses "
        "lines sentences "
        "stanzas fulltext poemtext poemcontent shici neirong zhengwen strophes poetrycontent rawtext contenttext "
        "内容 正文 诗文 诗句 诗 诗歌 诗词 词 原文 全文 文本 文 本文 诗歌内容 诗词内容 诗内容 诗歌正文 "
        "诗词正文 诗词原文 诗歌原文 句子"
    ),
    SPLIT: "split",
    OTHER: (
        "id no number index idx key num count length type kind form genre style dynasty era period year date tag tags "
        "note notes comment comments translation appreciation background source url link section volume category "
        "keywords collection likes biography prologue strains subchapter desc description abstract intro collection "
        "star score rank language lang "
        "序号 编号 号 行号 朝代 时代 年代 体裁 体 诗体 类型 类别 分类 形式 标签 注释 注 注解 译文 翻译 赏析 "
        "备注 出处 来源 链接 卷 部 "
        "字数 简介 背景 评论 评析 韵 韵部 韵脚 格律 平仄 年份 日期 关键词 创作背景 作者简介 拼音 书名 集 别集"
    ),
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
_LINE = re.compile(
    ""
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
    plain = _DECORATION.sub("", fold(name)).lower().replace("，", "")
    bare = re.sub("[_-]", "", plain)
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
    return re.sub("[_-]", "", _DECORATION.sub("", fold(name)).lower()) in _ROLES


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
        f"The text of the poems is required under a name such as {', '.join(KNOWN_TEXTS)}. "
        f"Received the {parts} {received}"
    )
