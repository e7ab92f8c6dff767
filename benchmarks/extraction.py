"""How much the extractors cost beyond what they cannot avoid, and whether their memory grows with the media.

    python benchmarks/extraction.py            # eight minutes on two cores
    python benchmarks/extraction.py --quick    # a minute: proves that it runs

Full-size encoders on random weights. For each network extractor the whole way from the file to the feature file is
timed against plain decoding (PyAV alone) plus the network's bare forward passes on arrays that are ready: what any
implementation has to pay. The three are interleaved, and medians over the rounds are compared, of wall time and, for
machines that are shared, of CPU time. Memory is the peak resident set of child processes that extract one and ten
minutes. One thread, unless --threads says otherwise. Writes benchmarks/results/extraction.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from measuring import interleaved, memory
from pages import RESULTS, parser, table, versions

SIZE, FPS, RATE = (640, 360), 25, 16000
SPEECH = {
    "revision": "", "chunk_s": 5.0, "overlap_s": 0.375, "batch": 8, "int8": False,
    "weights": "random", "size": "full", "weights_dir": "",
}  # fmt: skip
CLIP = {
    "model": "ViT-B-32", "pretrained": "openai", "revision": "", "fps": 25.0, "batch": 8, "int8": False, "margin": 0.25,
    "weights": "random", "size": "full", "weights_dir": "",
}  # fmt: skip
FLOW = {"size": 112, "grid": 4, "method": "dis_medium", "margin": 0.25}
SETTINGS: dict[str, dict[str, Any]] = {
    "face_track": {"min_confidence": 0.5, "zoom": 1},
    "wav2vec2": SPEECH | {"model": "facebook/wav2vec2-base-960h"},
    "speech_emotion": SPEECH | {"model": "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim"},
    "clip_face": CLIP,
    "optical_flow": FLOW,
    "landmark_flow": FLOW,
}
NETWORKS_HEAD = [
    "extractor", "batch", "media s", "file to file", "decoding", "bare forward", "ratio", "of CPU time",
]  # fmt: skip
NEED_FACES = ("clip_face", "optical_flow", "landmark_flow")


def write_clip(path: Path, seconds: float) -> None:
    """Write a moving face (scikit-image's photograph) at 640 x 360 with noise of changing loudness, H.264 and AAC."""
    import cv2
    from skimage.data import astronaut

    photograph, rng = astronaut(), np.random.default_rng(0)
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "g": str(FPS)})
        (video.width, video.height), video.pix_fmt = SIZE, "yuv420p"
        sound = file.add_stream("aac", rate=RATE, layout="mono")
        for index in range(round(seconds * FPS)):
            place = np.array([[1, 0, 100 + 20 * np.sin(index / 9)], [0, 1, 40 + 10 * np.cos(index / 7)]])
            picture = cv2.warpAffine(photograph, place, SIZE, borderMode=cv2.BORDER_REFLECT)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            file.mux(video.encode(frame))
            loud = 0.1 * (1 + np.sin(index / 5)) * rng.standard_normal((1, RATE // FPS))
            piece = av.AudioFrame.from_ndarray(loud.astype(np.float32), format="fltp", layout="mono")
            piece.sample_rate, piece.pts = RATE, index * (RATE // FPS)
            file.mux(sound.encode(piece))
        file.mux(video.encode())
        file.mux(sound.encode())


def write_longer(path: Path, clip: Path, seconds: float, repeats: int) -> None:
    """Write a clip's packets over and over: long media without encoding them."""
    with av.open(str(path), "w") as file, av.open(str(clip)) as template:
        copies = [file.add_stream_from_template(stream) for stream in template.streams]
        last = [-1 << 60] * len(copies)
        for turn in range(repeats):
            with av.open(str(clip)) as source:
                for packet in source.demux():
                    number, shift = packet.stream.index, round(turn * seconds / packet.time_base)
                    if packet.dts is None or packet.dts + shift <= last[number]:
                        continue  # the sound is a little longer than the pictures
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    last[number], packet.stream = packet.dts, copies[number]
                    file.mux(packet)


def manifest_row(feature: str, media: Path) -> Any:
    from affectssm.corpora.checksums import fingerprint
    from affectssm.corpora.manifest import StreamRow
    from affectssm.vocabulary.features import spec

    return StreamRow(
        corpus="noxi", split="train", recording="001", participant="expert", kind=spec(feature).kind, path=media.name,
        base="root", rate=FPS, frames=0, dim=0, duration_s=0.0, bytes=media.stat().st_size,
        checksum=fingerprint([media], "mtime"), fold_group="001", language="", shard="s00",
    )  # fmt: skip


def extract(feature: str, media: Path, out: Path, **settings: Any) -> None:
    """Run the whole job of a shard that holds one file; the face track lies beside ``out`` where one is needed."""
    from affectssm.corpora.manifest import write_manifest
    from affectssm.features.extract import Shard, extract_shard
    from affectssm.store.card import make_card

    manifest = out.with_suffix(".manifest.parquet")
    write_manifest(manifest, [manifest_row(feature, media)], make_card("benchmark", ["affectssm.errors"], {}))
    faces = media.with_suffix(".faces.h5") if feature in NEED_FACES else None
    extract_shard(
        feature, Shard(manifest, "s00", media.parent), SETTINGS[feature] | settings, out,
        out.with_suffix(".faults.parquet"), faces,
    )  # fmt: skip


# -- time --------------------------------------------------------------------------------------------------------------


def from_file_to_file(extractor: Any, media: Path, folder: Path) -> None:
    """Extract into a feature file with a network that is loaded already."""
    from affectssm.features.base import Source
    from affectssm.features.facebox import FaceRows
    from affectssm.store.card import make_card
    from affectssm.store.shards import ResumableShard, ShardReader

    faces = None
    if extractor.name in NEED_FACES:
        faces = FaceRows(ShardReader(media.with_suffix(".faces.h5")), "001", "expert")
    shard = ResumableShard(folder / "timed.h5", make_card("benchmark", ["affectssm.errors"], {}))
    with shard.recording("001", str(time.monotonic_ns())) as part:
        for block in extractor.extract(Source(manifest_row(extractor.name, media), media, faces)):
            part.append("expert", block)
    shard.finish()


def plain_decoding(media: Path, kind: str) -> None:
    """What a file costs with PyAV alone: RGB pictures, or 16 kHz mono sound."""
    with av.open(str(media)) as container:
        if kind == "video":
            container.streams.video[0].thread_type = "AUTO"
            for frame in container.decode(video=0):
                frame.to_ndarray(format="rgb24")
        else:
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    piece.to_ndarray()


def bare_forward(feature: str, settings: dict[str, Any], seconds: float) -> Callable[[], None]:
    """Return the library's own forward passes over as many frames as the media hold, without any overlap."""
    import torch

    from affectssm.features.base import make
    from affectssm.features.weights import ready

    network, device = ready(make(feature, settings)._load(), settings["int8"])  # as the library has it
    if feature == "clip_face":
        frames = round(seconds * FPS)
        inputs = list(torch.randn(frames, 3, 224, 224, device=device).split(settings["batch"]))
    else:
        length = round(settings["chunk_s"] * RATE)
        inputs = list(
            torch.randn(round(seconds * RATE) // length, length, device=device).split(settings["batch"])
        )

    def run() -> None:
        with torch.inference_mode():
            for batch in inputs:
                network(batch)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return run


def network_rows(
    clip: Path, sound: Path, folder: Path, length: dict[str, float], rounds: int
) -> Iterator[list[str]]:
    from affectssm.features.base import make

    for feature, batch in (("wav2vec2", 8), ("speech_emotion", 8), ("clip_face", 8), ("clip_face", 32)):
        kind = "video" if feature == "clip_face" else "audio"
        media, seconds = (clip, length["video"]) if kind == "video" else (sound, length["audio"])
        settings = SETTINGS[feature] | {"batch": batch}
        actions = {
            "whole": partial(from_file_to_file, make(feature, settings), media, folder),
            "decode": partial(plain_decoding, media, kind),
            "forward": bare_forward(feature, settings, seconds),
        }
        took = interleaved(actions, rounds, warm=0)
        wall, cpu = (took["whole"][n] / (took["decode"][n] + took["forward"][n]) for n in (0, 1))
        print(f"{feature} batch {batch}: {wall:.2f}, of CPU time {cpu:.2f}", flush=True)
        columns = [f"{took[name][0]:.2f}" for name in actions]
        yield [feature, str(batch), f"{seconds:g}", *columns, f"**{wall:.2f}**", f"{cpu:.2f}"]


def cpu_rows(clip: Path, folder: Path, seconds: float, rounds: int) -> Iterator[list[str]]:
    from affectssm.features.base import make

    for feature in ("face_track", "optical_flow", "landmark_flow"):
        actions = {
            "whole": partial(from_file_to_file, make(feature, SETTINGS[feature]), clip, folder),
            "decode": partial(plain_decoding, clip, "video"),
        }
        took = interleaved(actions, rounds, warm=0)
        each = [number / seconds / FPS * 1e3 for number in (*took["whole"], took["decode"][0])]
        print(f"{feature}: {each[0]:.2f} ms a picture", flush=True)
        yield [feature, *(f"{number:.2f}" for number in each), f"{took['whole'][0] / seconds:.3f}"]


# -- memory ------------------------------------------------------------------------------------------------------------


def peak_of(feature: str, media: Path, out: Path, **settings: Any) -> float:
    """Return the peak resident MB of a process that does one extraction."""
    command = [sys.executable, __file__, "--child", feature, str(media), str(out), json.dumps(settings)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def child(feature: str, media: str, out: str, settings: str) -> None:
    extract(feature, Path(media), Path(out), **json.loads(settings))
    print(memory("VmHWM") / 2**20)


def memory_rows(short: Path, long: Path) -> Iterator[list[str]]:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("face_track", {}),
        ("optical_flow", {}),
        ("clip_face", {"fps": 0.5, "batch": 8}),
        ("wav2vec2", {"chunk_s": 20.0, "overlap_s": 1.5}),
    ]

    def pair(case: tuple[str, dict[str, Any]]) -> list[str]:
        feature, settings = case
        suffix = ".faces.h5" if feature == "face_track" else f".{feature}.h5"
        one, ten = (peak_of(feature, media, media.with_suffix(suffix), **settings) for media in (short, long))
        print(f"{feature}: {one:.0f} MB, {ten:.0f} MB", flush=True)
        return [feature, f"{one:.0f}", f"{ten:.0f}", f"**{ten / one:.2f}**"]

    yield pair(cases[0])  # the others read its face track
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(pair, cases[1:])


# -- report ------------------------------------------------------------------------------------------------------------


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="short media and one round; writes no result")
    asked.add_argument("--threads", type=int, default=1, help="of torch (default 1)")
    asked.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.child:
        child(*given.child)
        return
    import torch

    torch.set_num_threads(given.threads)
    length = {"video": 2.0, "audio": 20.0} if given.quick else {"video": 2.56, "audio": 40.0}
    rounds, minutes = (1, (0.1, 0.2)) if given.quick else (3, (1, 10))
    began, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip, sound = folder / "clip.mp4", folder / "sound.mp4"
        write_clip(clip, length["video"])
        write_clip(sound, length["audio"])
        extract("face_track", clip, clip.with_suffix(".faces.h5"))
        networks = list(network_rows(clip, sound, folder, length, rounds))
        others = list(cpu_rows(clip, folder, length["video"], rounds))
        media = []
        for count in minutes:
            media.append(folder / f"{count}.mp4")
            write_longer(media[-1], clip, length["video"], round(count * 60 / length["video"]))
        peaks = list(memory_rows(*media))
    text = report(networks, others, peaks, rounds, load, time.monotonic() - began)
    print(text)
    if not given.quick:
        (RESULTS / "extraction.md").write_text(text, encoding="utf-8")


def report(
    networks: list[list[str]],
    others: list[list[str]],
    peaks: list[list[str]],
    rounds: int,
    load: float,
    took: float,
) -> str:
    import torch

    device = (
        torch.cuda.get_device_name(0)
        if torch.cuda.is_available()
        else f"CPU, {torch.get_num_threads()} threads"
    )
    return f"""# Extraction

Measured by `python benchmarks/extraction.py` in {took / 60:.1f} minutes on {device},
{versions()}; load average at the start {load:.1f}. Interleaved medians of {rounds} rounds,
full-size encoders on random weights, {SIZE[0]} x {SIZE[1]} H.264 at {FPS} pictures a second with AAC.

## Network extractors

From the file to the feature file, against plain decoding plus the library's own forward passes over the same frames
without overlap (speech: passes of {SPEECH["chunk_s"]:g} s, {SPEECH["overlap_s"]:g} s of context on each side, the
share the defaults have). Seconds; the target is a ratio of 1.25 at most.

{table([NETWORKS_HEAD, *networks])}

## Face tracking and flow

{table([["extractor", "ms a picture", "CPU ms", "of it decoding to RGB", "seconds a second of video"], *others])}

## Memory

Peak resident MB of a process that extracts one file; the target is a ratio of 1.1 at most.

{table([["extractor", "one minute", "ten minutes", "ratio"], *peaks])}
"""


if __name__ == "__main__":
    main()
