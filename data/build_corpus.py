"""Build data/characters.tsv and data/tangshi.tsv.xz from the npm package chinese-poetry 2.0.1.

    npm pack chinese-poetry@2.0.1
    pip install -e ".[corpus]"
    python data/build_corpus.py chinese-poetry-2.0.1.tgz

The same tarball gives the same bytes, every time.
"""

import argparse
import hashlib
import json
import lzma
import re
import sys
import tarfile
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tangshi_tf import corpus
from tangshi_tf.corpus.readers import HEADER
from tangshi_tf.shipped import find_resource
from tangshi_tf.verse.forms import FORMS, OTHER, form_of

SHA256 = "25b549e46919c3a0569db6b68ddc96956b04a484ea4518ad2bbd4f137e307e86"
FILES = range(0, 48001, 1000)  # the Quan Tangshi proper; later files are lyrics and an annotated supplement
SEED = 618  # of the frozen split: the year the Tang began
FOLDER = Path(__file__).resolve().parent

# Marks that a keyboard offers for the marks of verse.
MARKS = dict(zip(",.?!;:．｡､", "，。？！；：。。、", strict=True))

# Variants that OpenCC leaves, each beside the common character of the same reading and meaning; a pair of
# this list wins over OpenCC. Words that merely overlap (鱠 脍, 洊 荐, 媮 偷, 斲 斫) are kept apart, and so
# are 著 and 着, 沈 and 沉: the source writes the first of each in both senses.
OLD_VARIANTS = """
疎疏 踈疏 劒剑 劎剑 剱剑 剣剑 鴈雁 鳫雁 猨猿 蝯猿 慙惭 簷檐 鬬斗 鬭斗 鬪斗 闘斗 徧遍 媿愧 嬾懒 堦阶 廻回 囘回
囬回 飜翻 暎映 髪发 煖暖 煗暖 櫂棹 斾旆 藂丛 樷丛 蘂蕊 蕋蕊 蘃蕊 橤蕊 褭袅 嬝袅 臯皋 皐皋 珮佩 覩睹 桮杯 埽扫
蟇蟆 檝楫 竝并 倂并 隣邻 荅答 牋笺 髣仿 髴佛 鏁锁 鎻锁 罇樽 躭耽 緜绵 緐繁 旛幡 浄净 鼇鳌 脇胁 麤粗 麄粗 麁粗
觧解 隄堤 嵓岩 嵒岩 巗岩 粧妆 鸎莺 碁棋 醆盏 趂趁 筯箸 牓榜 懃勤 悮误 虵蛇 湌餐 飡餐 椀碗 盌碗 効效 傚效 勅敕
勑敕 謌歌 恡吝 悋吝 覔觅 蹋踏 瑇玳 鷰燕 犂犁 棃梨 壻婿 髩鬓 鬂鬓 躶裸 臝裸 搆构 穉稚 稺稚 恠怪 怳恍 寳宝 悤匆
怱匆 忩匆 窻窗 窓窗 牕窗 牎窗 韲齑 虀齑 鄽廛 妬妒 姪侄 甎砖 塼砖 煑煮 烱炯 冐冒 冺泯 寃冤 擕携 舩船 氷冰 銕铁
鉏锄 耡锄 盋钵 讐雠 懽欢 埜野 壄野 㘭坳 墖塔 塲场 臙胭 鵶鸦 鶵雏 鵞鹅 蠭蜂 蠧蠹 蝱虻 蜨蝶 螘蚁 螾蚓 蠏蟹 菓果
蔕蒂 蕚萼 莾莽 茘荔 薫薰 葢盖 蘓苏 蔾藜 凟渎 濶阔 淛浙 湏须 汚污 㴑溯 潀潨 澁涩 濇涩 澂澄 濬浚 碪砧 磵涧 礀涧
砲炮 砦寨 稬糯 稉粳 秔粳 穅糠 糢模 穽阱 竢俟 竚伫 筦管 筿筱 篴笛 箒帚 籐藤 勌倦 匄丐 匃丐 卭邛 廐厩 廏厩 敍叙
呪咒 唫吟 嗁啼 嘑呼 噉啖 啗啖 囓啮 嚬颦 圎圆 埀垂 壷壶 娬妩 媍妇 嫰嫩 孼孽 宂冗 寑寝 寘置 尅克 岅坂 峩峨 崐昆
崘仑 嶤峣 嶮险 帋纸 帬裙 幙幕 庽寓 迺乃 廼乃 弢韬 彊强 徃往 徬彷 忼慷 恊协 愬诉 憇憩 戯戏 戞戛 抝拗 拏拿 挿插
揷插 揑捏 搥捶 摠总 緫总 擧举 攷考 敺驱 昬昏 晧皓 晩晚 暦历 蹔暂 暱昵 曁暨 朖朗 柟楠 枏楠 柂舵 柁舵 栁柳 桒桑
椉乘 楳梅 槀槁 槩概 樝楂 欎郁 欝郁 欵款 歛敛 毘毗 氊毡 毬球 沍冱 涖莅 滛淫 潄漱 濳潜 烖灾 焔焰 燄焰 煕熙 熈熙
燿耀 犇奔 犲豺 狥徇 獘毙 玅妙 珎珍 瑯琅 璚琼 瓌瑰 瓈璃 缾瓶 甁瓶 畊耕 畧略 畱留 疉叠 疋匹 痺痹 瘖喑 皃貌 皷鼓
鼔鼓 睂眉 眎视 眡视 眘慎 睠眷 矙瞰 禩祀 秌秋 秊年 秪祗 秖祗 衹祗 稾稿 稁稿 窰窑 竃灶 竒奇 筭算 糺纠 縚绦 纎纤
纒缠 罸罚 羇羁 覊羁 羗羌 羮羹 翄翅 翦剪 翶翱 翺翱 聦聪 肎肯 胷胸 脃脆 膓肠 臋臀 艣橹 艶艳 莭节 葅菹 虗虚 啣衔
襃褒 襍杂 韈袜 韤袜 覇霸 覰觑 譌讹 諠喧 讁谪 讌宴 䜩宴 醼宴 貎貌 賸剩 赱走 趍趋 踘鞠 蹏蹄 躳躬 輙辄 輭软 轝舆
辠罪 辝辞 辤辞 迊匝 迯逃 逈迥 逺远 遯遁 邨村 酧酬 醻酬 釡釜 鈆铅 鎔熔 鑛矿 鑚钻 閇闭 閙闹 阬坑 阯址 陁陀 陗峭
陻堙 隟隙 靁雷 靑青 靣面 靭韧 鞌鞍 鞵鞋 鞾靴 韮韭 頋顾 頴颖 顇悴 顋腮 顦憔 顚颠 飃飘 飈飙 飇飙 飮饮 飰饭 餧喂
饍膳 餽馈 駈驱 駞驼 駮驳 驘骡 騐验 髥髯 髠髡 髙高 鼈鳖 鸖鹤 麞獐 麕麇 麐麟 黙默 鼃蛙 齅嗅 廵巡 巵卮 刼劫 刧劫
刦劫 剏创 刱创 亾亡 亷廉 仭仞 俻备 倐倏 偪逼 僊仙 僣僭 兎兔 冝宜 冦寇 凢凡 厓崖 厯历 噐器 嘷嗥 㓗洁 㠀岛 㟁岸
騌鬃 騣鬃 櫺棂 骾鲠 擥揽 皥皞 皡皞 絏绁 緤绁 繖伞 徳德 歩步 撃击 愼慎 巓巅 塡填 曽曾 増增 淸清 毎每 繋系 倣仿
衂衄 皼鼓 䰟魂 䕃荫 䖝虫 䙝亵 㬉暖 逥回 甖罂 軰辈 糓谷 恵惠 霛灵 痩瘦 戸户 黒黑 挍校 槖橐 蠒茧 覉羁 斵斲 毶毵
衞卫 勗勖 劔剑 愽博 碯瑙 蘯荡 裠裙 沲沱 喆哲 麏麇 餻糕 嚻嚣 脗吻 閴阒 頥颐 璅琐 朶朵 揺摇 匳奁 箆篦 珤宝 齩咬
詶酬 慠傲 餙饰 㑹会 镕熔 鑪炉 慇殷 藳稿
"""

CONTEXT = "乾徵"
# 乾 and 徵 stay before and after these (text in traditional characters); elsewhere 乾 is 干 (dry), 徵 is 征.
HEAVEN = re.compile(
    "乾(?=[坤乾道象儀靈遊享德宮傳符行開睿元宇維文心詞光降綱剛健陽樞陀闥竺汞關曜陵寧祐晝康素泰])"
    "|(?<=[竺乘承應昇式乾])乾|乾(?=清坤)|(?<=已到)乾|(?<=借問)乾(?=封)|(?<=送)乾(?=封)|(?<=僧知)乾|(?<=法)乾(?=寺)|(?<=名從)乾(?=取象)"
    "|(?<=碧落三)乾|(?<=樂道)乾(?=知退)|乾(?=助夜風)|(?<=連)乾(?=復浸坤)|乾(?=馬屢來)"
)
NOTE_OF_THE_SCALE = re.compile("徵(?=[羽角音])|(?<=姑洗)徵|(?<=[宮宫變商清咀嚥合扣])徵")


def build_table(convert: Callable[[str], str], used: Counter[str]) -> dict[str, str]:
    """Return variant -> simplified for every character that changes, in one step.

    Simplified forms beyond the Basic Multilingual Plane are missing from most fonts: there the traditional
    character stays (鶒), and the rare form (𫛶) leads to it if the source has it.

    Args:
        convert: OpenCC's t2s, asked one character at a time: its phrase dictionary is for modern words.
        used: how often the source uses each character.
    """
    old = {pair[0]: pair[1] for pair in OLD_VARIANTS.split()}
    table = dict(old)
    for code in range(0x3400, 0xA000):
        simplified = convert(chr(code))
        if simplified != chr(code) and simplified <= "\uffff":
            table.setdefault(chr(code), simplified)
    for variant in CONTEXT:
        table.pop(variant, None)
    table = {variant: old.get(simplified, simplified) for variant, simplified in table.items()}
    # 薴 is 苧 while 苧 is 苎: no single step does both, so the rarer 薴 stays.
    table = {variant: simplified for variant, simplified in table.items() if simplified not in table}
    for char, _ in sorted(used.items(), key=lambda item: (-item[1], item[0])):
        if convert(char) > "\uffff" and convert(char) != char and char not in table:
            table.setdefault(convert(char), char)
    return table | MARKS


def simplify(text: str) -> str:
    """Fold a text of the source, minding the two characters that depend on their neighbours."""
    text = (
        unicodedata.normalize("NFC", text).replace("徴", "徵").replace("彷彿", "髣髴").replace("[", "").replace("]", "")
    )
    heaven = {match.start() for match in HEAVEN.finditer(text)}
    scale = {match.start() for match in NOTE_OF_THE_SCALE.finditer(text)}
    chars = [
        "干" if char == "乾" and i not in heaven else "征" if char == "徵" and i not in scale else char
        for i, char in enumerate(text)
    ]
    return corpus.fold("".join(chars))


def read_records(tarball: Path) -> list[dict[str, str]]:
    """Return the source's records in order: author, title and text (all paragraphs in one string)."""
    records = []
    wanted = {f"package/dist/quantangshi/poet.tang.{number}.json": number for number in FILES}
    found: dict[int, bytes] = {}
    with tarfile.open(tarball, "r:gz") as archive:
        for member in archive:
            if member.name in wanted:
                file = archive.extractfile(member)
                assert file is not None  # the names are those of plain files
                found[wanted[member.name]] = file.read()
    for number in FILES:
        for record in json.loads(found[number]):
            text = "".join(record["paragraphs"])
            records.append({"author": record["author"], "title": record["title"], "text": text})
    return records


def one_line(text: str) -> str:
    """Return a title or author, simplified, with single spaces."""
    return " ".join(simplify(text).split())


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Build both files and print what went in and what did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tarball", type=Path, help="chinese-poetry-2.0.1.tgz")
    tarball: Path = parser.parse_args().tarball
    if not tarball.is_file():
        sys.exit(f"Error: the tarball chinese-poetry-2.0.1.tgz is required. Received: {tarball}, which is no file")
    if sha256(tarball) != SHA256:
        sys.exit(f"Error: a tarball with sha256 {SHA256} is required. Received: {tarball} with {sha256(tarball)}")
    try:
        import opencc
    except ImportError:
        sys.exit('Error: OpenCC is required: pip install -e ".[corpus]". Received: an environment without it')

    characters = FOLDER / "characters.tsv"
    characters.touch()
    if find_resource("data/characters.tsv") != characters:
        sys.exit(f"Error: an editable installation is required, which reads {characters}. Received: another one")
    records = read_records(tarball)
    table = build_table(opencc.OpenCC("t2s").convert, Counter(char for record in records for char in record["text"]))
    characters.write_bytes("".join(f"{a}\t{b}\n" for a, b in sorted(table.items())).encode())

    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    poems: list[corpus.Poem] = []
    for record in records:
        text, reason = corpus.clean(simplify(record["text"]))
        if not reason and corpus.han_only(text) in seen:
            reason = "exact duplicate"
        if reason:
            dropped[reason] += 1
            continue
        seen.add(corpus.han_only(text))
        poems.append(corpus.Poem(one_line(record["title"]), one_line(record["author"]), text))

    clusters = corpus.near_duplicate_clusters([poem.text for poem in poems])
    sides = corpus.assign_splits(clusters, SEED)
    rows = [HEADER]
    rows += [f"{side}\t{p.author}\t{p.title}\t{p.text}" for side, p in zip(sides, poems, strict=True)]
    packed = FOLDER / "tangshi.tsv.xz"
    packed.write_bytes(lzma.compress(("\n".join(rows) + "\n").encode(), preset=9 | lzma.PRESET_EXTREME))

    report(records, poems, sides, clusters, dropped)
    for path in (characters, packed):
        print(f"{path.name}: {path.stat().st_size:,} bytes, sha256 {sha256(path)}")
    print(f"characters.tsv: {len(table):,} pairs")


def report(
    records: list[dict[str, str]],
    poems: list[corpus.Poem],
    sides: list[str],
    clusters: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]",
    dropped: Counter[str],
) -> None:
    """Print the counts that data/README.md quotes."""
    print(f"records {len(records):,}, kept {len(poems):,}")
    for reason, count in dropped.most_common():
        print(f"dropped, {reason}: {count:,}")
    forms = [form_of(poem.text) for poem in poems]
    print("form, " + ", ".join(corpus.SPLITS) + ", all")
    for form in (*FORMS, OTHER):
        counts = [sum(f == form and s == side for f, s in zip(forms, sides, strict=True)) for side in corpus.SPLITS]
        print(form, *counts, sum(counts))
    print("all", *(sides.count(side) for side in corpus.SPLITS), len(poems))
    sizes = np.bincount(clusters)
    print(
        f"clusters {len(sizes):,}, of these with two poems or more {np.sum(sizes > 1):,} "
        f"holding {np.sum(sizes[sizes > 1]):,} poems, largest {sizes.max()}"
    )
    tokens: Counter[str] = Counter()
    for poem in poems:
        tokens.update(poem.text)
    han = Counter({char: count for char, count in tokens.items() if char not in corpus.PUNCTUATION})
    total = sum(han.values())
    print(f"characters {total:,}, marks {sum(tokens.values()) - total:,}, types {len(han):,}")
    ranked = np.cumsum([count for _, count in han.most_common()])
    for size in (3000, 4000, 5000, 6000, 7000):
        print(f"the {size} most frequent cover {ranked[min(size, len(ranked)) - 1] / total:.4%}")
    lengths = Counter(len(poem.text) for poem in poems)
    print(f"distinct lengths {len(lengths)}, longest {max(lengths)}, most common {lengths.most_common(8)}")


if __name__ == "__main__":
    main()
