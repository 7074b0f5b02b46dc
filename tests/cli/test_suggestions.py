"""Wrong names of commands and options are answered with what is meant."""

import click
import pytest
from click.testing import CliRunner

from tangshi_tf.cli import main
from tangshi_tf.cli.suggestions import COMMANDS, OPTIONS, meant, no_such

OF_COMMAND = {
    name: {opt for one in command.get_params(click.Context(command)) for opt in (*one.opts, *one.secondary_opts)}
    for name, command in {"": main, **main.commands}.items()
}


def last_line(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 2
    return result.stderr.splitlines()[-1]


@pytest.mark.parametrize(("wrong", "right"), [(wrong, names[0]) for wrong, names in COMMANDS.items()])
def test_commands_of_other_programs(wrong: str, right: str) -> None:
    assert wrong not in main.commands
    assert last_line(wrong) == f"Error: No such command {wrong!r}. Did you mean {right!r}?"


def test_options_of_other_programs() -> None:
    for wrong, names in OPTIONS.items():
        for right in names:
            own = [known for known in OF_COMMAND.values() if right in known and wrong not in known]
            assert own, (wrong, right)
            assert any(meant(wrong, known, OPTIONS) == [right] for known in own), (wrong, right)


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        (["fit", "--lr", "0.1"], "--learning-rate"),
        (["sample", "--start", "山"], "--begin"),
        (["sample", "--prompt=山"], "--begin"),
        (["sample", "-n", "3"], "--count"),
        (["sample", "--num", "3"], "--count"),
        (["sample", "--Begin", "山"], "--begin"),
        (["sample", "--tempreature", "1"], "--temperature"),
        (["sample", "--top_k", "3"], "--top-k"),
        (["sample", "--promt", "山"], "--begin"),
        (["next", "-n", "3"], "--top"),
    ],
)
def test_options_that_are_meant(arguments: list[str], right: str) -> None:
    wrong = arguments[1].partition("=")[0]
    said = last_line(*arguments)
    assert said.startswith(f"Error: No such option {wrong!r}.")
    assert repr(right) in said


@pytest.mark.parametrize(
    ("wrong", "right"), [("sampel", "sample"), ("Fit", "fit"), ("trian", "fit"), ("modles", "models")]
)
def test_misspelt_commands(wrong: str, right: str) -> None:
    assert last_line(wrong) == f"Error: No such command {wrong!r}. Did you mean {right!r}?"


def test_what_is_like_nothing_gets_no_question() -> None:
    assert last_line("明月") == "Error: No such command '明月'."
    assert last_line("fit", "--zzz") == "Error: No such option '--zzz'."
    assert no_such("option", "--t", ["--top-p", "--top-k"]).endswith(" (Did you mean one of: '--top-k', '--top-p'?)")
