import dataclasses
import functools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tangshi_tf.cli import main
from tangshi_tf.config import PRESETS, PROSE
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.evaluation.copied_lines import TrainingLines
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving import saved_model
from tangshi_tf.saving.saved_model import export_model
from tangshi_tf.vocabulary import Vocabulary
from tests.rounding import same_record

PRINTED = ["--seed", "5"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def trained(mini_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a small model named mini has been trained from the command line."""
    return Path(shutil.copytree(mini_folder, tmp_path_factory.mktemp("project") / "trained"))


@pytest.fixture(scope="module", autouse=True)
def each_model_once() -> Iterator[None]:
    """A model is loaded once, not for each command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "load", functools.cache(saved_model.load))
        yield


@pytest.fixture
def project(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained)
    return trained


def test_training_says_how_it_goes_and_what_it_exported(mini_folder: Path) -> None:
    printed = (mini_folder / "printed.txt").read_text(encoding="utf-8")
    assert re.search(r"exported saved_models/mini/1: epoch \d of 2, validation perplexity \d+\.\d\d\n", printed)
    for word in ("validation perplexity", "sample:", "predicted:", "target:", "tokens/s", "minutes left"):
        assert word in printed


def test_every_command_has_help_with_an_example_and_imports_no_tensorflow() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom tangshi_tf.cli import main\n"
        "for name in [None, *main.commands]:\n"
        "    result = CliRunner().invoke(main, [name, '--help'] if name else ['--help'])\n"
        "    assert result.exit_code == 0 and 'tangshi-tf ' in result.output, name\n"
        "    for parameter in main.commands[name].params if name else []:\n"
        "        assert parameter.param_type_name == 'argument' or parameter.help, (name, parameter.name)\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("state", ["zero", "random"])
@pytest.mark.parametrize("begin", ["山", "風", "🙂", "明月 松间", "", "Tang!"])
def test_a_poem_begins_with_what_was_typed(project: Path, begin: str, state: str) -> None:
    options = ["--begin", begin, "--init-state", state, "--max-length", "40", "--count", "8"]
    result = run("sample", "--model", "mini", *options)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"model: saved_models/mini/1\nseed: \d+\n(Note: cut .*\n)?", result.stderr)
    poem = result.stdout.replace("\n", "")
    assert poem.startswith(begin)
    assert len(poem) > 8 * len(begin)  # some end at once, but not all
    assert "<" not in poem


def test_json_lines_name_the_seed(project: Path) -> None:
    options = ["sample", "--model", "mini", "--begin", "山", "--count", "3", "--json"]
    first = [json.loads(line) for line in run(*options, "--seed", "7").stdout.splitlines()]
    assert [record["seed"] for record in first] == [7, 8, 9]
    again = json.loads(run(*options[:-2], "1", "--json", "--seed", "8").stdout)
    assert again == first[1]
    for record in first:
        assert record["poem"].startswith("山")
        assert record["begin"] == "山"
        assert record["log_probability"] < 0
    fresh = [json.loads(run(*options).stdout.splitlines()[0]) for _ in range(2)]
    assert fresh[0]["seed"] != fresh[1]["seed"]


def test_several_begins_in_one_call(project: Path) -> None:
    options = ["sample", "--model", "mini", "--json", "--max-length", "12"]
    (project / "begins.txt").write_bytes("\n水\r\n\n  \n風 月\n".encode())
    result = run(*options, "--begin", "日", "--begin-file", "begins.txt", "--begin", "", "--count", "2", "--seed", "5")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["begin"] for record in found] == ["日"] * 2 + [""] * 2 + ["水"] * 2 + ["風 月"] * 2
    assert [record["seed"] for record in found] == list(range(5, 13))
    for record in found:
        alone = run(*options, "--begin", record["begin"], "--seed", str(record["seed"])).stdout
        assert same_record(json.loads(alone), record)
    plain = run(*options[:3], "--begin", "日", "--begin", "水", "--seed", "1").stdout
    assert [poem[0] for poem in plain.split("\n\n")] == ["日", "水"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_begins_of_standard_input(project: Path, encoding: str) -> None:
    options = ["sample", "--model", "mini", "--begin-file", "-", "--max-length", "5", "--json"]
    result = CliRunner().invoke(main, options, input="明月\n春风\n".encode(encoding))
    assert [json.loads(line)["begin"] for line in result.stdout.splitlines()] == ["明月", "春风"]


@pytest.fixture
def reader(project: Path, versed_folder: Path) -> Path:
    """The folder, with a model that reads titles."""
    shutil.copytree(versed_folder, project / "saved_models" / "reader" / "1", dirs_exist_ok=True)
    return project


@pytest.mark.parametrize(
    ("asked", "pairs"),
    [
        (["--title", "秋夜", "--title", "春"], [("", "秋夜"), ("", "春")]),
        (["--title", "秋夜", "--begin", "山", "--begin", "水"], [("山", "秋夜"), ("水", "秋夜")]),
        (["--title", "秋夜", "--title", "春", "--begin", "山"], [("山", "秋夜"), ("山", "春")]),
        (["--title", "秋夜", "--begin", "山", "--title", "春", "--begin", "水"], [("山", "秋夜"), ("水", "春")]),
    ],
)
def test_begins_and_titles_go_in_pairs(reader: Path, asked: list[str], pairs: list[tuple[str, str]]) -> None:
    options = ["sample", "--model", "reader", "--max-length", "5", "--seed", "1", *asked]
    found = [json.loads(line) for line in run(*options, "--json").stdout.splitlines()]
    assert [(record["begin"], record["title"]) for record in found] == pairs
    heads = [poem.split("\n")[0] for poem in run(*options).stdout.split("\n\n")]
    several = len({title for _, title in pairs}) > 1
    assert (heads == [title for _, title in pairs]) == several


@pytest.fixture
def novelist(project: Path) -> Path:
    """The folder, with a model of prose that has learnt nothing."""
    if not (project / "saved_models" / "novel").exists():
        config = dataclasses.replace(PROSE[0], unit="word", segmenter="whitespace", units=8, embedding=6)
        vocabulary = Vocabulary.build([["it", "was", "night", "\n"]], 1)
        export_model(PoetryModel(config, vocabulary), project / "saved_models" / "novel")
    return project


def test_several_begins_of_prose(novelist: Path) -> None:
    (novelist / "begins.txt").write_text("it  was\nnight\n", encoding="utf-8")
    options = ["sample", "--model", "novel", "--max-length", "6", "--seed", "4"]
    both = run(*options, "--begin-file", "begins.txt")
    first = run(*options, "--begin", "it was").stdout
    second = run(*options[:-1], "5", "--begin", "night").stdout
    assert both.stdout == f"{first}\n{second}"
    assert "Note" not in both.stderr  # that prose is as long as was asked for is no news


def test_the_likeliest_next_words(novelist: Path) -> None:
    found = json.loads(run("next", "it was", "--model", "novel", "--json").stdout)["next"]
    assert {one["token"] for one in found} == {"<pad>", "<bos>", "<eos>", "<unk>", "it", "was", "night", "\n"}
    assert "'\\n'" in run("next", "it was", "--model", "novel").stdout


@pytest.mark.parametrize("knobs", [["--temperature", "0"], ["--top-k", "1"]])
def test_equal_poems_are_said_to_be_equal(project: Path, knobs: list[str]) -> None:
    options = ["sample", "--model", "mini", *PRINTED, *knobs]
    result = run(*options, "--count", "3")
    assert len(set(result.stdout.strip().split("\n\n"))) == 1
    assert "Note: these settings take the likeliest token each time: all texts with the same begin" in result.stderr
    for more in ([], ["--count", "3", "--init-state", "random"], ["--begin", "山", "--begin", "水"]):
        assert "Note: these" not in run(*options, *more).stderr


def test_poems_that_are_cut_are_said_to_be(project: Path) -> None:
    options = ["sample", "--model", "mini", "--seed", "0", "--count", "40", "--max-length", "12"]
    result = run(*options, "--json")
    cut = [number for number, line in enumerate(result.stdout.splitlines(), 1) if json.loads(line)["cut"]]
    assert 10 < len(cut) < 40
    assert "Note" not in result.stderr
    numbers = ", ".join(map(str, cut[:10]))
    note = f"Note: cut at the largest length, before the end: {len(cut)} of 40 (number {numbers}, …). --max-length"
    assert note in run(*options).stderr


def test_the_likeliest_next_characters(project: Path) -> None:
    result = run("next", "山", "--model", "mini", "--top", "4")
    assert result.exit_code == 0, result.output
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["next", "probability"]
    shares = [float(row.split()[-1].removesuffix("%")) for row in rows]
    assert len(shares) == 4
    assert shares == sorted(shares, reverse=True)
    found = json.loads(run("next", "山", "--model", "mini", "--top", "100000", "--json").stdout)
    assert (found["text"], found["title"]) == ("山", "")
    assert sum(one["probability"] for one in found["next"]) == pytest.approx(1.0)
    assert {"<eos>", "<unk>", "，"} <= {one["token"] for one in found["next"]}
    every = run("next", "山", "--model", "mini", "--top", "100000").stdout
    assert "end of poem" in every
    assert "诗完" in run("next", "--lang", "zh", "--model", "mini", "--top", "100000").stdout


def test_threads_are_those_that_were_asked_for(project: Path) -> None:
    code = (
        "import tensorflow as tf\nfrom tangshi_tf.cli import main\n"
        "main(['next', '山', '--model', 'mini', '--threads', '1'], standalone_mode=False)\n"
        "threading = tf.config.threading\n"
        "assert threading.get_intra_op_parallelism_threads() == threading.get_inter_op_parallelism_threads() == 1\n"
        "try:\n    main(['next', '山', '--model', 'mini', '--threads', '2'], standalone_mode=False)\n"
        "except Exception as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=project)
    told = done.stdout.decode().splitlines()[-1]
    assert told == "A process of its own is required for --threads. Received: one that computes already."


def test_values_may_be_typed_in_any_case(project: Path) -> None:
    options = ["sample", "--model", "mini", "--seed", "3"]
    plain = run(*options, "--init-state", "random").stdout
    assert run(*options, "--init-state", "Random").stdout == plain
    assert run("--lang", "ZH", *options).stderr.startswith("模型：")
    assert run("check", "--level", "LOOSE", TOWER).exit_code == 0


def test_more_poems_than_a_batch(project: Path) -> None:
    options = ["sample", "--model", "mini", "--json", "--max-length", "12"]
    lines = run(*options, "--count", "70", "--seed", "0").stdout.splitlines()
    assert len(lines) == 70
    (alone,) = run(*options, "--seed", "69").stdout.splitlines()
    assert same_record(json.loads(alone), json.loads(lines[69]))


def test_output_goes_to_a_file(project: Path) -> None:
    options = ["sample", "--model", "mini", *PRINTED]
    result = run(*options, "--output", "poem.txt")
    assert result.stdout == ""
    assert (project / "poem.txt").read_text(encoding="utf-8") == run(*options).stdout


def test_a_seed_that_was_not_given_is_told(project: Path) -> None:
    first = run("sample", "--model", "mini", "--count", "2")
    seed = first.stderr.splitlines()[1].removeprefix("seed: ")
    assert run("sample", "--model", "mini", "--count", "2", "--seed", seed).stdout == first.stdout


def test_evaluation(project: Path) -> None:
    report = json.loads(run("evaluate", "poems.txt", "--model", "mini", "--json").stdout)
    assert report["split"] == "all"
    assert report["count"] == report["by_form"]["五绝"]["count"] == 60
    assert set(report["by_form"]) == {"五绝", "七绝", "五律", "七律", "其他"}
    assert report["tokens"] == 60 * 25
    assert {"perplexity", "nll", "hanzi_perplexity"} < set(report)
    assert report["by_form"]["七律"] == {"count": 0, "perplexity": None}
    table = run("evaluate", "poems.txt", "--model", "mini").stdout
    assert f"{report['perplexity']:.2f}" in table
    assert "五绝" in table
    (project / "one.txt").write_text("春晓：春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。\n", encoding="utf-8")
    assert json.loads(run("evaluate", "one.txt", "--model", "mini", "--json").stdout)["count"] == 1


def test_generated_verse_is_read_against_real_verse(project: Path) -> None:
    options = ["evaluate", "--verse", "--model", "mini", "--count", "4", "--plot", "verse.svg"]
    result = run(*options, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["split"], report["count"], report["seed"]) == ("test", 4, 0)
    assert report["shapes"]["real"]["form"]["count"] == len(read_corpus().poems("test"))
    assert report["shapes"]["free"]["form"]["count"] == 16
    assert report["forms"]["五律"]["real"]["rules"]["all regulated"]["share"] > 0.5
    assert "<!-- real -->" in (project / "verse.svg").read_text(encoding="utf-8")
    told = [line for line in result.stderr.splitlines() if "in 五绝: " in line]
    assert bool(told) != ("五绝" in report["costs"])  # either it is written or it is said why it is not
    table = run("evaluate", "--verse", "poems.txt", "--model", "mini", "--count", "1").stdout
    assert re.search(r"real +60 +100\.0 \(94\.0–100\)", table)


@pytest.mark.ci
def test_verse_is_evaluated_alike_each_time(project: Path) -> None:
    options = ["evaluate", "--verse", "--model", "mini", "--count", "4", "--json"]
    assert run(*options).stdout == run(*options).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "9"], "--verse is required for --count. Received: --count alone."),
        (["--seed", "0"], "--verse is required for --seed. Received: --seed alone."),
        (["--plot", "x.svg"], "--verse is required for --plot. Received: --plot alone."),
        (["--verse", "--plot", "no/x.svg"], "A folder that exists is required for --plot. Received: no."),
    ],
)
def test_options_that_verse_alone_takes(project: Path, arguments: list[str], message: str) -> None:
    result = run("evaluate", "--model", "mini", *arguments)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {message}\n"


def test_novel_poems_hold_no_line_of_the_training_poems(project: Path) -> None:
    lines = TrainingLines(read_corpus().texts("train"))
    options = ["sample", "--model", "mini", "--begin", "不知何处", "--max-length", "5", "--temperature", "1"]
    options += ["--count", "300", "--seed", "0", "--json"]
    free, novel = (
        [json.loads(line)["poem"] for line in run(*options, *more).stdout.splitlines()] for more in ([], ["--novel"])
    )
    assert len(novel) == 300
    assert any(poem in lines for poem in free)
    for poem, other in zip(free, novel, strict=True):
        assert other not in lines
        assert (poem == other) == (poem not in lines)
    typed = run("sample", "--model", "mini", "--begin", "不知何处去", "--max-length", "5", "--novel")
    assert typed.stdout == "不知何处去\n"


@pytest.mark.ci
def test_a_preset_gives_defaults_that_typed_options_replace(project: Path) -> None:
    options = ["--preset", "o1", "--units", "8", "--max-steps", "1", "--name", "origin"]
    assert run("fit", "poems.txt", "--origin-filter", *options).exit_code == 0
    config = json.loads((project / "runs" / "origin" / "config.json").read_text(encoding="utf-8"))
    assert config["model"] == {**dataclasses.asdict(PRESETS["o1"][0]), "units": 8}
    assert config["training"] == {**dataclasses.asdict(PRESETS["o1"][1]), "max_steps": 1}


@pytest.mark.ci
def test_export_adds_a_version(project: Path) -> None:
    result = run("export", "poems.txt", "--name", "mini")
    assert result.output.endswith("exported saved_models/mini/2\n")
    options = ["sample", "--json", "--begin", "山", *PRINTED, "--model"]
    newest, first = run(*options, "mini"), run(*options, "saved_models/mini/1")
    assert newest.stderr == "model: saved_models/mini/2\n"
    assert newest.stdout == first.stdout
    assert run(*options, "saved_models/mini").stderr == "model: saved_models/mini/2\n"


TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
LINES = ["白日依山盡", "黃河入海流", "欲窮千里目", "更上一層樓"]


@pytest.mark.parametrize(
    "typed",
    [TOWER, f"登楼:{TOWER}", TOWER.replace("。", "。\n"), "\n".join(LINES), "登樓\n" + "，\n".join(LINES) + "。\n"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_check_reads_standard_input(typed: str, encoding: str) -> None:
    result = CliRunner().invoke(main, ["check"], input=typed.encode(encoding))
    assert result.exit_code == 0
    told = result.stderr.splitlines()
    assert re.fullmatch("standard input: 1 poem, [a-z]+ in (UTF-8|GB18030)", told[0])
    assert re.fullmatch("first poem: (登[楼樓]|—) / — / 白日依山尽，黄河入海流[。，].*", told[1])
    head, *body, verdict, empty = result.stdout.splitlines()
    assert head.endswith("五绝　仄起　尤韵")
    assert body[2:4] == ["黄河入海流", "平平仄仄平"]
    assert (len(body), verdict, empty) == (8, "Passes at the level strict.", "")


def test_check_judges_files(tmp_path: Path) -> None:
    path = tmp_path / "poems.txt"
    path.write_text(f"登楼:{TOWER}\n错:{TOWER.replace('黄', '白')}\n又:{TOWER}\n月:moon\n", encoding="utf-8")
    strict, loose = run("check", str(path)), run("check", str(path), "--level", "loose")
    assert strict.exit_code == loose.exit_code == 0
    assert strict.stderr.splitlines() == [
        f"{path}: 3 poems, lines in UTF-8",
        f"first poem: 登楼 / — / {TOWER}",
        "left out: 1 Latin letter or digit, 1 exact duplicate",
    ]
    assert "孤平: line 2, character 3, 平 here or at 1 is required. Received: 入.\nFails" in strict.stdout
    assert "孤平" not in loose.stdout
    table = [row.split() for row in strict.stdout.splitlines()[-3:]]
    assert table[1:] == [["全部", "2", "2", "2", "1"], ["五绝", "2", "2", "2", "1"]]
    records = [json.loads(line) for line in run("check", str(path), "--json").stdout.splitlines()]
    assert [(record["title"], record["author"]) for record in records] == [("登楼", ""), ("错", "")]
    assert [record["by_level"]["strict"]["passed"] for record in records] == [True, False]
    assert records[0]["text"] == TOWER


@pytest.mark.parametrize(
    ("arguments", "head"),
    [
        (["床前明月光，疑是地上霜。举头望明月，低头思故乡。"], "五绝"),
        (["白日依山尽 黄河入海流 欲穷千里目 更上一层楼"], "五绝　仄起　尤韵"),
        (["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"], "五绝　仄起　尤韵"),
    ],
)
def test_check_takes_a_typed_poem(arguments: list[str], head: str) -> None:
    result = run("check", *arguments)
    assert result.stdout.startswith(head)
    assert result.stderr.startswith("a typed poem: 1 poem, lines in UTF-8\n")


def test_check_takes_spaces_for_marks_and_an_author_below_the_title() -> None:
    spaced = CliRunner().invoke(main, ["check"], input="白日依山尽 黄河入海流 欲穷千里目 更上一层楼".encode())
    assert "Passes at the level strict." in spaced.stdout
    titled = CliRunner().invoke(main, ["check"], input=f"登鹳雀楼\n王之涣\n{TOWER}".encode())
    assert titled.stdout.startswith("登鹳雀楼　王之涣　五绝　仄起　尤韵")


def test_a_format_and_a_size_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "poems.txt"
    path.write_text(f"{TOWER}\n床前明月光，疑是地上霜。举头望明月，低头思故乡。\n", encoding="utf-8")
    assert run("check", str(path)).stderr.startswith(f"{path}: 2 poems, lines in UTF-8\n")
    whole = run("check", str(path), "--format", "whole")
    assert whole.stderr.startswith(f"{path}: 1 poem, whole in UTF-8\n")
    assert "at most 1e-08 GB" in run("check", str(path), "--max-size", "1e-8").stderr


def test_what_is_doubtful_or_unreadable_is_said(tmp_path: Path) -> None:
    quiet = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
    (tmp_path / "a.txt").write_text(f"{TOWER}\n{quiet}\n\n{TOWER}\n", encoding="utf-8")
    (tmp_path / "b.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    told = run("check", str(tmp_path)).stderr.splitlines()
    assert told[2].startswith(
        "Doubtful: each line was taken for a poem, although blank lines stand between some. --format"
    )
    assert told[3].startswith(f"unreadable: {tmp_path / 'b.doc'}: Plain text is required: save it as plain text.")
    assert told[4] == "left out: 1 exact duplicate, 1 unreadable"


def test_check_starts_without_tensorflow() -> None:
    code = (
        "import sys\nfrom tangshi_tf.cli import main\nmain(['check'], standalone_mode=False)\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=TOWER.encode(), capture_output=True, check=True)
    assert done.stdout.decode().startswith("五绝")


def test_pinyin_stands_above_the_characters(project: Path) -> None:
    options = ["sample", "--model", "mini", "--begin", "白日依山尽，", "--max-length", "12", "--pinyin", "--seed", "1"]
    above, line, *rest = run(*options).stdout.splitlines()
    assert above.split()[:5] == ["bái", "rì", "yī", "shān", "jǐn"]
    assert line.startswith("白  日 依 山   尽  ，")
    assert len(run(*options, "--tones").stdout.splitlines()) == (2 + len(rest)) // 2 * 3
    record = json.loads(run(*options, "--json").stdout)
    assert len(record["pinyin"]) == len(record["poem"])


def test_traditional_characters_are_printed(project: Path) -> None:
    options = [
        "sample",
        "--model",
        "mini",
        "--begin",
        "云里黄河尽，",
        "--max-length",
        "12",
        "--traditional",
        "--seed",
        "1",
    ]
    assert run(*options).stdout.startswith("雲裏黃河盡，")
    record = json.loads(run(*options, "--json").stdout)
    assert record["poem"].startswith("云里黄河尽，")
    assert len(record["traditional"]) == len(record["poem"])
