"""Pictures are handed over as they are to be seen: upright, not mirrored, their pixels square."""

from __future__ import annotations

import gc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from affectssm.media.probe import probe
from affectssm.media.video import VideoReader
from tests.media.odd_videos import write_video

ONE = 1 << 16
# what a player does with a matrix of (a, b, c, d), in words of numpy
TURNS = {
    (1, 0, 0, 1): lambda image: image,
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (-1, 0, 0, -1): lambda image: np.rot90(image, 2),
    (0, 1, -1, 0): lambda image: np.rot90(image, -1),
    (0, -1, 1, 0): lambda image: np.rot90(image, 1),
    (0, 1, 1, 0): lambda image: image.swapaxes(0, 1),
    (0, -1, -1, 0): lambda image: np.rot90(image, 2).swapaxes(0, 1),
}


def write_corners(path: Path, matrix: list[int] | None = None, shape: Fraction | None = None) -> np.ndarray:
    """A picture of four unlike corners, 64 x 48; returns it as (48, 64) grey levels."""
    image = np.zeros((48, 64), np.uint8)
    image[:24, :32], image[:24, 32:], image[24:, :32] = 230, 160, 80
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if shape:
            stream.codec_context.sample_aspect_ratio = shape
        if matrix:
            stream.set_display_matrix(matrix)
        frame = av.VideoFrame.from_ndarray(image, format="gray")
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return image


def first(path: Path, **options) -> np.ndarray:
    return next(iter(VideoReader(path, **options))).image


def corners(image: np.ndarray) -> np.ndarray:
    """Grey levels in the middle of the four quarters."""
    height, width = image.shape[:2]
    return image[height // 4 :: height // 2, width // 4 :: width // 2][:2, :2].astype(int)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("turn", TURNS)
def test_every_turn_and_mirror_is_undone(tmp_path: Path, turn: tuple[int, ...], suffix: str) -> None:
    a, b, c, d = (ONE * number for number in turn)
    path = tmp_path / f"a.{suffix}"
    image = write_corners(path, [a, b, 0, c, d, 0, 0, 0, 1 << 30])
    shown = first(path, pixels="gray")
    expected = TURNS[turn](image)
    assert shown.shape == expected.shape
    np.testing.assert_allclose(corners(shown), corners(expected), atol=6)
    coloured = first(path)
    assert coloured.shape == (*expected.shape, 3)
    assert coloured.flags.c_contiguous
    small = first(path, pixels="gray", size=(32, 24))
    assert small.shape == (24, 32)
    np.testing.assert_allclose(corners(small), corners(expected), atol=6)


def test_no_picture_is_kept_after_it_was_converted(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 60)
    gc.collect()
    gc.disable()
    try:
        before = pictures_there_are()
        for picture in VideoReader(tmp_path / "a.mp4"):
            last = picture.index
        kept = pictures_there_are() - before
    finally:
        gc.enable()
    assert last == 59 and kept <= 2


def pictures_there_are() -> int:
    return sum(type(each) is av.VideoFrame for each in gc.get_objects())


@pytest.mark.parametrize(
    "matrix",
    [
        [56756, 32768, 0, -32768, 56756, 0, 0, 0, 1 << 30],  # 30 degrees
        [0, 0, 0, 0, 0, 0, 0, 0, 1 << 30],
        [2 * ONE, 0, 0, 0, 2 * ONE, 0, 640, 480, 1 << 30],  # larger, and elsewhere
    ],
)
def test_a_matrix_that_is_no_quarter_turn_leaves_the_nearest(tmp_path: Path, matrix: list[int]) -> None:
    image = write_corners(tmp_path / "a.mp4", matrix)
    np.testing.assert_allclose(corners(first(tmp_path / "a.mp4", pixels="gray")), corners(image), atol=6)


@pytest.mark.parametrize(
    ("shape", "width"),
    [((4, 3), 85), ((16, 15), 68), ((10, 11), 58), ((64, 45), 91), ((1, 1), 64), ((500, 1), 64)],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_pixels_become_square(tmp_path: Path, shape: tuple[int, int], width: int, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    image = write_corners(path, shape=Fraction(*shape))
    shown = first(path, pixels="gray")
    assert shown.shape == (48, width)
    np.testing.assert_allclose(corners(shown), corners(image), atol=6)


def test_pixels_of_a_picture_on_its_side_become_square_too(tmp_path: Path) -> None:
    quarter = [0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30]
    image = write_corners(tmp_path / "a.mp4", quarter, Fraction(4, 3))
    shown = first(tmp_path / "a.mp4", pixels="gray")
    assert shown.shape == (85, 48)
    np.testing.assert_allclose(corners(shown), corners(np.rot90(image, -1)), atol=6)


def test_the_pictures_of_a_tape_are_four_to_three(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", 2, "dvvideo", size=(720, 576))
    assert first(path).shape == (576, 768, 3)


@pytest.mark.parametrize("sizes", [[(32, 24), (64, 48)], [(64, 48), (32, 24)], [(64, 48), (64, 48)]])
def test_the_largest_of_several_streams_is_taken_and_said(
    tmp_path: Path, sizes: list[tuple[int, int]]
) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        streams = []
        for size in sizes:
            stream = out.add_stream("libx264", rate=25, options={"threads": "1"})
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            streams.append(stream)
        for number, (stream, size) in enumerate(zip(streams, sizes, strict=True)):
            image = np.full((size[1], size[0], 3), 60 + 60 * number, np.uint8)
            for _ in range(3):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            out.mux(stream.encode())
    taken = sizes.index((64, 48))
    reader = VideoReader(path)
    for _ in range(2):  # said once an iteration
        pictures = list(reader)
        assert {picture.image.shape for picture in pictures} == {(48, 64, 3)}
        assert pictures[0].image.mean() == pytest.approx(60 + 60 * taken, abs=4)
        (note,) = reader.notes
        assert (note.code, note.action) == ("several_streams", "decided")
        assert all(f"stream {k} ({w} x {h})" in note.found for k, (w, h) in enumerate(sizes))
        assert note.expected == f"one; stream {taken} (64 x 48), the largest, is taken"
    found = probe(path).video
    assert ((found[0].width, found[0].height), len(found)) == ((64, 48), 2)
    assert found[0].frames == 3
