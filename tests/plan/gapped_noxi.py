"""A folder in NoXi's layout, of real clips and sounds, in which something is wrong with most sessions."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import av
from PIL import Image

MEDIA = Path(__file__).resolve().parents[3] / "shared" / "media"
CLIP, SPEECH = MEDIA / "face" / "single_face.mp4", MEDIA / "speech" / "jfk.wav"
SECONDS = 2.4  # that the clip lasts
ROLES = ("expert", "novice")


def write(root: Path, test: bool = True) -> None:
    """Write nine sessions of three splits; without ``test``, that part is not there.

    Sessions 001 of train, 011 of val and 021 of test-base are whole.
    """
    for name in ("001", "002", "003", "004", "005", "006", "007"):
        _session(root / "train" / name)
    _session(root / "val" / "011")
    if test:
        _session(root / "test-base" / "021", labels=False)
    train = root / "train"
    (train / "002/novice.audio.wav").unlink()
    without_sound(train / "002/novice.video.mp4")
    for role in ROLES:
        (train / f"003/{role}.engagement.annotation.csv").unlink()
    video = train / "004/expert.video.mp4"
    video.write_bytes(video.read_bytes()[:20_000])
    still(train / "005/novice.video.mp4")
    shutil.copyfile(SPEECH, train / "006/expert.video.mp4")
    for file in train.glob("007/novice.*"):
        file.unlink()


def _session(folder: Path, labels: bool = True) -> None:
    folder.mkdir(parents=True)
    for role in ROLES:
        shutil.copyfile(CLIP, folder / f"{role}.video.mp4")
        _speech(folder / f"{role}.audio.wav")
        if labels:
            values = "".join(f"{0.3 + 0.005 * row:.3f}\n" for row in range(round(25 * SECONDS)))
            (folder / f"{role}.engagement.annotation.csv").write_text(values)


def _speech(path: Path) -> None:
    """As much speech as the clip lasts."""
    with wave.open(str(SPEECH)) as given, wave.open(str(path), "wb") as made:
        made.setparams(given.getparams())
        made.writeframes(given.readframes(round(SECONDS * given.getframerate())))


def without_sound(path: Path) -> None:
    """Write the clip's pictures alone."""
    with av.open(str(CLIP)) as given, av.open(str(path), "w") as made:
        pictures = given.streams.video[0]
        stream = made.add_stream_from_template(pictures)
        for packet in given.demux(pictures):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)


def still(path: Path) -> None:
    """Write a still picture under the name of a video."""
    Image.new("RGB", (64, 48), (90, 60, 30)).save(path, "JPEG")
