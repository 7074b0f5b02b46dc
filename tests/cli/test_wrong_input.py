"""Each wrong input is one line that says what is required and what was received, and leaves nothing behind."""

import gzip
import importlib.util
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tangshi_tf.cli import main
from tangshi_tf.config import PROSE
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model
from tangshi_tf.storage.digests import DIGESTS
from tangshi_tf.storage.files import LOCK
from tangshi_tf.training.run_folder import Run
from tangshi_tf.vocabulary import Vocabulary

POEM = "静夜思:床前明月光，疑是地上霜。举头望明月，低头思故乡。\n"
MINI = ["sample", "--model", "mini"]
NOVEL = ["sample", "--model", "novel"]
PROSAIC = ["fit", "--text", "prose", "--name", "x"]
FILES = {
    "empty.txt": b"",
    "photo.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(range(256)),
    "broken.txt": POEM.encode() + b"\xe5\xb1\n" * 3,
    "english.txt": b"Title: moon over the river\n",
    "one.txt": POEM.encode(),
    "cut.gz": gzip.compress(POEM.encode() * 20)[:-9],
    "half.json": b'[{"title": "',
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, folder: Path, mini_folder: Path) -> Path:
    """A folder with wrong files, sixty poems, a run of them named mini, a model of that name, and damaged copies."""
    made = tmp_path_factory.mktemp("made")
    for name, data in FILES.items():
        (made / name).write_bytes(data)
    (made / "none").mkdir()
    shutil.copy(mini_folder / "poems.txt", made)
    shutil.copytree(mini_folder / "runs" / "mini", made / "runs" / "mini")
    for name in ("cut", "other"):
        shutil.copytree(made / "runs" / "mini", made / "runs" / name)
    for weights in (made / "runs" / "cut").glob("*.h5"):
        weights.write_bytes(weights.read_bytes()[:2000])
    assert Run(made / "runs" / "mini").history
    for name in ("mini", "graph", "values", "words"):
        shutil.copytree(folder, made / "saved_models" / name / "1")
    for path in ("graph/1/saved_model.pb", "values/1/variables/variables.data-00000-of-00001"):
        damaged = made / "saved_models" / path
        damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    (made / "saved_models" / "words" / "1" / "assets.extra" / "vocabulary.txt").unlink()
    words = PoetryModel(
        replace(PROSE[0], unit="word", segmenter="whitespace", units=8, embedding=6), Vocabulary.build([["a", "\n"]], 1)
    )
    export_model(words, made / "saved_models" / "novel")
    return made


@pytest.fixture
def project(made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder made above as the current one; a test may leave nothing behind in it."""
    monkeypatch.chdir(made)
    before = snapshot(made)
    yield made
    assert snapshot(made) == before


def snapshot(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


TEXT = "Undamaged text is required. Received: "
TWO = "At least 2 different poems are required, to train and to validate (near-duplicates count as one; --format "
TWO += "decides how files are read). Received: 1 poem"
NO_MODEL = (
    "A name in ./saved_models (graph, mini, novel, values, words) or a folder with a SavedModel is required. Received: "
)
DAMAGED, CHANGED = "The file that was written is required: ", "Received one that was changed or damaged since."
UNICODE = "Text in valid Unicode is required. Received: 'utf-8' codec can't encode character '\\udce5' in position 0: …"
CORPORA = [
    ("missing.txt", "A corpus file is required. Received: missing.txt, which does not exist"),
    ("none", "A corpus file or a folder with some is required. Received: none, which is empty"),
    ("empty.txt", "A corpus file with text is required. Received: empty.txt, which is empty"),
    ("photo.jpg", "Plain text is required: save it as plain text. Received: photo.jpg, a picture"),
    ("broken.txt", f"{TEXT}broken.txt, which seems to be UTF-8 but has byte 0xe5 at offset 83"),
    ("cut.gz", "An intact gzip file is required. Received: cut.gz (damaged: …"),
    ("half.json", "Valid JSON is required. Received: damaged JSON (Unterminated string starting at: line 1 …"),
    ("english.txt", "At least one poem is required in english.txt. Received: none (dropped: 1 no text)"),
]
# What each request is told; from "…" on, in the words of the library below.
REQUESTS: list[tuple[list[str], str]] = [
    *[([*command, name], message) for command in (["fit"], ["evaluate"], ["check"]) for name, message in CORPORA],
    (["fit", "one.txt"], TWO),
    # contradicting options
    (
        ["fit", "--origin-filter"],
        "A CORPUS is required for --origin-filter. Received: none, and the shipped one is clean.",
    ),
    (
        ["evaluate", "one.txt", "--split", "test"],
        "A CORPUS and --split exclude each other: a given corpus is taken whole.",
    ),
    (
        ["check", "one.txt", "--level", "loose", "--json"],
        "--level and --json exclude each other: JSON has every level.",
    ),
    (["check"], "A corpus file with text is required. Received: standard input, which is empty"),
    (
        ["fit", "--optimizer", "rmsprop", "--weight-decay", "0.1"],
        "The optimizer adamw is required for --weight-decay. Received: rmsprop.",
    ),
    (["fit", "--ear", "verse", "--no-ear"], "--ear and --no-ear exclude each other."),
    (["fit", "--rhymes", "--no-ear"], "--ear full or verse is required for --rhymes. Received: --ear none."),
    (["fit", "--rhymes", "--ear", "sounds"], "--ear full or verse is required for --rhymes. Received: --ear sounds."),
    (["evaluate", "--titles", "--verse"], "--titles and --verse exclude each other."),
    (
        ["evaluate", "one.txt", "--titles", "--model", "mini"],
        "A model that reads titles is required. Received: one that does not.",
    ),
    (
        [*MINI, "--title", "秋夜"],
        "a model that reads titles is required for title; received 秋夜.",
    ),
    (["fit", "--resume", "--restart"], "--resume and --restart exclude each other."),
    (
        ["fit", "--minutes", "5", "--epochs", "3"],
        "--minutes excludes --epochs and --max-steps.",
    ),
    (
        ["fit", "poems.txt", "--name", "mini", "--resume", "--units", "9"],
        "What runs/mini was begun with is required to go on with it. Received: units 9 in place of 16.",
    ),
    (
        ["fit", "one.txt", "poems.txt", "--name", "mini", "--resume", "--epochs", "3"],
        "What runs/mini was begun with is required to go on with it. Received: another corpus.",
    ),
    (["fit", "--strategy", "multiworker"], "A cluster in TF_CONFIG is required, such as …"),
    (
        [*MINI, "--begin", "山水风月", "--max-length", "2"],
        "max_length of at least the length of begin is required; received 2.",
    ),
    (
        [*MINI, "--temperature", "0", "--best-of", "2"],
        "A --temperature of at least 0.001 without --top-k 1, or --init-state random, is required for --best-of. "
        "Received: settings that give the same poem each time.",
    ),
    (
        ["export", "one.txt", "--format", "litert"],
        "--format savedmodel is required for a CORPUS, --origin-filter, --from-version or --last. Received: litert.",
    ),
    (["export", "--format", "litert", "--name", "nobody"], f"{NO_MODEL}'nobody'."),
    (
        ["fit", "poems.txt", "--min-count", "9999", "--name", "x"],
        "A token that occurs at least 9999 times is required. Received: 1344 tokens, the most frequent 112 times.",
    ),
    # prose
    (["fit", "one.txt", "--text", "prose"], "A --name is required for prose. Received: none, and tangshi is the poet."),
    (PROSAIC, "A text is required for --text prose: a CORPUS, file or folder. Received: none."),
    *[([*PROSAIC, name], message) for name, message in CORPORA[:6]],
    (
        [*PROSAIC, "one.txt"],
        "A text of at least 4,096 tokens to train on (--batch-size times --sequence-length), or less of these, is "
        "required. Received: 26 tokens.",
    ),
    (
        [*PROSAIC, "one.txt", "--batch-size", "27", "--sequence-length", "1"],
        "A text of at least 27 tokens to train on (--batch-size times --sequence-length), or less of these, is "
        "required. Received: 26 tokens.",
    ),
    (["fit", "--batch-size", "9"], "--text prose is required for --batch-size. Received: --text poems."),
    ([*PROSAIC, "one.txt", "--ear", "none"], "--text poems is required for --ear. Received: --text prose."),
    ([*PROSAIC, "one.txt", "--segmenter", "jieba"], "--unit word is required for --segmenter. Received: --unit char."),
    ([*PROSAIC, "one.txt", "--origin-filter"], "--text poems is required for --origin-filter. Received: --text prose."),
    (
        ["fit", "one.txt", "--name", "x", "--preset", "o5", "--text", "poems"],
        "--text prose is required for --preset o5. Received: --text poems.",
    ),
    (
        [*PROSAIC, "one.txt", "--validation-share", "60", "--test-share", "40"],
        "Shares to validate on and to test of less than 100 percent together are required. Received: 60 and 40.",
    ),
    (
        [*MINI, "--begin", "山", "--begin", "水", "--title", "a", "--title", "b", "--title", "c"],
        "As many --begin as --title, or one of either, are required. Received: 2 and 3.",
    ),
    (
        [*MINI, "--begin-file", "-", "--title-file", "-"],
        "--begin-file - and --title-file - exclude each other: standard input is read once.",
    ),
    (
        [*MINI, "--begin-file", "empty.txt"],
        "A line that is not blank is required in --begin-file empty.txt. Received: none.",
    ),
    (
        [*MINI, "--begin-file", "broken.txt"],
        f"{TEXT}broken.txt, which seems to be UTF-8 but has byte 0xe5 at offset 83",
    ),
    (["next", "山", "--model", "nobody"], f"{NO_MODEL}'nobody'."),
    (
        ["next", "山", "--model", "mini", "--title", "秋"],
        "A model that reads titles is required. Received: one that does not.",
    ),
    (
        ["next", "a", "--model", "novel", "--title", "秋"],
        "A model of poems is required for --title. Received: one of prose.",
    ),
    (["next", "\udce5", "--model", "mini"], UNICODE),
    ([*NOVEL, "--title", "秋"], "A model of poems is required for --title. Received: one of prose."),
    ([*NOVEL, "--form", "五绝"], "A model of poems is required for --form. Received: one of prose."),
    ([*NOVEL, "--tones"], "A model of poems is required for --tones. Received: one of prose."),
    (
        [*NOVEL, "--begin", "a b c", "--max-length", "2"],
        "max_length of at least the length of begin is required; received 2.",
    ),
    (
        ["evaluate", "--model", "novel"],
        "A text is required for --text prose: a CORPUS, file or folder. Received: none.",
    ),
    (
        ["evaluate", "one.txt", "--model", "novel", "--verse"],
        "A model of poems is required for --verse. Received: one of prose.",
    ),
    # names and folders
    (["fit", "poems.txt", "--name", "../up"], "A --name that can be a folder's name is required. Received: '../up'."),
    (
        ["fit", "poems.txt", "--name", "mini"],
        "A new run is required, or --resume to go on with the old one, or --restart to discard it. "
        "Received an existing run: runs/mini.",
    ),
    (
        ["export", "--name", "two\nlines"],
        "A training run is required (a folder with config.json). Received: runs/two lines.",
    ),
    (["fit", "poems.txt", "--name", "n" * 300], "A writable folder is required: runs/nnn…"),
    (["export", "--name", "nobody"], "A training run is required (a folder with config.json). Received: runs/nobody."),
    (["export", "one.txt", "--name", "mini"], TWO),
    (["export", "--name", "mini"], "The corpus that runs/mini was trained on is required. Received: another one."),
    *[(["sample", "--model", name], f"{NO_MODEL}'{name}'.") for name in ("nobody", "none", "one.txt", "./none", "")],
    (["sample", "--model", "n" * 300], "A working file system is required. Received: File name too long: …"),
    ([*MINI, "--output", "no/such/poem.txt"], "A folder that exists is required for --output. Received: no/such."),
    # damage
    (
        ["fit", "poems.txt", "--name", "cut", "--resume"],
        f"{DAMAGED}runs/cut/checkpoint.h5. {CHANGED}",
    ),
    (["export", "poems.txt", "--name", "cut"], f"{DAMAGED}runs/cut/best.weights.h5. {CHANGED}"),
    (["sample", "--model", "graph"], f"{DAMAGED}saved_models/graph/1/saved_model.pb. {CHANGED}"),
    (
        ["sample", "--model", "values"],
        f"{DAMAGED}saved_models/values/1/variables/variables.data-00000-of-00001. {CHANGED}",
    ),
    (
        ["evaluate", "one.txt", "--model", "words"],
        "A readable file is required: saved_models/words/1/assets.extra/vocabulary.txt. "
        "Received: No such file or directory.",
    ),
    # a console that hands over broken text
    ([*MINI, "--begin", "\udce5"], UNICODE),
    (["fit", "\udce5.txt"], "A corpus file is required. Received: \\udce5.txt, which does not exist"),
    (["fit", "poems.txt", "--name", "\udce5"], UNICODE),
]


@pytest.mark.parametrize(("arguments", "message"), REQUESTS, ids=[ascii(" ".join(a))[:60] for a, _ in REQUESTS])
def test_a_wrong_request_is_one_line(project: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == "" or "--resume" in arguments  # which says where the run stands
    *told, error = result.stderr.splitlines()
    assert all(line.startswith(("model: ", "seed: ", "one.txt: ", "poems.txt: ", "first poem: ")) for line in told)
    expected, _, in_other_words = f"Error: {message}".partition("…")
    assert error.startswith(expected) if message.endswith("…") else error == expected, error
    assert not in_other_words


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", ""],
        ["fit", "--cell", "cnn"],
        ["fit", "--units", "0"],
        ["fit", "--epochs", "1.5"],
        ["fit", "--preset", "o9"],
        ["fit", "--dropout", "1"],
        ["evaluate", "poems.txt", ""],
        ["evaluate", "--split", "x"],
        ["check", "--level", "x"],
        ["check", ""],
        ["sample", "山"],
        ["sample", "--count", "0"],
        ["sample", "--top-p", "0"],
        ["sample", "--top-p", "nan"],
        ["sample", "--temperature", "nan"],
        ["sample", "--repetition-penalty", "0"],
        ["sample", "--repetition-penalty", "1e39"],
        ["sample", "--best-of", "0"],
        ["sample", "--seed", "-1"],
        ["sample", "--output", "."],
        ["sample", "--colour", "red"],
        ["sample", "--begin"],
        ["sample", "two\nlines"],
        ["sample", "--two\nlines"],
        ["compose"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_two(project: Path, arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.splitlines()[-1].startswith("Error: ")


TANGSHI = [sys.executable, "-c", "from tangshi_tf.cli import main; main()"]


def tangshi(*arguments: str, **settings: Any) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([*TANGSHI, *arguments], capture_output=True, check=False, **settings)


NO_WRITING = "(Read-only file system|Permission denied|Operation not permitted)"  # depends on who asks


@pytest.mark.parametrize(
    ("where", "arguments", "message"),
    [
        ("", [*MINI, "--output", "/sys/poem.txt"], f"A writable file is required: /sys/poem.txt. {NO_WRITING}"),
        ("/sys", ["fit", "{made}/poems.txt", "--name", "x"], f"A writable folder is required: runs/x. {NO_WRITING}"),
        ("", [*MINI, "--output", "/dev/full"], "A writable file is required: /dev/full. No space left on device"),
    ],
)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/sys and /dev/full are Linux's")
def test_what_cannot_be_written(project: Path, where: str, arguments: list[str], message: str) -> None:
    os.chdir(where or project)
    result = CliRunner().invoke(main, [argument.format(made=project) for argument in arguments])
    os.chdir(project)
    assert result.exit_code == 1
    expected = "Error: " + message.replace(". ", r"\. Received: ", 1) + r"\."
    assert re.fullmatch(expected, result.stderr.splitlines()[-1]), result.stderr


FULL = 20_000  # bytes a file may hold: less than the weights, more than a poem


def test_a_disk_that_is_full_at_the_start(project: Path) -> None:
    """As below, but in this process: of the run only the files are there that are written first, whole."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, limits[1]))
    try:
        result = CliRunner().invoke(main, ["fit", "poems.txt", "--name", "x", "--max-steps", "1"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: A writable file is required: ")
    remove_what_may_stay(project / "runs" / "x")


def remove_what_may_stay(left: Path) -> None:
    """Discard a run in which there are no weights, and nothing that is in the way of the next."""
    assert {path.name for path in left.iterdir()} <= {LOCK, DIGESTS, "config.json", "vocabulary.txt", "manifest.json"}
    shutil.rmtree(left)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "poems.txt", "--name", "x", "--max-steps", "1"], "A writable file is required: "),
        (["export", "poems.txt", "--name", "mini"], "A writable folder is required: saved_models/mini. "),
    ],
)
def test_a_full_disk(project: Path, arguments: list[str], message: str) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, FULL))

    done = tangshi(*arguments, preexec_fn=limit)
    assert done.returncode == 1, done.stderr
    assert done.stderr.decode().splitlines()[-1].startswith(f"Error: {message}")
    assert b"Traceback" not in done.stderr
    if (project / "runs" / "x").exists():
        remove_what_may_stay(project / "runs" / "x")


@pytest.mark.parametrize(
    "encoding",
    [
        pytest.param("gbk", marks=pytest.mark.ci),
        *(pytest.param(name, marks=pytest.mark.long) for name in ("ascii", "cp1252")),
    ],
)
def test_a_terminal_that_cannot_print(project: Path, encoding: str) -> None:
    def in_terminal(*arguments: str) -> tuple[int, list[str], list[str]]:
        done = tangshi(*arguments, env={**os.environ, "PYTHONIOENCODING": encoding})
        # click takes ASCII for a terminal whose encoding nobody has set, and prints UTF-8
        spoken = "utf-8" if encoding == "ascii" else encoding
        return done.returncode, done.stdout.decode(spoken).splitlines(), done.stderr.decode(spoken).splitlines()

    status, out, err = in_terminal("--help")
    assert (status, err) == (0, [])
    assert out
    status, out, err = in_terminal(*MINI, "--begin", "🙂", "--max-length", "9")
    assert status == 0
    assert out[0].startswith("🙂" if encoding == "ascii" else r"\U0001f642")
    assert encoding == "ascii" or f"the encoding {encoding} has no " in err[-1]
    status, out, err = in_terminal(*MINI, "--begin", "🙂", "--max-length", "9", "--json")
    assert json.loads(out[0])["poem"].startswith("🙂")
    status, out, err = in_terminal("evaluate", "one.txt", "--model", "mini")
    assert status == 0
    assert len(out) == 3
    status, out, err = in_terminal("fit", "没有.txt")
    assert (status, len(err)) == (1, 1)
    assert in_terminal(*MINI, "--begin", "🙂", "--output", "smile.txt")[0] == 0
    assert (project / "smile.txt").read_text(encoding="utf-8").startswith("🙂")
    (project / "smile.txt").unlink()


@pytest.mark.ci
def test_a_locale_without_chinese(project: Path) -> None:
    """In the C locale Python reads arguments as UTF-8; where it is told not to, they cannot be read."""
    plain = {**os.environ, "LC_ALL": "C"}
    plain.pop("PYTHONUTF8", None)
    done = tangshi(*MINI, "--begin", "山", env=plain)
    assert done.returncode == 0
    assert done.stdout.decode().startswith("山")
    done = tangshi(*MINI, "--begin", "山", env={**plain, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: Text in valid Unicode is required. Received: ")


@pytest.mark.ci
def test_a_reader_that_leaves_early_is_no_error(project: Path) -> None:
    command = f"{shlex.join([*TANGSHI, *MINI, '--count', '9'])} | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert len(done.stdout) == 1
    assert b"Error" not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", [name for name in FILES if name != "one.txt"])
def test_standard_input_is_refused_as_a_file_is(project: Path, name: str) -> None:
    result = CliRunner().invoke(main, ["check"], input=FILES[name])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == CliRunner().invoke(main, ["check", name]).stderr.replace(name, "standard input")


def test_a_standard_input_that_is_closed_is_an_empty_one(project: Path) -> None:
    done = subprocess.run(["bash", "-c", f"{shlex.join([*TANGSHI, 'check'])} <&-"], capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr == b"Error: A corpus file with text is required. Received: standard input, which is empty\n"


def test_a_missing_segmenter(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jieba" else find(name))
    result = CliRunner().invoke(main, [*PROSAIC, "poems.txt", "--unit", "word"])
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        'Error: jieba is required: pip install "tangshi-tf[jieba]", or --segmenter whitespace. '
        "Received: an installation without it."
    )
