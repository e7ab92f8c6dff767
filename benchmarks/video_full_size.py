"""The full-size plan of Mamba-VA on Aff-Wild2: disk, steps and hours of every stage.

    python benchmarks/video_full_size.py            # about ten minutes on one core
    python benchmarks/video_full_size.py --quick    # small windows: proves that it runs

594 videos of 2,993,081 frames (356 train, 76 val, 162 test), all taken to be equally long. Rates are measured here on
one thread at the paper's scale, on random numbers: the encoder (base and large), a training step at both folds'
windows, and prediction; those of discovery come from affwild2_discovery.py. Writes
benchmarks/results/video_full_size.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from face_encoder import MODELS, PICTURES, read, write_faces
from measuring import interleaved
from pages import RESULTS, parser, processor, table, versions
from video_work import DIM, paper_model, training_step, windows

from affectssm.families.configuration import load_config
from affectssm.families.video.settings import own

FRAMES = 2_993_081
VIDEOS = {"train": 356, "val": 76, "test": 162}
A_VIDEO = FRAMES / sum(VIDEOS.values())
SELECTING = 0.2  # of the videos to learn from
HOUR = 3600.0


def encoder_seconds(rounds: int) -> dict[str, float]:
    """CPU seconds a frame, reading included, by model."""
    from affectssm.features.mae import Mae
    from affectssm.settings.features import completed

    found = {}
    with tempfile.TemporaryDirectory() as name:
        write_faces(Path(name))
        for model in MODELS:
            encoder = Mae("mae", completed("mae", {"size": "full", "model": model}))
            work = lambda encoder=encoder: encoder.forward(read(Path(name), 224))  # noqa: E731
            found[model] = interleaved({"": work}, rounds, warm=0)[""][1] / PICTURES
    return found


def step_seconds(length: int, batch: int, quick: bool) -> tuple[float, float]:
    """CPU seconds of a training step, and of a frame that is predicted."""
    length = 20 if quick else length
    data = windows(torch.randn(batch, length, DIM))
    target = torch.tanh(torch.randn(batch, length, 2))
    model = paper_model()
    step = interleaved({"": training_step(model, data, target)}, 1)[""][1]
    model.eval()
    with torch.inference_mode():
        answer = interleaved({"": lambda: model(data)}, 1)[""][1]
    return step, answer / (batch * length)


def fold_hours(quick: bool) -> list[list[str]]:
    """Rows of the official fold and of one of the others: windows, steps and core hours of a seed."""
    config = load_config({"scale": "paper", "families": ["video"]})
    asked, rows = own(config), []
    labelled = VIDEOS["train"] + VIDEOS["val"]
    for name, fold, videos in (
        ("fold 0", 0, VIDEOS["train"]), ("one of folds 1-5", 1, labelled * (1 - 1 / asked.cross_folds)),
    ):  # fmt: skip
        recipe, training = asked.recipe(fold), asked.training
        learnt = videos * (1 - SELECTING)
        count = learnt * (max(A_VIDEO - recipe.length, 0) / recipe.stride + 1)
        steps = training.epochs * count / training.batch
        step, frame = step_seconds(recipe.length, training.batch, quick)
        select = training.epochs * videos * SELECTING * A_VIDEO / (1 - asked.overlap) * frame
        rows.append(
            [
                name, f"{training.batch} x {recipe.length}", f"{count:,.0f}", f"{steps:,.0f}", f"{step:.1f}",
                f"{steps * step / HOUR:,.0f}", f"{select / HOUR:,.0f}",
            ]
        )  # fmt: skip
    return rows


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="small windows, one round; writes no result")
    quick = asked.parse_args().quick
    torch.set_num_threads(1)
    folds = fold_hours(quick)
    encoders = encoder_seconds(1 if quick else 2)
    stages = [["stage", "disk", "core hours"]]
    for model, seconds in encoders.items():
        dim = 1024 if model.endswith("large") else 768
        stages.append(
            [
                f"features, {model}",
                f"{FRAMES * dim * 2 / 1e9:.1f} GB (float16)",
                f"{FRAMES * seconds / HOUR:,.0f}",
            ]
        )
    stages.append(["labels and windows", f"{(FRAMES * 17 + 4e5 * 40) / 1e9:.2f} GB", "below 1"])
    stages.append(
        ["a run: checkpoint and predictions", f"{(67.2e6 * 4 + FRAMES * 0.3 * 30) / 1e9:.2f} GB", "see below"]
    )
    head = [
        "fold",
        "windows a step",
        "windows",
        "steps",
        "CPU s a step",
        "core hours of a seed",
        "core hours to select",
    ]
    text = f"""# The full size of Mamba-VA on Aff-Wild2

Estimated by `python benchmarks/video_full_size.py` from rates measured on one thread of {processor()},
{versions()}. {sum(VIDEOS.values())} videos, {FRAMES:,} frames, 50 epochs, the paper's scale; crops as they are.

{table(stages)}

{table([head, *folds])}

Discovery takes minutes ([affwild2_discovery.md](affwild2_discovery.md)). The main table's default is one seed of fold
0, of each other fold, and of four further rows on fold 0. `features.mae.every: k` divides the encoder's hours by k.
Core hours of training are those of a CPU: the convolutions of 66 million parameters take them, and a GPU is what this
scale is made for; none was at hand to measure.
"""
    print(text)
    if not quick:
        (RESULTS / "video_full_size.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
