"""Several workers on this machine, as TF_CONFIG describes them."""

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.paths import ROOT


def start_cluster(command: Sequence[str], count: int, cwd: Path = ROOT) -> list["subprocess.Popen[bytes]"]:
    """Start the same command as so many workers; the first is the chief."""
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(count)]
    workers = []
    for index in range(count):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(config), "CUDA_VISIBLE_DEVICES": ""}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        workers.append(
            subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        )
    return workers


def run_cluster(command: Sequence[str], count: int, cwd: Path = ROOT) -> list[tuple[int, str]]:
    """Run the same command as so many workers, and return the exit status and the last errors of each."""
    ends = []
    for worker in start_cluster(command, count, cwd):
        _, error = worker.communicate(timeout=300)
        ends.append((worker.returncode, error.decode(errors="replace")[-3000:]))
    return ends


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
