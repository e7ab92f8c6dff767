"""A face track is one person's: what happens when somebody else is in the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from affectssm.features.face_people import DIFFERENT, People, Person, distances
from affectssm.features.face_report import FaceReport
from affectssm.features.facebox import BOX
from affectssm.features.faces import FaceTrack, FaceTracker
from affectssm.media.video import VideoReader
from affectssm.store.shards import ShardReader, Track
from affectssm.vocabulary.faults import CODES
from tests.features.helpers import FLOW_SETTINGS, MEDIA, run
from tests.features.test_extract import corpus, extract, faults

real = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"the real media of {MEDIA} are not here")
SETTINGS = {"min_confidence": 0.5, "zoom": 1}
EMPTY = np.full((360, 320, 3), 90, np.uint8)
RATE = 25


@cache
def clip(name: str, left: int) -> list[np.ndarray]:
    """Pictures (360, 320, 3) of a real face, there and back again."""
    pictures = [
        picture.image[:, left : left + 320] for picture in VideoReader(MEDIA / "face" / f"{name}.mp4")
    ]
    return pictures + pictures[::-1]


def she(k: int) -> np.ndarray:
    return clip("WolfgangLanger_Pexels", 270)[k + 100]


def he(k: int) -> np.ndarray:
    pictures = clip("single_face", 130)
    return pictures[k % len(pictures)]


def write(path: Path, pictures: Iterator[np.ndarray] | Sequence[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = None
        for k, picture in enumerate(pictures):
            if stream is None:
                stream = container.add_stream(
                    "libx264", rate=RATE, options={"crf": "18", "preset": "ultrafast"}
                )
                stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode())
    return path


def tracked(path: Path, count: int, picture: Callable[[int], np.ndarray]) -> tuple[Track, dict[str, str]]:
    """Return the track of a video and what was said of it, by code."""
    track, source = run(FaceTrack("face_track", SETTINGS), write(path, map(picture, range(count))))
    assert len(track.valid) == count and not track.value[~track.valid].any()
    said = {note.code: note.found for note in source.notes}
    assert set(said) <= set(CODES)
    return track, said


def middles(track: Track) -> np.ndarray:
    return track.value[track.valid, 0] + track.value[track.valid, 2] / 2


def beside(left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray:
    return np.hstack([EMPTY if side is None else side for side in (left, right)])


@real
@pytest.mark.parametrize("hidden", [10, 40])
def test_ten_hidden_pictures_do_not_hand_the_track_to_the_other(tmp_path: Path, hidden: int) -> None:
    """She is seen first, he comes at 10; she is hidden from 40 on, and what is valid then is hers again."""
    gone = range(40, 40 + hidden)
    track, said = tracked(
        tmp_path / "a.mp4",
        110,
        lambda k: beside(None if k in gone else she(k), he(k) if k >= 10 else None),
    )
    np.testing.assert_array_equal(np.flatnonzero(~track.valid), gone)
    assert (middles(track) < 320).all()
    # the mesh takes a picture to notice that its face is gone
    lost, span = f"{(hidden - 1) / RATE:.2f} s", f"1.64 to {1.6 + hidden / RATE:.2f} s"
    assert said["other_face"] == f"another face in {hidden - 1} of 110 pictures, {lost}: {span}"
    assert said["face_missing_frames"] == f"a face in {110 - hidden} of 110 pictures"
    assert "several_faces" in said and "face_jump" not in said


@real
def test_the_larger_face_of_another_is_not_the_one_that_is_followed(tmp_path: Path) -> None:
    def picture(k: int) -> np.ndarray:
        small = EMPTY.copy()
        if not 40 <= k < 50:
            small[90:270, 80:240] = cv2.resize(she(k), (160, 180), interpolation=cv2.INTER_AREA)
        return beside(small, he(k) if k >= 10 else None)

    track, said = tracked(tmp_path / "a.mp4", 80, picture)
    np.testing.assert_array_equal(np.flatnonzero(~track.valid), range(40, 50))
    assert (middles(track) < 320).all() and "other_face" in said


@real
def test_a_person_who_leaves_for_good_leaves_no_valid_rows(tmp_path: Path) -> None:
    track, said = tracked(
        tmp_path / "a.mp4", 120, lambda k: beside(she(k) if k < 50 else None, he(k) if k >= 10 else None)
    )
    np.testing.assert_array_equal(track.valid, np.arange(120) < 50)
    assert "to 4.80 s" in said["other_face"]


@real
def test_whoever_started_the_camera_is_not_its_participant(tmp_path: Path) -> None:
    """He is there for 15 pictures, she for the rest: the track is hers, and says from when on."""
    track, said = tracked(
        tmp_path / "a.mp4", 90, lambda k: beside(she(k) if k >= 15 else None, he(k) if k < 15 else None)
    )
    np.testing.assert_array_equal(track.valid, np.arange(90) >= 16)
    assert "another face in 15 of 90 pictures, 0.60 s: 0.00 to 0.60 s" in said["other_face"]


@real
def test_people_who_cross_keep_their_tracks(tmp_path: Path) -> None:
    """His head passes before hers: her rows end where he covers her and begin again when he is past."""
    oval = np.zeros((210, 160), np.uint8)
    cv2.ellipse(oval, (80, 105), (75, 100), 0, 0, 360, 255, -1)

    def picture(k: int) -> np.ndarray:
        both, at = beside(she(k), None), 700 - 6 * k
        left, right = max(0, at), min(640, at + 160)
        if left < right:
            part = np.s_[:, left - at : right - at]
            seen = oval[part] > 0
            both[60:270, left:right][seen] = he(k)[40:250, 80:240][part][seen]
        return both

    track, said = tracked(tmp_path / "a.mp4", 160, picture)
    assert track.valid[:70].all() and track.valid[145:].all()
    assert not track.valid[92:102].any()  # he is right before her
    assert "other_face" in said
    sizes = track.value[track.valid, 3]
    assert sizes.min() > 200  # his is 165 pixels high


@real
def test_a_hand_before_the_face_makes_nobody_else(tmp_path: Path) -> None:
    def picture(k: int) -> np.ndarray:
        image = she(k + 150).copy()
        if 30 <= k < 40:
            cv2.ellipse(image, (160, 190), (110, 150), 0, 0, 360, (190, 150, 130), -1)
        return image

    track, said = tracked(tmp_path / "a.mp4", 70, picture)
    np.testing.assert_array_equal(np.flatnonzero(~track.valid), range(30, 40))
    assert set(said) == {"face_missing_frames"}


@real
def test_a_cut_to_another_person_ends_the_track_and_one_of_the_same_person_is_said(tmp_path: Path) -> None:
    track, said = tracked(tmp_path / "a.mp4", 80, lambda k: she(k) if k < 40 else he(k))
    np.testing.assert_array_equal(track.valid, np.arange(80) < 40)
    assert "to 3.20 s" in said["other_face"]
    track, said = tracked(
        tmp_path / "b.mp4", 80, lambda k: beside(she(k), None) if k < 40 else beside(None, she(k))
    )
    assert track.valid[:40].all() and track.valid[45:].all()
    assert set(said) - {"face_missing_frames"} == {"face_jump"} and "1.6" in said["face_jump"]


@real
def test_another_light_is_the_same_person(tmp_path: Path) -> None:
    track, said = tracked(
        tmp_path / "a.mp4", 60, lambda k: (she(k) * (1.0 if k < 30 else 0.45)).astype(np.uint8)
    )
    assert track.valid.all() and not said


@real
def test_a_distant_face_is_found_again_beside_another() -> None:
    tracker = FaceTracker(0.5, 4)
    places = []
    for k in range(60):
        picture = np.full((1080, 1920, 3), 100, np.uint8)
        for left, face, there in ((300, she(k), not 25 <= k < 45), (1300, he(k), k >= 10)):
            if there:
                small = cv2.resize(face, (160, 180), interpolation=cv2.INTER_AREA)
                picture[300:480, left : left + 160] = small
        row = tracker.follow(picture)
        places.append(None if row is None or tracker.person != tracker.sought else float(row[BOX][0]) < 900)
    tracker.close()
    assert places[:25] == [True] * 25 and places[-5:] == [True] * 5
    assert False not in places and places[26:45] == [None] * 19


@real
def test_three_faces_one_of_them_on_the_wall(tmp_path: Path) -> None:
    """She is hidden twice, the second time together with him: only a photograph is left to be followed."""
    from skimage.data import astronaut

    wall = np.ascontiguousarray(astronaut()[:360, 66:386])

    def picture(k: int) -> np.ndarray:
        hidden = 20 <= k < 30 or 50 <= k < 70
        right = he(k) if 5 <= k < 55 or k >= 65 else None
        return np.hstack([beside(None if hidden else she(k), right), wall if k >= 5 else EMPTY])

    track, said = tracked(tmp_path / "a.mp4", 90, picture)
    np.testing.assert_array_equal(np.flatnonzero(~track.valid), [*range(20, 30), *range(50, 70)])
    assert (middles(track) < 320).all()
    assert "to 1.20 s, " in said["other_face"] and "to 2.80 s" in said["other_face"]


def test_two_photographs_in_one_picture(tmp_path: Path) -> None:
    """Also without real media: a photograph, and its mirror image in other colours, 16 apart."""
    from skimage.data import astronaut

    one = cv2.resize(astronaut()[:360], None, fx=1.0, fy=1.0)[:, 66:386]
    other = one[:, ::-1, ::-1]
    track, said = tracked(
        tmp_path / "a.mp4", 60, lambda k: beside(None if 20 <= k < 30 else one, other if k >= 5 else None)
    )
    np.testing.assert_array_equal(np.flatnonzero(~track.valid), range(20, 30))
    assert (middles(track) < 320).all()
    assert "to 1.20 s" in said["other_face"]


def test_the_fault_table_names_the_seconds_and_what_is_made_of_the_face_leaves_them_out(
    tmp_path: Path,
) -> None:
    from skimage.data import astronaut

    one = np.ascontiguousarray(astronaut()[:360, 66:386])
    other = one[:, ::-1, ::-1]
    write(
        tmp_path / "a.mp4",
        (beside(None if 20 <= k < 30 else one, other if k >= 5 else None) for k in range(40)),
    )
    rows = corpus(tmp_path, {"001/expert": "a.mp4"})
    faces = extract(tmp_path, rows, "face_track", SETTINGS)
    assert {code for *_, code in faults(faces)} == {"face_missing_frames", "other_face", "several_faces"}
    flow = extract(tmp_path, rows, "landmark_flow", FLOW_SETTINGS, faces=faces)
    with ShardReader(flow) as reader:
        track = reader.track("001", "expert")
    # a row lies between two pictures and needs both
    np.testing.assert_array_equal(np.flatnonzero(~track.valid), range(19, 30))


def test_a_new_look_is_kept_and_the_same_one_is_not() -> None:
    """Looks are of one person when exposure or tint differ, and of two when what lies where differs."""
    rng = np.random.default_rng(3)
    look, other = rng.uniform(20, 80, (2, 16, 16, 3)).astype(np.float32)
    tinted = look + np.float32([15, -8, 8])
    np.testing.assert_allclose(distances(look, np.stack([look, tinted])), 0, atol=1e-4)
    assert distances(look, other[None])[0] > DIFFERENT
    person = Person([look], np.zeros(4))
    person.learn(tinted, person.apart(tinted))
    assert len(person.looks) == 1
    for number in range(30):
        new = other + number
        new[: number % 16] += 40
        person.learn(new, person.apart(new))
    assert len(person.looks) <= 8 and person.looks[0] is look


def test_two_faces_in_one_picture_are_two_people_however_alike() -> None:
    look, box = np.ones((16, 16, 3), np.float32), np.array([10.0, 10, 20, 20])
    people = People()
    assert people.tell(look, box, 0, goes_on=False, apart=False) == 0
    assert people.meet(look, box + np.array([100, 0, 0, 0])) == 1
    # found anew, their places tell them apart
    assert people.tell(look, box + np.array([95, 0, 0, 0]), 5, goes_on=False, apart=False) == 1
    assert people.sought == 0


def test_an_empty_report_and_a_long_one() -> None:
    assert FaceReport(25.0).notes(None) == []
    report = FaceReport(10.0)
    row = np.zeros(940, np.float32)
    row[BOX] = 10
    for k in range(400):
        report.add((k + 0.5) / 10, row, 1 if k % 40 == 7 else 0, False)
    (missing, other) = report.notes(0)
    assert missing.found == "a face in 390 of 400 pictures"
    assert other.found.startswith(
        "another face in 10 of 400 pictures, 1.00 s: 0.70 to 0.80 s, 4.70 to 4.80 s"
    )
    assert other.found.endswith("and 5 more")
