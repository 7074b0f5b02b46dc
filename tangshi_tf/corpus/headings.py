"""Title and author from the lines, or the words, that stand above or before a poem."""

import re
from collections.abc import Sequence

from tangshi_tf.corpus.cleaning import fold, han_only
from tangshi_tf.corpus.fields import AUTHOR, TITLE, role_of
from tangshi_tf.corpus.records import one_line
from tangshi_tf.corpus.shipped_format import shipped_authors

__all__ = ["Headings", "author_name", "is_dynasty", "is_known_author", "without_brackets"]

_DYNASTIES = (
    "先秦|周|春秋|战国|秦|两汉|西汉|东汉|汉|三国|魏晋|曹魏|魏|蜀汉|吴|西晋|东晋|晋|南北朝|南朝|北朝|刘宋|南齐|齐|梁|陈|北魏|北齐|北周|隋|"
    "初唐|盛唐|中唐|晚唐|唐|五代十国|五代|南唐|后蜀|前蜀|北宋|南宋|宋|辽|金|元|明|清|近代|近现代|现代|当代|民国"
)
_DYNASTY_NAME = rf"(?:{_DYNASTIES})[代朝末初]?"
_DYNASTY = re.compile(_DYNASTY_NAME)
_DYNASTY_BEFORE = re.compile(
    rf"^(?:[〔\[(（【「]\s*{_DYNASTY_NAME}\s*[〕\])）】」]\s*[·・•.．:：,，]?\s*|"
    rf"{_DYNASTY_NAME}(?:\s*[·・•.．:：,，/|、—-]+\s*|\s+))"
)
_DYNASTY_BEHIND = re.compile(
    rf"\s*(?:[〔\[(（【]\s*(?:{_DYNASTY_NAME}|[^〔\[(（【]*\d[^〕\])）】]*)\s*[〕\])）】]|[·・,，\s]+{_DYNASTY_NAME})$"
)
_ROLE_BEHIND = re.compile(r"\s*(?:著|作|撰|诗|之作)$")
_LEADING = re.compile(r"^(?:[#>*=+•●▪■◆◇☆★※_~`-]+\s*|—+\s*)+")
_TRAILING = re.compile(r"\s*(?:[=-]>|→|[#*=_~`:：|/-]+|—+|[①-⓿]|[\[［]\d{1,3}[\]］])+$")
_NUMBER = re.compile(
    r"^(?:[(（\[【]?\d{1,6}[)）\]】.、．:：]\s*|[(（\[【][一二三四五六七八九十百零〇]{1,5}[)）\]】]\s*|[一二三四五六七八九十百零〇]{1,5}[.、．]\s*|"
    r"第\s*[0-9一二三四五六七八九十百]+\s*[首篇][:：、.]?\s*|\d{1,6}\s+)"
)
_ENCLOSED = re.compile(
    r"^(?:[《〈<＜‹«]([^《〈<＜‹«》〉>＞›»]*)[》〉>＞›»]|【([^【】]*)】|〖([^〖〗]*)〗|「([^「」]*)」|『([^『』]*)』|\[([^\[\]]*)\]|"
    r"“([^“”]*)”|\"([^\"]*)\"|\{([^{}]*)\})$"
)
_BOOK_MARKS = re.compile(r"^(.*?)\s*《((?:[^《》]|《[^《》]*》)+)》\s*(.*)$")
_BRACKET_END = re.compile(r"^(.+?)\s*(?:（([^（）]*)）|\(([^()]*)\)|\[([^\[\]]*)\]|【([^【】]*)】|〔([^〔〕]*)〕)$")
_BETWEEN = re.compile(
    r"\s*(?:—{1,2}|--+|[|｜/／\t]+|[:：]{1,2}|,|，|;|；|_|\bby\b|#+|@+|\$+)\s*|\s+-\s+|\s{2,}|\u3000+"
)
_DASH = re.compile(r"\s*[·・•—–-]+\s*")
_LABEL = re.compile(r"(?:^|(?<=[\s,，;；|]))([A-Za-z_ ]{2,12}|[\u4e00-\u9fff]{1,2}\s?[\u4e00-\u9fff]{1,2})\s*[:：=]\s*")
_FEW = 4  # headings, too few to count what is usual among them
_COUNT = re.compile("其?[一二三四五六七八九十百千0-9]+首?|[上中下]|又|再|前|后|其.")

_SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史"
    "顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文施陶柳岑屈骆虞储权贯齐寒元祖綦戎包皮温韦鱼颜殷严裴"
    "令皇欧司上长独"  # the first halves of double ones, such as 令狐
)


def is_known_author(name: str) -> bool:
    """Tell whether a name is that of a poet of the corpus in the package."""
    return fold(name) in shipped_authors()


def is_dynasty(text: str) -> bool:
    """Tell whether a text names a dynasty, such as 唐 or 宋代."""
    return bool(_DYNASTY.fullmatch(fold(text)))


def author_name(text: str) -> str:
    """Return the name of a poet without his dynasty and dates; ``""`` if it is no name.

    Example:
        >>> author_name("〔唐〕李白"), author_name("杜甫（712－770）"), author_name("夜宿山寺有怀")
        ('李白', '杜甫', '')
    """
    name = text.strip()
    folded = fold(name)
    if folded in shipped_authors():
        return name
    before = _DYNASTY_BEFORE.match(folded)
    name = name[before.end() :] if before else name
    behind = _DYNASTY_BEHIND.search(fold(name))
    name = name[: behind.start()] if behind and behind.start() else name
    role = None if is_known_author(name) else _ROLE_BEHIND.search(fold(name))
    if role and (is_known_author(name[: role.start()]) or before):
        name = name[: role.start()]
    name = name.strip(" 　·・:：—-")
    if is_known_author(name):
        return name
    if _COUNT.fullmatch(fold(name)) or _DYNASTY.fullmatch(fold(name)):
        return ""
    if len(name) == len(han_only(name)) and (2 <= len(name) <= 4 or (before and name)):
        return name
    return name if re.fullmatch(r"[A-Za-z][A-Za-z .'-]{1,30}", name) else ""


def _has_surname(name: str) -> bool:
    return bool(name) and (is_known_author(name) or (len(name) in (2, 3) and fold(name)[0] in _SURNAMES))


def _undecorated(line: str) -> str:
    """Return a heading without marks of lists and headings, numbers and brackets around it."""
    text = _TRAILING.sub("", _LEADING.sub("", line.strip())).strip()
    shorter = _NUMBER.sub("", text)
    text = shorter or text
    return _TRAILING.sub("", _LEADING.sub("", text)).strip()


def without_brackets(text: str) -> str:
    """Return a title without the brackets or quotation marks around all of it.

    Example:
        >>> [without_brackets(text) for text in ("《静夜思》", "读《离骚》", "《关雎》和《蒹葭》")]
        ['静夜思', '读《离骚》', '《关雎》和《蒹葭》']
    """
    found = _ENCLOSED.match(text)
    return next(part for part in found.groups() if part is not None).strip() if found else text


class Headings:
    """Reads the headings of one file alike.

    Args:
        headings: of every poem, the lines above it, or what stands before it in its line.
    """

    def __init__(self, headings: Sequence[Sequence[str]]) -> None:
        """See the class."""
        sizes = [len(lines) for lines in headings if lines]
        self._size = max(set(sizes), key=lambda size: (sizes.count(size), -size)) if sizes else 0
        shapes = [self._parts(lines) for lines in headings if lines]
        pairs = [parts for parts in shapes if len(parts) == 2]
        first = sum(is_known_author(author_name(one)) and not is_known_author(other) for one, other in pairs)
        second = sum(is_known_author(author_name(other)) and not is_known_author(one) for one, other in pairs)
        self._author_first = first > 2 * second
        words = [parts[0].split() for parts in shapes if len(parts) == 1]
        named = sum(len(own) > 1 and _has_surname(author_name(own[-1])) for own in words)
        self._author_last_word = named > 0.6 * len(words)
        self._any_author_last = len(words) < _FEW or named > 0.4 * len(words)
        leading = sum(len(own) > 1 and is_known_author(author_name(own[0])) for own in words)
        self._author_first_word = leading > 0.6 * len(words) and leading > named

    def read(self, lines: Sequence[str]) -> tuple[str, str]:
        """Return title and author of one poem; either may be empty."""
        labelled = self._labels(lines)
        if labelled:
            return labelled
        parts = self._parts(lines)
        if not parts:
            return "", ""
        if len(parts) == 1:
            title, author = self._one(parts[0])
        else:
            title, author = self._several(parts)
        return one_line(without_brackets(title)), one_line(author)

    def _parts(self, lines: Sequence[str]) -> list[str]:
        """Return the parts of a heading, undecorated; of one longer than usual the last ones."""
        own = [text for line in lines if (text := _undecorated(line))]
        least = 1 if len(own) < 3 else 0  # of two lines the first is a title, even if it names a dynasty
        own = [
            text for i, text in enumerate(own) if i < least or not _DYNASTY.fullmatch(fold(without_brackets(text)))
        ] or own
        if self._size and len(own) > self._size:
            own = own[-self._size :]
        if len(own) == 1:
            found = [part for part in _BETWEEN.split(own[0]) if part and part.strip()]
            if 1 < len(found) < 4 and not _BOOK_MARKS.match(own[0]):
                found = [part for part in found if not _DYNASTY.fullmatch(fold(without_brackets(part.strip())))]
                if len(found) == 1 or any(author_name(without_brackets(part)) for part in found):
                    return [part.strip() for part in found]
        return own

    @staticmethod
    def _labels(lines: Sequence[str]) -> tuple[str, str] | None:
        """Return what labels such as 标题： and 作者： say."""
        found: dict[str, str] = {}
        for line in lines:
            text = _undecorated(line)
            places = [place for place in _LABEL.finditer(text) if role_of(place[1])]
            ends = [*(place.start() for place in places[1:]), len(text)]
            for place, end in zip(places, ends, strict=False):
                found.setdefault(role_of(place[1]), text[place.end() : end].strip(" ,，;；|"))
            if not places and TITLE not in found:
                found.setdefault("first", text)
        if not {TITLE, AUTHOR} & set(found):
            return None
        title = found.get(TITLE, found.get("first", ""))
        author = found.get(AUTHOR, "")
        return one_line(without_brackets(title)), one_line(author_name(without_brackets(author)) or author)

    def _one(self, text: str) -> tuple[str, str]:
        """Part one line into title and author."""
        book = _BOOK_MARKS.match(text)
        if book:
            around = [author_name(without_brackets(part.strip(" 　—-:：·（）()"))) for part in (book[1], book[3])]
            if any(around) or not (book[1] or book[3]):
                return book[2], next(filter(None, around), "")
        bracket = _BRACKET_END.match(text)
        if bracket:
            inside = next(part for part in bracket.groups()[1:] if part is not None)
            name = author_name(inside)
            if name and (is_known_author(name) or _has_surname(name) or name != inside.strip()):
                return bracket[1], name
        return self._by_words(text)

    def _takes_last(self, name: str) -> bool:
        """Tell whether the last word of a heading, which may be a name, is the author's."""
        return self._author_last_word or (self._any_author_last and is_known_author(name))

    def _by_words(self, text: str) -> tuple[str, str]:
        words = text.split()
        if len(words) > 1:
            places = [place for place in (len(words) - 1, len(words) - 2) if place > 0]
            for place in places:  # 唐 李白, or a name of two words
                name = author_name(" ".join(words[place:]))
                if name and (is_known_author(name) or place == places[0]) and self._takes_last(name):
                    if self._author_first_word and is_known_author(author_name(words[0])):
                        break
                    kept = [
                        w
                        for i, w in enumerate(words[:place])
                        if not i or not _DYNASTY.fullmatch(fold(without_brackets(w)))
                    ]
                    return " ".join(kept), name
            if self._author_first_word and author_name(words[0]):
                return " ".join(words[1:]), author_name(words[0])
        for found in reversed(list(_DASH.finditer(text))):
            name = author_name(text[found.end() :])
            if found.start() and is_known_author(name):
                title = text[: found.start()]
                return _DASH.sub("", _DYNASTY_BEHIND.sub("", title)) or title, name
            first = author_name(text[: found.start()])
            if is_known_author(first) and text[found.end() :]:
                return text[found.end() :], first
        return text, ""

    def _several(self, parts: Sequence[str]) -> tuple[str, str]:
        """Tell title and author among lines, or parts of a line."""
        opened = [without_brackets(part) for part in parts]
        if self._author_first and author_name(opened[0]):
            return " ".join(opened[1:2]), author_name(opened[0])
        rest = [author_name(part) for part in opened[1:]]
        known = next((name for name in rest if is_known_author(name)), "")
        author = known or next(filter(None, rest), "")
        if author:
            return opened[0], author
        title, author = self._one(parts[0])
        return title, author
