"""What the examples and the benchmark of the start ask for is the sampler by default."""

import re

import pytest

from tangshi_tf.text_kind import TEXT_KINDS
from tests.paths import ROOT

FILES = [
    "benchmarks/start_up.py",
    "examples/in_a_pipeline.py",
    "examples/poem.c",
    "examples/serving/generate-columns.json",
    "examples/serving/grpc_client.py",
]


@pytest.mark.parametrize("file", FILES)
def test_the_knobs_are_the_defaults(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8").lower()
    for name, value in TEXT_KINDS["poems"].sampler.items():
        found = re.findall(rf'\b{name}"?\s*[=:]\s*(?:\(tf\.float32, |\[)?([\d.]+)', text)
        assert found, name
        assert {float(number) for number in found} == {value}
