import signal
import subprocess
import sys
import time

import pytest

from tangshi_tf.version import __version__


def test_the_package_is_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "tangshi_tf", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"tangshi-tf, version {__version__}\n"


@pytest.mark.parametrize("wait", [0.03, 0.1, 0.2])
def test_ctrl_c_shows_no_traceback_while_commands_are_imported(wait: float) -> None:
    """Whenever it comes after Python itself has started."""
    code = "import sys; from tangshi_tf.__main__ import run; sys.argv[1:] = ['check']; print(flush=True); run()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(wait)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert "Traceback" not in error
    assert process.returncode in (-signal.SIGINT, 128 + signal.SIGINT)
