import bz2
import gzip
import io
import lzma
from pathlib import Path

import pytest

from tangshi_tf.corpus.unpacking import read_packed, unpack
from tangshi_tf.errors import CorpusError

PACKINGS = [bytes, gzip.compress, lzma.compress, bz2.compress]


@pytest.mark.parametrize("pack", PACKINGS)
def test_packed_bytes_are_unpacked(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    (tmp_path / "poems").write_bytes(pack("春眠不觉晓".encode()))
    assert read_packed(tmp_path / "poems") == "春眠不觉晓".encode()


@pytest.mark.parametrize("pack", PACKINGS)
def test_the_limit_is_checked_while_unpacking(pack: object) -> None:
    assert callable(pack)
    data = pack(b"poem " * 400_000)
    assert len(unpack(io.BytesIO(data), "bomb", limit_gb=0.0021)) == 2_000_000
    with pytest.raises(CorpusError, match=r"at most 0\.001 GB, unpacked, .* Received: bomb, which is larger"):
        unpack(io.BytesIO(data), "bomb", limit_gb=0.001)


def test_an_endless_device_is_refused_at_once() -> None:
    with pytest.raises(CorpusError, match="Received: /dev/zero, which is nothing but zero bytes from byte 0 on"):
        read_packed(Path("/dev/zero"))


def test_a_sparse_file_and_a_bomb_of_zeros_are_refused_where_the_zeros_begin(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.write(b"moon")
        file.truncate(10**12)
    with pytest.raises(CorpusError, match="zero bytes from byte 4 on"):
        read_packed(tmp_path / "sparse")
    with pytest.raises(CorpusError, match="bomb, which is nothing but zero bytes from byte 0 on"):
        unpack(io.BytesIO(lzma.compress(bytes(10**7))), "bomb")


def test_zeros_inside_are_for_the_reader_of_documents() -> None:
    data = b"moon" + bytes(1_000) + b"moon"
    assert unpack(io.BytesIO(data), "x") == data
    assert unpack(io.BytesIO(data + bytes(10_240)), "x") == data + bytes(10_240)
    with pytest.raises(CorpusError, match="x, which is nothing but zero bytes from byte 0 on"):
        unpack(io.BytesIO(bytes(100)), "x")


@pytest.mark.parametrize(("pack", "kind"), [(gzip.compress, "gzip"), (lzma.compress, "xz"), (bz2.compress, "bzip2")])
def test_a_damaged_file_is_refused(pack: object, kind: str) -> None:
    assert callable(pack)
    with pytest.raises(CorpusError, match=f"An intact {kind} file is required. Received: x"):
        unpack(io.BytesIO(pack(b"poem" * 99)[:-9]), "x")
    with pytest.raises(CorpusError, match=f"An intact {kind} file is required. Received: x"):
        unpack(io.BytesIO(pack(b"")[:6] + b"nonsense"), "x")
