"""What a frame costs with the encoder of a masked autoencoder on a CPU, and what int8 changes of it.

    python benchmarks/face_encoder.py            # five minutes on one core
    python benchmarks/face_encoder.py --quick    # half a minute, the base encoder alone: proves that it runs

Full-size encoders on random weights, one thread, a folder of 32 moving faces (scikit-image's photograph) in one batch.
Reading and scaling the pictures and the forward passes in float32 and int8 take turns; medians over the rounds of CPU
time, and of wall time beside it. Of int8 rows it says the cosine to those of float32: as they are, and less the mean
row, which random weights make much alike. Writes benchmarks/results/face_encoder.md.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measuring import interleaved
from pages import RESULTS, parser, processor, table, versions

PICTURES = 32
CORPUS = 2.99e6  # frames of Aff-Wild2
MODELS = ("facebook/vit-mae-base", "facebook/vit-mae-large")
HEAD = [
    "model", "linear layers", "frames a second of CPU time", "of wall time", "core days for 2.99 M frames",
    "of every 5th", "cosine, least", "less the mean row, median",
]  # fmt: skip


def write_faces(folder: Path) -> None:
    """Write the crops: a photograph that moves, turns and brightens."""
    import cv2
    from skimage.data import astronaut

    photograph = astronaut()
    for number in range(PICTURES):
        turn = cv2.getRotationMatrix2D(
            (224 + 2 * number % 9, 110), 3.0 * (number % 7 - 3), 0.55 + 0.01 * number
        )
        turn[:, 2] += 56 - np.array([224, 110])
        picture = cv2.warpAffine(photograph, turn, (112, 112), borderMode=cv2.BORDER_REFLECT)
        picture = np.clip(picture * (0.7 + 0.02 * number), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number + 1:05d}.jpg"), picture[..., ::-1])


def read(folder: Path, side: int) -> np.ndarray:
    """Read and scale the crops."""
    from affectssm.features.mae import sized
    from affectssm.media.crops import CropReader

    return np.stack([sized(picture, side) for _, picture in CropReader(folder) if picture is not None])


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The cosine of each row (N, D) to the other's."""
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


def rows(folder: Path, model: str, rounds: int) -> Iterator[list[str]]:
    from affectssm.features.mae import Mae
    from affectssm.settings.features import completed

    encoders = {
        name: Mae("mae", completed("mae", {"size": "full", "model": model, "int8": name == "int8"}))
        for name in ("float32", "int8")
    }
    pictures = read(folder, encoders["float32"].pixels)
    found = {name: encoder.forward(pictures) for name, encoder in encoders.items()}
    works = {name: lambda encoder=encoder: encoder.forward(pictures) for name, encoder in encoders.items()}
    took = interleaved({"read": lambda: read(folder, 224), **works}, rounds, warm=0)
    centred = cosines(*(each - each.mean(0) for each in found.values()))
    alike = {
        "float32": ["", ""],
        "int8": [f"{cosines(*found.values()).min():.4f}", f"{np.median(centred):.2f}"],
    }
    for name in encoders:
        wall, cpu = (PICTURES / (took["read"][n] + took[name][n]) for n in (0, 1))
        days = CORPUS / cpu / 86400
        print(
            f"{model} {name}: {cpu:.2f} frames a second; reading {took['read'][1] / PICTURES * 1e3:.2f} ms",
            flush=True,
        )
        yield [model, name, f"**{cpu:.2f}**", f"{wall:.2f}", f"{days:.1f}", f"{days / 5:.1f}", *alike[name]]


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument(
        "--quick", action="store_true", help="the base encoder and one round; writes no result"
    )
    given = asked.parse_args()
    import torch

    torch.set_num_threads(1)
    began, load = time.monotonic(), os.getloadavg()[0]
    models, rounds = (MODELS[:1], 1) if given.quick else (MODELS, 3)
    with tempfile.TemporaryDirectory() as name:
        write_faces(Path(name))
        lines = [line for model in models for line in rows(Path(name), model, rounds)]
    text = f"""# Masked autoencoders on a CPU

Measured by `python benchmarks/face_encoder.py` in {(time.monotonic() - began) / 60:.1f} minutes on one core of
{processor()}, {versions()}; load average {load:.1f} at the start,
{os.getloadavg()[0]:.1f} at the end.
Medians of {rounds} rounds in turns, batches of {PICTURES}, random weights; reading and scaling the crops included.

{table([HEAD, *lines])}
"""
    print(text)
    if not given.quick:
        (RESULTS / "face_encoder.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
