"""TensorFlow Serving: every request of the README, read as a server reads it and answered as a server answers it."""

import json
import re
import runpy
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from tangshi_tf.generation.inputs import INPUTS
from tests.end_to_end.test_examples import run_alone
from tests.paths import ROOT

FOLDER = ROOT / "saved_models" / "tangshi" / "1"
SERVING = ROOT / "examples" / "serving"
URL = "http://localhost:8501/v1/models/tangshi"
JSON_TYPES: dict[Any, set[Any]] = {tf.string: {str}, tf.float32: {int, float}, tf.int32: {int}, tf.int64: {int}}

Predict = Callable[[Any], Any]


def commands() -> list[list[str]]:
    """Return the words of each command in the README."""
    blocks = re.findall(r"```bash\n(.*?)```", (SERVING / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def body(command: list[str]) -> str:
    """Return what curl -d posts: a file without its line ends, or the argument itself."""
    data = command[command.index("-d") + 1]
    return (ROOT / data[1:]).read_text(encoding="utf-8").replace("\n", "") if data.startswith("@") else data


POSTED = {command[2]: body(command) for command in commands() if command[:2] == ["curl", "-d"]}


def rest(text: str, definitions: Any) -> Any:
    """Return the PredictRequest that TensorFlow Serving's REST API makes of a JSON text, by its documentation."""
    asked = json.loads(text)
    assert set(asked) in ({"instances"}, {"inputs"}, {"signature_name", "instances"}, {"signature_name", "inputs"})
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = asked.get("signature_name", "serving_default")
    inputs = definitions[request.model_spec.signature_name].inputs
    if "instances" in asked:
        rows = asked["instances"]
        if not isinstance(rows[0], dict):
            (only,) = inputs  # a list of bare values is for signatures of one input
            rows = [{only: row} for row in rows]
        assert all(set(row) == set(inputs) for row in rows)
        columns = {name: [row[name] for row in rows] for name in inputs}
    else:
        columns = asked["inputs"]
    for name, values in columns.items():
        dtype = tf.as_dtype(inputs[name].dtype)
        assert {type(value) for value in values} <= JSON_TYPES[dtype], name
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values, dtype))
    return request


def check(request: Any, definition: Any) -> None:
    """Assert what a server requires of a request before it runs the graph."""
    assert set(request.inputs) == set(definition.inputs)
    for name, value in request.inputs.items():
        expected = definition.inputs[name]
        assert value.dtype == expected.dtype, name
        shape = tf.TensorShape([size.size for size in value.tensor_shape.dim])
        assert tf.TensorShape(expected.tensor_shape).is_compatible_with(shape), name


def arrays(protos: Any) -> dict[str, Any]:
    return {name: tf.make_ndarray(proto) for name, proto in protos.items()}


def assert_same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert set(ours) == set(theirs)
    for name, value in ours.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, theirs[name], rtol=1e-5)
        else:
            np.testing.assert_array_equal(value, theirs[name])


@pytest.fixture(scope="module")
def definitions() -> Any:
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((FOLDER / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    return graph.signature_def


@pytest.fixture(scope="module")
def model() -> Any:
    return tf.saved_model.load(str(FOLDER))


@pytest.fixture(scope="module")
def predict() -> Iterator[Predict]:
    """Answer requests as a server does: a session runs the tensors that the signature names, with no Python of ours."""
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    with graph.as_default():
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(FOLDER))

    def answer(request: Any) -> Any:
        definition = loaded.signature_def[request.model_spec.signature_name or "serving_default"]
        check(request, definition)
        fed = {definition.inputs[name].name: value for name, value in arrays(request.inputs).items()}
        response = predict_pb2.PredictResponse()
        for name, value in session.run({name: out.name for name, out in definition.outputs.items()}, fed).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value, definition.outputs[name].dtype))
        return response

    yield answer
    session.close()


@pytest.fixture(scope="module")
def address(predict: Predict) -> Iterator[str]:
    """Where a server of the service PredictionService listens, on this machine only."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
            if request.model_spec.name != "tangshi":
                context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request.model_spec.name}")
            return predict(request)

    server = grpc.server(ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.mark.ci
@pytest.mark.parametrize("data", POSTED)
def test_a_request_of_the_readme_is_answered(data: str, definitions: Any, model: Any, predict: Predict) -> None:
    request = rest(POSTED[data], definitions)
    name = request.model_spec.signature_name
    check(request, definitions[name])
    asked = arrays(request.inputs)
    tensors = {key: tf.constant(value, definitions[name].inputs[key].dtype) for key, value in asked.items()}
    signature = {key: value.numpy() for key, value in model.signatures[name](**tensors).items()}
    served = arrays(predict(request).outputs)
    assert set(served) == set(signature)
    assert {len(value) for value in served.values()} == {2}
    if name == "serving_default":  # whose seed is fresh
        for begin, *poems in zip(asked["begin"], served["poem"], signature["poem"], strict=True):
            assert all(poem.startswith(begin) and len(poem) > len(begin) for poem in poems)
        return
    plain = {key: value.numpy() for key, value in getattr(model, name)(**tensors).items()}
    assert_same(signature, plain)
    assert_same(served, plain)
    if name == "generate":
        assert all(plain["poem"])
        assert not any(plain["problem"])
    else:
        assert (plain["nll"] > 0).all()


def test_the_readme_shows_every_signature_that_takes_text_in_both_forms(definitions: Any) -> None:
    asked = [json.loads(text) for text in POSTED.values()]
    forms = {(form.get("signature_name", "serving_default"), key) for form in asked for key in form}
    for name, definition in definitions.items():
        if any(value.dtype == tf.string for value in definition.inputs.values()):
            assert {(name, "instances"), (name, "inputs")} <= forms
    assert {path.name for path in SERVING.glob("*.json")} == {Path(d).name for d in POSTED if d.startswith("@")}


def test_every_command_of_the_readme_names_what_exists() -> None:
    programs = set()
    for program, *words in commands():
        programs.add(program)
        if program == "curl":
            expected = {f"{URL}:predict"} if "-d" in words else {URL, f"{URL}/metadata"}
            assert words[-1] in expected
        elif program == "docker":
            source, target, mode = words[words.index("-v") + 1].split(":")
            assert (target, mode, words[-1]) == ("/models/tangshi", "ro", "tensorflow/serving")
            assert "MODEL_NAME=tangshi" in words
            assert [words[i + 1] for i, word in enumerate(words) if word == "-p"] == ["8500:8500", "8501:8501"]
            assert Path(source.replace("$PWD", str(ROOT))) == FOLDER.parent
        elif program == "tensorflow_model_server":
            options = dict(word.removeprefix("--").split("=") for word in words)
            assert options == {
                "port": "8500",
                "rest_api_port": "8501",
                "model_name": "tangshi",
                "model_base_path": "$PWD/saved_models/tangshi",
            }
        elif program == "python":
            assert (ROOT / words[0]).is_file()
        else:
            assert [program, *words] == ["pip", "install", "tensorflow-serving-api"]
    assert programs == {"curl", "docker", "tensorflow_model_server", "python", "pip"}


def test_outputs_are_text_and_numbers_in_json(definitions: Any) -> None:
    for definition in definitions.values():
        assert not any(name.endswith("_bytes") for name in definition.outputs)  # they would be base64


def test_the_clients_request_has_every_input(definitions: Any) -> None:
    build_request = runpy.run_path(str(SERVING / "grpc_client.py"))["build_request"]
    request = build_request(["山", "月"], [1, 2], top_k=5)
    check(request, definitions["generate"])
    assert {name: tf.as_dtype(value.dtype) for name, value in request.inputs.items()} == {
        name: dtype for name, (dtype, _) in INPUTS.items()
    }
    assert tf.make_ndarray(request.inputs["top_k"]).tolist() == [5]
    with pytest.raises(TypeError, match="Received: topk"):
        build_request(["山"], [1], topk=5)


@pytest.mark.ci
def test_the_client_prints_the_poem_of_its_seed(address: str, model: Any, tmp_path: Path) -> None:
    done = run_alone("serving/grpc_client.py", tmp_path, address, "明月", "7")
    assert done.returncode == 0, done.stderr
    plain = model.generate("明月", temperature=1.0, top_p=0.85, repetition_penalty=2.5, seed=7)
    assert done.stdout == plain["poem"].numpy()[0].decode() + "\n"


@pytest.mark.ci
def test_the_client_asks_for_several_and_is_told_why_one_has_no_poem(address: str, model: Any) -> None:
    client = runpy.run_path(str(SERVING / "grpc_client.py"))
    ask, build_request = client["ask"], client["build_request"]
    plain = model.generate(
        ["山", "月"], temperature=1.0, top_p=0.85, repetition_penalty=2.5, seed=[1, 2], init_state="random"
    )
    poems = ask(address, build_request(["山", "月"], [1, 2], init_state="random"))
    assert [poem.encode() for poem in poems] == plain["poem"].numpy().tolist()
    (reason,) = ask(address, build_request(["山"], [1], temperature=-1.0))
    assert reason.startswith("temperature of at least 0")


@pytest.mark.ci
def test_without_a_server_the_client_says_so_on_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_alone("serving/grpc_client.py", tmp_path, address)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"No poem from {address}: UNAVAILABLE: ")


@pytest.mark.ci
def test_warm_up_requests_can_be_answered(predict: Predict, tmp_path: Path) -> None:
    (tmp_path / "assets.extra").mkdir()
    program = [sys.executable, "-X", "utf8", str(SERVING / "write_warmup.py")]
    done = subprocess.run([*program, str(tmp_path)], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    assert done.stdout == f"{path}\n"
    names = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog()
        log.ParseFromString(record)
        assert predict(log.predict_log.request).outputs
        names.append(log.predict_log.request.model_spec.signature_name)
    assert names == ["generate", "serving_default", "score"]
