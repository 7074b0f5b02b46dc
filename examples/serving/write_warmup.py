"""Write the requests that TensorFlow Serving runs before it serves a version: the first caller need not wait.

pip install tensorflow-serving-api
python examples/serving/write_warmup.py saved_models/NAME/1
"""

import sys
from pathlib import Path

import tensorflow as tf
from grpc_client import build_request  # the program beside this one
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2


def main(folder: str) -> None:
    """Write one request for each signature that takes text."""
    requests = [build_request(["山"], [1])]
    for signature, name in (("serving_default", "begin"), ("score", "poem")):
        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = signature
        request.inputs[name].CopyFrom(tf.make_tensor_proto(["山"]))
        requests.append(request)
    path = Path(folder) / "assets.extra" / "tf_serving_warmup_requests"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
    print(path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("A version folder is required: python write_warmup.py saved_models/NAME/1")
    main(sys.argv[1])
