"""Read the bytes of a file within a bound, and undo gzip, xz and bzip2."""

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import IO, Any

from tangshi_tf.errors import CorpusError, first_line

__all__ = ["LIMIT_GB", "read_packed", "unpack"]

LIMIT_GB = 2.0
_CHUNK = 1 << 22

_PACKINGS: tuple[tuple[bytes, str, Any], ...] = (
    (b"\xfd7zXZ\x00", "xz", lzma.LZMAFile),
    (b"\x1f\x8b", "gzip", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", "bzip2", bz2.BZ2File),
)


def read_packed(path: Path, limit_gb: float = LIMIT_GB) -> bytes:
    """Return what a file holds, unpacked.

    Args:
        path: of a file, a pipe or a device.
        limit_gb: the most that is read, and that is unpacked, in GB; it is checked while reading.

    Raises:
        CorpusError: if there is no such file, it cannot be read, is damaged, or is larger.
    """
    try:
        with path.open("rb") as file:
            return unpack(file, str(path), limit_gb)
    except FileNotFoundError:
        raise CorpusError(f"A corpus file is required. Received: {path}, which does not exist") from None
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"A readable corpus file is required. Received: {str(path)!r} ({first_line(error)})"
        ) from None


def unpack(file: IO[bytes], name: str, limit_gb: float = LIMIT_GB) -> bytes:
    """Return what a stream holds, unpacked; errors call it by this name.

    Raises:
        CorpusError: if it is damaged or larger than the limit.
    """
    data = _read(file, name, limit_gb)
    for magic, kind, opened in _PACKINGS:
        if data.startswith(magic):
            try:
                return _read(opened(io.BytesIO(data)), name, limit_gb)
            except (lzma.LZMAError, zlib.error, EOFError, OSError) as error:
                raise CorpusError(
                    f"An intact {kind} file is required. Received: {name} (damaged: {first_line(error)})"
                ) from None
    return data


def _read(file: IO[bytes], name: str, limit_gb: float) -> bytes:
    data = bytearray()
    while chunk := file.read(_CHUNK):
        # A device or a sparse file has no end of zeros; documents have some, and are named by their first bytes.
        if not chunk.strip(b"\0") and (len(chunk) == _CHUNK or not data):
            raise CorpusError(
                f"Text is required. Received: {name}, which is nothing but zero bytes from byte "
                f"{len(data.rstrip(bytes(1))):,} on"
            )
        data += chunk
        if len(data) > limit_gb * 1e9:
            raise CorpusError(
                f"A text of at most {limit_gb:g} GB, unpacked, is required (--max-size sets the bound). "
                f"Received: {name}, which is larger"
            )
    return bytes(data)
