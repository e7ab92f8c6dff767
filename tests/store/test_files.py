"""Files of others are regular ones, opened without waiting, and never read beyond what they may have."""

from __future__ import annotations

import ast
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from affectssm.store import files
from affectssm.store.files import check_regular, kind_of, open_regular, read_whole
from tests.corpora.damage import a_loop, a_socket, dangling, endless, fifo, folder

KINDS = {fifo: "a FIFO", endless: "a device", folder: "a folder", a_socket: "a socket"}


@pytest.mark.parametrize("made", KINDS)
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path, made) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"1")
    made(path, np.random.default_rng(0))
    for opened in (check_regular, lambda path: read_whole(path, 10)):
        with pytest.raises(OSError, match=KINDS[made]):
            opened(path)
    assert kind_of(path.stat().st_mode) == KINDS[made]


@pytest.mark.parametrize("made", [dangling, a_loop])
def test_links_that_lead_nowhere_are_refused(tmp_path: Path, made) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"1")
    made(path, np.random.default_rng(0))
    with pytest.raises(OSError, match=r"No such file|Too many levels"):
        read_whole(path, 10)


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to("a")
    assert read_whole(tmp_path / "b", 3) == b"abc"
    with open_regular(tmp_path / "b") as file:
        assert file.read(2) == b"ab" and file.read() == b"c"


def test_no_more_is_read_than_a_file_may_have(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_whole(path, 5) == b"12345"
    with pytest.raises(OSError, match="5 bytes, where 4 are the most"):
        read_whole(path, 4)
    # a regular file whose size says 0 and that holds more
    assert os.stat("/proc/self/maps").st_size == 0  # noqa: PTH116
    with pytest.raises(OSError, match="101 bytes, where 100 are the most"):
        read_whole("/proc/self/maps", 100)


def test_memory_is_asked_for_by_the_size_of_the_file_and_not_by_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1" * 1000)
    tracemalloc.start()
    try:
        assert read_whole(path, 1 << 32) == b"1" * 1000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    found = read_whole("/proc/self/maps", 1 << 32)
    assert found.endswith(b"\n") and len(found) > 1000


def test_every_reader_opens_files_in_this_way() -> None:
    """A reader that opens its file by other means waits for FIFOs and reads devices without end."""
    package = Path(files.__file__).parents[1]
    readers = [*package.glob("media/*.py"), *package.glob("corpora/*.py")]
    assert len(readers) > 20
    others = {"read_bytes", "read_text", "open", "fromfile", "loadtxt", "genfromtxt", "read_csv"}
    found = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in readers
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and _called(node) in others
    ]
    assert found == []


def _called(node: ast.Call) -> str:
    """The name of what is called; FFmpeg opens media itself, once the file is known to be one.

    What was read before, as bytes or lines, is no file.
    """
    if node.args and ast.unparse(node.args[0]) in ("io.BytesIO(data)", "lines"):
        return ""
    if isinstance(node.func, ast.Attribute):
        return "" if ast.unparse(node.func) == "av.open" else node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) and node.func.id == "open" else ""
