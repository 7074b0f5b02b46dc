"""What is printed on a terminal whose encoding lacks characters."""

import json

import click
import pytest
from click.testing import CliRunner

from tangshi_tf.cli.output import json_line, print_text


@click.command()
@click.argument("text")
def print_both(text: str) -> None:
    print_text(text + "\n")
    print_text(json_line({"text": text}) + "\n")
    print_text(json_line([text], to_file=True)[:1] + "\n")


@pytest.mark.parametrize(("encoding", "text"), [("gbk", "山🙂"), ("cp1252", "été 山"), ("latin-1", "▁")])
def test_what_an_encoding_lacks_is_escaped_and_named(encoding: str, text: str) -> None:
    result = CliRunner(charset=encoding).invoke(print_both, [text])
    lacking = [mark for mark in text if not mark.encode(encoding, "ignore")]
    assert result.exit_code == 0
    lines = result.stdout_bytes.decode(encoding).splitlines()
    assert json.loads(lines[1]) == {"text": text}
    assert lines[1].isascii()
    (note,) = result.stderr.splitlines()
    assert all(f"\\{ord(mark):x}".removeprefix("\\") in note for mark in lacking)
    assert f"the encoding {encoding} has no " in note


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_what_an_encoding_has_is_printed(encoding: str) -> None:
    result = CliRunner(charset=encoding).invoke(print_both, ["山🙂"])
    assert result.stdout_bytes.decode(encoding).splitlines()[:2] == ["山🙂", '{"text": "山🙂"}']
    assert result.stderr == ""
