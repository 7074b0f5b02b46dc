"""Ask TensorFlow Serving for a poem over gRPC; needs tensorflow-serving-api and nothing else.

python examples/serving/grpc_client.py [localhost:8500 [山 [1]]]
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

# A signature has no defaults: every input is sent. One value holds for all rows.
KNOBS: dict[str, tuple[Any, Any]] = {
    "title": (tf.string, ""),
    "form": (tf.string, ""),
    "rhyme": (tf.string, ""),
    "opening": (tf.string, ""),
    "acrostic": (tf.string, ""),
    "init_state": (tf.string, "zero"),
    "temperature": (tf.float32, 1.0),
    "top_p": (tf.float32, 0.85),
    "repetition_penalty": (tf.float32, 2.5),
    "top_k": (tf.int32, 0),
    "max_length": (tf.int32, 0),
}


def build_request(begin: Sequence[str], seed: Sequence[int], **knobs: Any) -> Any:
    """Return a PredictRequest for the signature `generate`: one poem for each begin."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "tangshi"
    request.model_spec.signature_name = "generate"
    values = {name: (dtype, [knobs.pop(name, default)]) for name, (dtype, default) in KNOBS.items()}
    if knobs:
        raise TypeError(f"Knobs of {', '.join(KNOBS)} are required. Received: {', '.join(knobs)}.")
    values |= {"begin": (tf.string, list(begin)), "seed": (tf.int64, list(seed))}
    for name, (dtype, value) in values.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value, dtype))
    return request


def ask(address: str, request: Any, seconds: float = 60.0) -> list[str]:
    """Return the poem of each row or, where there is none, the reason."""
    with grpc.insecure_channel(address) as channel:
        response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=seconds)
    poems, problems = (tf.make_ndarray(response.outputs[name]) for name in ("poem", "problem"))
    return [(poem or problem).decode() for poem, problem in zip(poems, problems, strict=True)]


def main() -> None:
    """Print one poem."""
    parser = argparse.ArgumentParser(description="Ask TensorFlow Serving for a poem over gRPC.")
    parser.add_argument("address", nargs="?", default="localhost:8500", help="host:port")
    parser.add_argument("begin", nargs="?", default="山", help="what the poem begins with")
    parser.add_argument("seed", nargs="?", default=1, type=int, help="names the poem; -1: a fresh one")
    given = parser.parse_args()
    try:
        print(*ask(given.address, build_request([given.begin], [given.seed])), sep="\n")
    except grpc.RpcError as error:
        reason = " ".join((error.details() or "").split())
        sys.exit(f"No poem from {given.address}: {error.code().name}: {reason}")


if __name__ == "__main__":
    main()
