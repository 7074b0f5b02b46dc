"""Whatever is said in English is said in Chinese: messages are collected from the sources, help from the commands."""

import ast
import errno
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tangshi_tf import errors
from tangshi_tf.cli import main
from tangshi_tf.cli.catalogue import find_language, translate
from tangshi_tf.cli.help import _LANG, _paragraphs, wrapped
from tangshi_tf.corpus.cleaning import _FAULTS
from tangshi_tf.corpus.formats import FORMATS
from tangshi_tf.saving import saved_model
from tangshi_tf.shipped import find_resource
from tests.paths import PACKAGE

CATALOGUE: dict[str, dict[str, str]] = json.loads((PACKAGE / "cli" / "zh.json").read_text(encoding="utf-8"))
INSIDE = ("notes", "faults", "items", "parts")  # the sections for what stands inside a message, or in a table
HAN = re.compile("[\u4e00-\u9fff]")
WORD = re.compile("[A-Za-z]{2}")

# The arguments of these are messages. Of the errors of tokens and states none comes to the command line: only programs
# pass those.
MESSAGES = {*errors.__all__, "BadParameter", "UsageError", "echo", "fail", "say"} - {
    "StateError",
    "TokenError",
    "first_line",
}
MESSAGES |= {"first_call", "phase", "tracked"}  # what is being done
MESSAGES |= {"error", "_error"}  # of the kind that a caller asks for
# A problem of the SavedModel, and what `no_such` says.
NOT_LITERAL = {
    "generation/batch.py ConfigError",
    "cli/group.py UsageError",
    "cli/help.py UsageError",
    "phases.py phase",
}

# Functions and constants whose every text is a message …
SAID = {
    "cli/console.py": ["estimated", "_planned", "left_out", "_progress_line", "understood"],
    "cli/group.py": ["_message"],
    "cli/suggestions.py": ["no_such"],
    "generation/planner.py": ["plan_prose"],
    "training/learning_curve.py": ["curve_text"],
    "verse/checker.py": ["__str__"],
    "verse/display.py": ["judgement", "_readings"],
}
# … or a part of one, or stands in a table.
PARTS = {
    "cli/console.py": ["_unknown"],
    "cli/printing.py": ["fault"],
    "corpus/documents.py": ["_SIGNATURES", "_INSIDE_ZIP", "name_document"],
    "corpus/formats.py": ["_doubts"],
    "corpus/layouts.py": ["_DOUBT_LINES", "_DOUBT_RHYMED", "_DOUBT_CHANGES"],
    "corpus/objects.py": ["_DOUBT_CHAT", "_DOUBT_STRINGS"],
    "evaluation/report_tables.py": ["tables"],
    "evaluation/verse_report.py": ["KINDS"],
    "generation/planner.py": ["_note", "_DUE", "_PLACE"],
    "verse/checker.py": ["found"],
    "verse/display.py": ["_reading"],
}
NO_TEXT = {
    "tensorflow.",  # the beginning of a module's name
    "distinct-1 / -2 / -3",  # the name of a measure
    "{}in {}",  # "{} in {}" as it is put together
}
OTHER_PARTS = {
    *("{} {}", "{} in {}"),  # a count and what is counted; faults and the form in which they are some
    *("train", "validation", "test", "poems", "prose", "characters", "words"),
    *("no text", "origin filter", "exact duplicate", "none", "none here", "standard input"),
    *("command", "option", "padding", "start", "end of poem", "end of title", "unknown"),
    *("fields", "elements", "columns"),  # of files
    *("a typed poem", "unreadable", *FORMATS),
    *("a web page", "a LaTeX document", "an SQL script", "a file of subtitles", "a file of timed lyrics"),
    *("another corpus", "another vocabulary", "{} {} in place of {}"),
    *("running", "finished", "stopped", "new", "damaged", "exported", "included"),  # states of runs and versions
    *("integer", "integer range", "float", "float range"),  # click's
    *(os.strerror(number) for number in errno.errorcode),  # the system's, as many as have an entry
}
# What click says. Another version may say it in other words, which stay English.
CLICK = {
    *("Error: {}", "Try '{}' for help.", "Missing command.", "Option {} requires an argument."),
    *("Missing argument {}.", "Missing option {}."),
    *("Option {} does not take a value.", "Got unexpected extra argument ({})", "Got unexpected extra arguments ({})"),
    *("Invalid value for {}: {}", "{} is not one of {}.", "{} is not in the range {}.", "{} is not a valid {}."),
    *("File {} is a directory.", "File {} is not writable.", "File {} does not exist.", "File {} is not readable."),
}


def run(*arguments: str, **settings: str) -> Result:
    return CliRunner(env=settings).invoke(main, list(arguments), prog_name="tangshi-tf")


def normal(template: str) -> str:
    """Return a template without the names of its placeholders; two beside each other are one."""
    return re.sub(r"(\{\w*\})+", "{}", template).strip(" ")


def templates(node: ast.AST) -> list[str]:
    """Return what an expression may come to, placeholders for what is computed."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=one, orelse=other):
            return templates(one) + templates(other)
        case ast.FormattedValue(value=ast.IfExp() as value):
            return templates(value)
        case ast.JoinedStr(values=parts):
            pass
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts = [left, right]
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(attr="strings"), attr="join"), args=[ast.List(elts=parts)]
        ):
            pass
        case _:
            return ["{}"]
    return ["".join(choice) for choice in itertools.product(*map(templates, parts))]


def texts(node: ast.AST) -> Iterator[str]:
    """Yield every text inside a function or an assignment, docstrings and keys aside."""
    found = [text for text in templates(node) if WORD.search(text.replace("{}", ""))]
    if found:
        yield from found
        return
    for child in ast.iter_child_nodes(node):
        docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        key = isinstance(node, ast.Subscript) and child is node.slice
        if not (docstring or key or isinstance(child, (ast.arguments, ast.FormattedValue))):
            yield from texts(child)


@cache
def parsed(file: str) -> ast.Module:
    return ast.parse((PACKAGE / file).read_text(encoding="utf-8"))


def named(file: str, name: str) -> ast.AST:
    """Return a function or the value of a constant."""
    nodes = list(ast.walk(parsed(file)))
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.Module(node.body, [])
    for node in nodes:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == name and isinstance(node, (ast.Assign, ast.AnnAssign)):
            assert node.value is not None
            return node.value
    raise AssertionError(f"{file} has no {name}")


def calls(file: str) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "id", getattr(node.func, "attr", "")), node


@cache
def sources() -> list[str]:
    return [path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py"))]


def lines(found: Iterator[str] | list[str]) -> set[str]:
    """Return the lines that have words, by which `echo` translates."""
    split = {normal(line) for text in found for line in text.split("\n")}
    return {line for line in split if WORD.search(line.replace("{}", ""))} - NO_TEXT


def problem_templates() -> Iterator[str]:
    """Yield the `problem`s of the SavedModel, as inputs.py and planner.py put them together."""
    for node in ast.walk(named("generation/inputs.py", "problems")):
        if isinstance(node, ast.Tuple) and isinstance(node.elts[-1], ast.Constant) and len(node.elts) == 3:
            yield f"{node.elts[-1].value!s}; received {{}}."
    required = [
        f"{name} of {examples}" for name, examples in ast.literal_eval(named("generation/planner.py", "_NAMES")).items()
    ]
    for node in ast.walk(named("generation/planner.py", "_problem")):
        if isinstance(node, ast.Tuple) and len(node.elts) == 3 and isinstance(node.elts[1], ast.Constant):
            required.append(str(node.elts[1].value))
    for name, call in calls("generation/planner.py"):
        if name == "_received" and isinstance(call.args[0], ast.Constant):
            required.append(str(call.args[0].value))
    yield from (f"{one} is required; received {{}}." for one in required)


@cache
def collected() -> dict[str, set[str]]:
    """Return what is said, by section of the catalogue."""
    said: list[str] = list(problem_templates())
    parts: list[str] = [reason for reason, _ in _FAULTS]
    for file in sources():
        for name, call in calls(file):
            if name in MESSAGES and call.args:
                section = call.args[1] if len(call.args) > 1 and name == "say" else None
                if section is None:
                    said += templates(call.args[0])
            elif name == "table":
                parts += texts(call.args[0])
            elif name == "Fault":
                parts += [text for argument in call.args[3:] for text in templates(argument)]
    for file, names in SAID.items():
        said += [text for name in names for text in texts(named(file, name))]
    for file, names in PARTS.items():
        parts += [text for name in names for text in texts(named(file, name))]
    for node in ast.walk(named("corpus/cleaning.py", "clean")):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            parts += templates(node.value.elts[1])
    return {"messages": lines(said) | CLICK, "parts": lines(parts)}


@cache
def help_texts() -> set[str]:
    """Return every text of help, as it is shown."""
    found = {"Usage: ", "Options:", "Commands:", "[OPTIONS]", "COMMAND", "[ARGS]...", str(_LANG.help)}
    for command in (main, *main.commands.values()):
        context = click.Context(command, help_option_names=["-h", "--help"])
        found.update(*(_paragraphs(text) for text in (command.help, command.epilog) if text))
        options = [one for one in command.get_params(context) if isinstance(one, click.Option) and not one.hidden]
        assert all(one.help for one in options)
        for option in options:
            _, row = option.get_help_record(context) or ("", "")
            facts = row.removeprefix(str(option.help)).strip(" []").split("; ")
            words = [fact for fact in facts if fact and not set("<>") & set(fact)]  # a range has none
            found.update([str(option.help), *words])
    return {text for text in found if not text.startswith("\b")}


def entries(*sections: str) -> set[str]:
    return {normal(template) for section in sections for template in CATALOGUE[section]}


@pytest.mark.parametrize(("kind", "sections"), [("messages", ["messages"]), ("parts", INSIDE)])
def test_every_text_has_a_translation(kind: str, sections: list[str]) -> None:
    assert len(collected()[kind]) > 40
    assert collected()[kind] - entries(*sections) == set()


@pytest.mark.parametrize(("kind", "sections"), [("messages", ["messages"]), ("parts", INSIDE)])
def test_every_translation_is_of_a_text(kind: str, sections: list[str]) -> None:
    known = collected()[kind] | (OTHER_PARTS if kind == "parts" else set())
    assert entries(*sections) - known == set()


def test_the_parts_of_anything_match_nothing_else() -> None:
    """They are looked up for words of the system too, which a short pattern would garble."""
    assert all(len(re.sub(r"\{\w+\}", "", template)) > 25 for template in CATALOGUE["parts"] if "{" in template)


def test_other_parts_are_translated_too() -> None:
    missing = OTHER_PARTS - entries(*INSIDE)
    assert missing <= {os.strerror(number) for number in errno.errorcode}


def test_all_of_help_is_translated() -> None:
    assert {text for text in help_texts() if translate(text, "zh", "help") == text} == set()
    said = {translate(text, "zh", "help") for text in help_texts()}
    patterns = [
        re.escape(chinese).replace(r"\{default\}", ".*").replace(r"\{value\}", ".*")
        for chinese in CATALOGUE["help"].values()
    ]
    assert all(any(re.fullmatch(pattern, text) for text in said) for pattern in patterns)


def test_messages_are_literal() -> None:
    """Else the collector does not see them."""
    found = set()
    for file in sources():
        for name, call in calls(file):
            if name in MESSAGES - {"echo", "say"} and call.args and templates(call.args[0]) == ["{}"]:
                found.add(f"{file} {name}")
    assert found == NOT_LITERAL


@pytest.mark.parametrize("section", CATALOGUE)
def test_placeholders_agree(section: str) -> None:
    for english, chinese in CATALOGUE[section].items():
        names = re.findall(r"\{(\w+)\}", english)
        assert len(set(names)) == len(names), english
        used = re.findall(r"\{(\w+)(?::(\w+))?\}", chinese)
        assert {name for name, _ in used} <= set(names), english
        assert {kind for _, kind in used} <= {"", "list", *CATALOGUE}, english
        lost = set(names) - {name for name, _ in used} - {"plural", "same"}
        assert not lost, english
        assert HAN.search(chinese) or not WORD.search(re.sub(r"token|\{\w+\}", "", english)), english


@pytest.mark.parametrize("name", ["", *main.commands])
@pytest.mark.parametrize("after", [True, False])
def test_help_is_chinese(name: str, after: bool) -> None:
    words = (
        [name, "--help", "--lang", "zh"] if after and name else ["--lang", "zh", *([name] if name else []), "--help"]
    )
    result = run(*words)
    assert result.exit_code == 0
    assert result.output.startswith("用法：tangshi-tf ")
    shown = "".join(result.output.split())
    command = main.commands[name] if name else main
    for option in command.get_params(click.Context(command)):
        if isinstance(option, click.Option) and not option.hidden:
            chinese = translate(str(option.help), "zh", "help")
            assert "".join(chinese.split()) in shown, option.name
    for paragraph in _paragraphs(f"{command.help}\n\n{command.epilog or ''}"):
        chinese = translate(paragraph, "zh", "help")
        assert "".join(chinese.replace("\b", "").split()) in shown
    english = run(*[word for word in words if word not in ("--lang", "zh")]).output
    assert not re.search("用法|选项|默认", english)
    assert english.startswith("Usage: tangshi-tf ")


def test_the_list_of_commands_is_chinese() -> None:
    rows = re.findall(r"^  (\w+) +(.*)$", run("--lang", "zh", "--help").output.partition("命令：\n")[2], re.MULTILINE)
    assert dict(rows) == {
        name: translate(_paragraphs(str(command.help))[0], "zh", "help").partition("。")[0] + "。"
        for name, command in main.commands.items()
    }


def test_chinese_is_wrapped_by_columns() -> None:
    text = wrapped("用 gzip 或 xz 压缩，编码为 UTF-8。格式（见下）", 12)
    assert text == "用 gzip 或\nxz 压缩，编\n码为 UTF-8。\n格式（见下）"


ERRORS = [
    (["fit", "missing.txt"], 1, "语料文件 missing.txt 不存在"),
    (["check", "missing.txt", "--level", "loose", "--json"], 1, "--level 和 --json 不能同时用：JSON 里各级都有。"),
    (["fit", "--batch-size", "9"], 1, "--batch-size 只能用于 --text prose，不能用于 --text poems。"),
    (["evaluate", "--count", "9"], 1, "--count 要和 --verse 一起用。"),
    (["fit", "--name", "../up"], 1, "--name 要能作文件夹的名字，不能是 '../up'。"),
    (
        ["sample", "--model", "nobody"],
        1,
        "找不到模型 'nobody'：要用 ./saved_models 里的名字（现有：无），或者装有 SavedModel 的文件夹。",
    ),
    (
        ["check", "moon.txt"],
        1,
        "moon.txt 里没有诗（略去：有西文字母或数字 1、太短 1）",
    ),
    (["haiku"], 2, "没有命令 'haiku'。"),
    (["train"], 2, "没有命令 'train'。是不是 'fit'？"),
    (["sampl"], 2, "没有命令 'sampl'。是不是 'sample'？"),
    (["sample", "--begi"], 2, "没有选项 '--begi'。是不是 '--begin'？"),
    (["sample", "--t"], 2, "没有选项 '--t'。是不是这几个之一：'--tones', '--top-k', '--top-p'？"),
    (["sample", "--zzz", "red"], 2, "没有选项 '--zzz'。"),
    (["sample", "--begin"], 2, "选项 '--begin' 后面要有值。"),
    (["sample", "--tones=1"], 2, "选项 '--tones' 后面不带值。"),
    (["sample", "山"], 2, "多了参数（山）"),
    (["sample", "--count", "0"], 2, "'--count' 的值不对：0 超出范围 1<=x<=100000。"),
    (["sample", "--count", "x"], 2, "'--count' 的值不对：'x' 不是整数。"),
    (["fit", "--cell", "cnn"], 2, "'--cell' 的值不对：'cnn' 不在可选的值里：'rnn', 'lstm', 'gru'。"),
    (["sample", "--top-p", "nan"], 2, "'--top-p' 的值不对：要一个有限的数，不能是 nan。"),
    (["sample", "--output", "."], 2, "'--output' 的值不对：'.' 是文件夹，不是文件。"),
    ([], 2, "缺少命令。"),
    (["--nope"], 2, "没有选项 '--nope'。"),
]


@pytest.mark.parametrize(("arguments", "status", "message"), ERRORS)
def test_errors_are_chinese(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moon.txt").write_text("moon: over\n月:山\n", encoding="utf-8")
    result = run("--lang", "zh", *arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    *frame, last = result.stderr.splitlines()
    assert last == f"错误：{message}"
    if frame:  # click tells it of most wrong usage
        assert status == 2
        assert frame[0].startswith("用法：tangshi-tf ")
        assert re.fullmatch("运行 tangshi-tf( fit| sample)? --help 查看帮助。", frame[-2])
    english = run(*arguments).stderr if arguments else "Error: "
    assert english.splitlines()[-1].startswith("Error: ")
    assert not HAN.search(english.replace("山", ""))


def test_a_message_without_an_entry_stays_english() -> None:
    assert translate("Nobody has said this.", "zh") == "Nobody has said this."
    assert translate("exported x", "en") == "exported x"


TOWER = "白日依山尽，白河入海流。欲穷千里目，更上一层楼。"


def test_judgements_are_chinese_and_json_is_not() -> None:
    poems = f"model:{TOWER}\n又:床前明月光，疑是地上霜。\n"
    result = CliRunner().invoke(main, ["check", "--lang", "zh"], input=poems)
    assert result.stderr.splitlines() == [
        "标准输入：2 首，每行一首（编码 UTF-8）",
        f"第一首：model / — / {TOWER}",
    ]
    said = result.stdout.splitlines()
    assert said[0] == "model　五绝　仄起　尤韵"  # a title is none of our words
    assert said[9:11] == ["孤平：第 2 句第 3 字应为平（或第 1 字为平），现为“入”。", "不合格（strict 级）：1 处不合。"]
    assert "体：应为四句或八句、每句五字或七字，现为 2 句、字数 5。" in said
    assert said[-4].split() == ["诗", "loose", "regulated", "strict"]
    assert [
        CliRunner().invoke(main, ["check", "--json", *zh], input=poems).stdout for zh in ([], ["--lang", "zh"])
    ] == [CliRunner().invoke(main, ["check", "--json"], input=poems).stdout] * 2


@pytest.fixture(scope="module")
def poet() -> Iterator[None]:
    """The model in the box, loaded once."""
    loaded = saved_model.load(find_resource("saved_models/tangshi/1"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "load", lambda path: loaded)
        yield


@pytest.mark.ci
@pytest.mark.usefixtures("poet")
def test_problems_are_chinese() -> None:
    refused = run("sample", "--lang", "zh", "--form", "六绝")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1] == (
        "错误：诗体要用五绝、七绝、五律或七律（也可写 wujue、qijue、wulv、qilv），不能是“六绝”。"
    )
    noted = run("--lang", "zh", "sample", "--form", "五绝", "--begin", "春眠不觉晓，处处闻啼鸟", "--seed", "1")
    assert noted.stdout.startswith("春眠不觉晓，处处闻啼鸟")
    model, note = noted.stderr.splitlines()
    assert model.startswith("模型：")
    assert note.startswith("第 1 首：给出的文字不合律：按五绝 ")
    assert "韵脚“鸟”应同押一个平声韵部且不重复。" in note


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        ("", {}, "en"),
        ("", {"LANG": "zh_CN.UTF-8"}, "zh"),
        ("", {"LANG": "zh_TW.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ("", {"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ("", {"LANG": "C", "LC_MESSAGES": "C", "LC_ALL": "zh_CN.UTF-8"}, "zh"),
        ("", {"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ("--lang en fit", {"LANG": "zh_CN.UTF-8"}, "en"),
        ("fit --lang=zh", {"LANG": "C"}, "zh"),
        ("--lang en fit --lang zh", {}, "zh"),
        ("fit --lang", {}, "en"),
        ("--lang fr fit", {"LANG": "zh_CN.UTF-8"}, "zh"),
        ("fit -- --lang zh", {}, "en"),
        ("fit --lang ZH", {}, "zh"),
    ],
)
def test_the_language_is_found(arguments: str, environment: dict[str, str], language: str) -> None:
    assert find_language(arguments.split(), environment) == language


@pytest.mark.parametrize(("locale", "begin"), [("zh_CN.UTF-8", "用法："), ("C", "Usage: ")])
def test_the_locale_decides(locale: str, begin: str) -> None:
    settings = {name: value for name, value in os.environ.items() if name not in ("LC_ALL", "LC_MESSAGES")}
    command = [sys.executable, "-c", "from tangshi_tf.cli import main; main()", "--help"]
    done = subprocess.run(command, env={**settings, "LANG": locale}, capture_output=True, check=True)
    assert done.stdout.decode().startswith(begin)
