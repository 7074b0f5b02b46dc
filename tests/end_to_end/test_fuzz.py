"""Random and damaged files, random options: each is taken or refused in one line, and nothing is half done.

`pytest -m long --fuzz 10000` tries ten times as many options as usual, and takes several GB of memory.
"""

import functools
import gzip
import json
import lzma
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tangshi_tf.cli import main
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.corpus.readers import HEADER
from tangshi_tf.errors import CorpusError
from tangshi_tf.saving import saved_model as export

POEMS = [
    ("静夜思", "床前明月光，疑是地上霜。举头望明月，低头思故乡。"),
    ("登楼", "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"),
    ("春晓", "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"),
]
TITLED = "".join(f"{title}:{text}\n" for title, text in POEMS)
SEEDS = [
    TITLED.encode(),
    TITLED.encode("gb18030"),
    TITLED.encode("utf-16"),
    "\n\n".join(f"{title}\n{text}" for title, text in POEMS).encode(),
    json.dumps([{"title": title, "paragraphs": [text]} for title, text in POEMS], ensure_ascii=False).encode(),
    "\n".join([HEADER, *(f"train\t\t{title}\t{text}" for title, text in POEMS)]).encode(),
    gzip.compress(TITLED.encode()),
    lzma.compress(TITLED.encode()),
    b"\xff\xd8\xff\xe0\x00\x10JFIF",
]


def damaged(source: random.Random) -> bytes:
    """Return one of the seeds with some bytes changed, cut, doubled or put in, or bytes of no origin at all."""
    if source.random() < 0.1:
        return source.randbytes(source.randrange(400))
    data = bytearray(source.choice(SEEDS))
    for _ in range(source.randrange(6)):
        place = source.randrange(len(data) + 1)
        match source.randrange(4):
            case 0 if data:
                data[min(place, len(data) - 1)] = source.randrange(256)
            case 1:
                del data[place : place + source.randrange(40)]
            case 2:
                data[place:place] = data[place : place + source.randrange(40)]
            case _:
                data[place:place] = source.choice([b"\x00", b"\n\n", b"\t", b":", b"[", b"{", b"\xe5", "□".encode()])
    return bytes(data)


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.ci)])
def test_thousands_of_files_are_read_or_refused(tmp_path: Path, count: int) -> None:
    source = random.Random(0)
    path = tmp_path / "poems"
    outcomes = {"read": 0, "refused": 0}
    for _ in range(count):
        path.write_bytes(damaged(source))
        start = time.monotonic()
        message = ""
        try:
            assert read_corpus([path]).poems()
        except CorpusError as error:
            message = str(error)
        outcomes["refused" if message else "read"] += 1
        assert "\n" not in message
        assert not message or "required" in message
        assert time.monotonic() - start < 10
    assert min(outcomes.values()) > count // 20, outcomes


WORDS = ["", "山", "-1", "0", "1", "2", "7", "0.5", "1e-9", "1e30", "nan", "inf", "-inf", "1e999", "2147483648"]
WORDS += ["9" * 30, "--", "-", "0x10", "１２", "mini", "poems.txt", "none", "..", "a/b", "\udce5", "🙂"]
WORDS += ["风" * 300, "\n", "%s"]
CORPORA = [["poems.txt"], ["poems.txt"], ["poems.txt", "none"], ["empty.txt"], ["none"], [""]]
# How much is to be done is kept small, as what was asked for may take its time.
SMALL = {
    "count": ["1", "2"],
    "max_length": ["1", "5", "40"],
    "epochs": ["1"],
    "max_steps": ["1", "2"],
    "units": ["1", "8"],
    "layers": ["1", "2"],
    "embedding": ["1", "6"],
}
USUAL = {
    "model": ["mini", "versed", "versed", "tangshi", "nobody"],
    "name": ["mini", "new"],
    "output": ["out.txt", "no/out.txt"],
    "plot": ["x.svg", "no/x.svg"],
    "form": ["五绝", "qilv", "绝句", "", "六绝"],
    "rhyme": ["先", "xian", "十一真", "月"],
    "opening": ["仄起", "ruyun", "pingqi", "起"],
    "title": ["秋夜", "月", "%s"],
    "acrostic": ["春", "春夏秋冬", "一二三四五六七八", "風🙂", "，"],
}
NUMBERS = ["0", "0.1", "0.9", "1", "3", "1000"]


def random_value(source: random.Random, parameter: click.Option) -> str:
    """Return a value for an option: mostly one that it takes, else any word."""
    name, kind = str(parameter.name), parameter.type
    if source.random() < 0.25:
        return source.choice([word for word in WORDS if name not in SMALL or not word.isdecimal()])
    choices = kind.choices if isinstance(kind, click.Choice) else NUMBERS if hasattr(kind, "max") else WORDS
    return str(source.choice({**SMALL, **USUAL}.get(name, choices)))


def random_arguments(source: random.Random) -> list[str]:
    """Return a command with some of its options, now and then with a word too many or too few."""
    name = source.choices(["sample", "fit", "evaluate", "export", "check"], [840, 40, 30, 60, 30])[0]
    arguments = [name] if name == "sample" else [name, *source.choice(CORPORA)]
    options = [parameter for parameter in main.commands[name].params if isinstance(parameter, click.Option)]
    for option in source.sample(options, source.randrange(min(6, len(options) + 1))):
        arguments.append(source.choice([*option.opts, *option.secondary_opts]))
        if not option.is_flag and source.random() < 0.97:
            arguments.append(random_value(source, option))
    if source.random() < 0.05:
        arguments.insert(source.randrange(len(arguments) + 1), source.choice(WORDS))
    if name == "fit":
        arguments[1:1] = ["--max-steps", "1", "--epochs", "1", "--units", "4", "--embedding", "3", "--name", "new"]
    return arguments


def unfinished(folder: Path) -> list[Path]:
    """Return what no command may leave behind: hidden files, models in which a part is missing, half a JSON file."""
    found = list(folder.rglob(".*"))
    for version in folder.glob("saved_models/*/*"):
        parts = ("saved_model.pb", "variables/variables.index", "assets.extra/config.json")
        found += [version / part for part in parts if not (version / part).is_file()]
    for path in [*folder.rglob("*.json"), *folder.rglob("*.jsonl")]:
        text = path.read_text(encoding="utf-8")
        for part in text.splitlines() if path.suffix == ".jsonl" else [text]:
            json.loads(part)
    return found


@pytest.mark.long
def test_thousands_of_option_sets_are_taken_or_refused(
    fuzz: int, tmp_path: Path, folder: Path, versed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "load", functools.cache(export.load))  # each model once, or this takes an hour
    models = {"mini": folder, "tangshi": folder, "versed": versed_folder}
    for name, path in models.items():
        shutil.copytree(path, tmp_path / "saved_models" / name / "1")
    (tmp_path / "poems.txt").write_text(TITLED, encoding="utf-8")
    (tmp_path / "empty.txt").touch()
    runner, source = CliRunner(), random.Random(0)
    command = "fit poems.txt --name mini --min-count 1 --units 2 --embedding 2 --max-steps 1"
    made = runner.invoke(main, command.split())
    assert made.exit_code == 0, made.output
    outcomes: Counter[tuple[str, int]] = Counter()
    for _ in range(fuzz):
        arguments = random_arguments(source)
        start = time.monotonic()
        result = runner.invoke(main, arguments)
        assert time.monotonic() - start < 300, arguments  # it hangs
        assert result.exception is None or isinstance(result.exception, SystemExit), (arguments, result.exc_info)
        assert result.exit_code in (0, 1, 2), arguments
        if result.exit_code:
            assert result.stderr.splitlines()[-1].startswith("Error: "), (arguments, result.stderr)
        outcomes[arguments[0] if arguments[0] in main.commands else "", result.exit_code] += 1
        if result.exit_code != 2:
            assert not unfinished(tmp_path), arguments
            for left in [*tmp_path.glob("runs/*"), *tmp_path.glob("saved_models/*")]:
                if left.name not in models:
                    shutil.rmtree(left)
    print(outcomes)
    for command in main.commands:
        assert min(outcomes[command, 2], outcomes[command, 1] + outcomes[command, 0]) > 0, outcomes
    assert all(sum(outcomes[command, status] for command in main.commands) > fuzz / 20 for status in (0, 1, 2))
