import json
from pathlib import Path
from typing import Any

import pytest

from tangshi_tf.errors import CheckpointError
from tangshi_tf.storage.schemas import EpochRecord, Manifest, RunRecord, VersionRecord, decode, decode_lines
from tests.paths import ROOT
from tests.records import MANIFEST, epoch_record

PATH = Path("file.json")
VERSION = {"format": 1, "model": {}, "tensorflow": "2.21.0", "manifest": MANIFEST, "perplexity": {"test": 63.0}}
WRONG: list[Any] = [None, "x", "", -1, -0.5, True, [], {}, [1], {"a": None}, 2**60, 1e300, [[]]]


def epochs(line: bytes) -> Any:
    return EpochRecord


def test_what_we_write_is_read_as_it_is() -> None:
    for value, schema in [(MANIFEST, Manifest), (epoch_record(1), EpochRecord), (VERSION, VersionRecord)]:
        later = {**value, "written_by_a_later_version": [1]}
        assert decode(json.dumps(later).encode(), schema, PATH, CheckpointError) == later


def test_what_version_0_1_wrote_is_read() -> None:
    folder = ROOT / "tests" / "fixtures" / "0.1.0"
    for kind in ("poems", "prose"):
        for name, schema in [
            ("run/config.json", RunRecord),
            ("run/manifest.json", Manifest),
            ("version/assets.extra/config.json", VersionRecord),
        ]:
            path = folder / kind / name
            assert decode(path.read_bytes(), schema, path, CheckpointError) == json.loads(path.read_text("utf-8"))
        path = folder / kind / "run" / "history.jsonl"
        assert len(decode_lines(path.read_bytes(), epochs, path, CheckpointError)) == 1


def refusal(data: bytes, schema: Any) -> str:
    """Return what is said of a file that is refused, nothing of one that is taken."""
    try:
        decode(data, schema, PATH, CheckpointError)
    except CheckpointError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("value", "schema"), [(MANIFEST, Manifest), (epoch_record(1), EpochRecord), (VERSION, VersionRecord)]
)
def test_every_key_of_another_type_or_missing_is_refused_in_one_line(value: dict[str, Any], schema: Any) -> None:
    """Each value in turn becomes one of every other type; where it is still allowed, it is of the same type."""
    refused = 0
    for key, right in value.items():
        for wrong in WRONG:
            message = refusal(json.dumps({**value, key: wrong}).encode(), schema)
            if message:
                assert f"$.{key}" in message
                assert "\n" not in message
                refused += 1
            else:
                numbers = isinstance(right, int | float) and isinstance(wrong, int | float)
                assert type(wrong) is type(right) or numbers or right is None, (key, wrong)
        rest = {name: entry for name, entry in value.items() if name != key}
        if key not in ("manifest", "perplexity"):
            with pytest.raises(CheckpointError, match=f"missing required field `{key}`"):
                decode(json.dumps(rest).encode(), schema, PATH, CheckpointError)
    assert refused > 7 * len(value)


@pytest.mark.parametrize("text", ["", "{", '{"a": }', '{"loss": NaN}', '{"loss": Infinity}', "[" * 200_000, "[1]"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match=r"An undamaged JSON file is required: file\.json\. Received: ") as caught:
        decode(text.encode(), Manifest, PATH, CheckpointError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff", b'"\xe5\xb1"', '{"a": "山"}'.encode("utf-16")])
def test_what_is_no_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(CheckpointError, match="is required"):
        decode(data, Manifest, PATH, CheckpointError)


@pytest.mark.parametrize("break_", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_line_ends_with_a_line_feed_alone(break_: str) -> None:
    records = [epoch_record(epoch, poem=f"山{break_}水") for epoch in (1, 2)]
    for escaped in (True, False):
        data = "".join(json.dumps(record, ensure_ascii=escaped) + "\n" for record in records).encode()
        assert decode_lines(data, epochs, PATH, CheckpointError) == records


def test_a_line_that_is_cut_is_refused_at_the_end_too() -> None:
    data = "".join(json.dumps(epoch_record(epoch)) + "\n" for epoch in (1, 2)).encode()
    for cut in (1, 2, len(data) // 2, len(data) - 1):
        with pytest.raises(CheckpointError, match="is required"):
            decode_lines(data[:-cut], epochs, PATH, CheckpointError)
    assert decode_lines(b"", epochs, PATH, CheckpointError) == []
