"""The command `tangshi-tf`, also as `python -m tangshi_tf`."""

import signal

__all__ = ["run"]


def run() -> None:
    """Run the command line. Ctrl-C shows no traceback, not even while the commands are still being imported."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tangshi_tf.cli import main

    main()


if __name__ == "__main__":
    run()
