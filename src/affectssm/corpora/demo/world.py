"""The planted truth: latents, the law that makes engagement of them, and what a perfect reader would score.

Every participant has two latents with unit variance: ``za`` drives the energy of the own speech, ``zv`` the
motion of the own head and mouth. They are independent of each other and between participants; in recordings
long enough they are decorrelated exactly, so that the shares of variance below hold in every dialogue and not
only on average. The law

    s_X(t) = w_a za_X(t) + w_v zv_X(t) + w_p mean_Y za_Y(t - lag) + noise
    engagement_X(t) = 1 / (1 + exp(-slope s_X(t)))

is the same in all corpora and splits. Latents live on a 100 Hz grid whose sample j lies at (j + 0.5) / 100 s;
the first ``PAD`` samples precede the recording, for the partner's lag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affectssm.corpora.demo.seeds import generator, smooth_noise

LABEL_HZ = 25
GRID_HZ = 100
PER_LABEL = GRID_HZ // LABEL_HZ
LAG_S = 0.2
PAD = round(LAG_S * GRID_HZ)
WEIGHT_AUDIO, WEIGHT_VISUAL, WEIGHT_PARTNER = np.sqrt([0.3, 0.3, 0.4])
SLOPE = 1.2
NOISE_SD = 0.1
NOISE_SIGMA_S = 0.2
SIGMA_S = 0.6  # autocorrelation 0.97 after the lag, 0.5 after one second
DECORRELATE_FROM_S = 15.0  # shorter recordings hold too few independent samples for it
RANGE = 2.5  # latents are kept within +-RANGE standard deviations
SILENT = -RANGE
TERMS = ("za", "zv", "partner")


@dataclass(frozen=True)
class World:
    """The truth behind one recording.

    Attributes:
        rows: label rows (25 Hz).
        za, zv: per participant, (PAD + rows * 4,) on the 100 Hz grid.
        engagement: per participant, (rows,) in [0, 1].
    """

    rows: int
    za: Mapping[str, np.ndarray]
    zv: Mapping[str, np.ndarray]
    engagement: Mapping[str, np.ndarray]

    def terms(self, participant: str) -> np.ndarray:
        """Return (rows, 3): own za, own zv, the partners' mean za one lag earlier, at the rows' centres."""
        return _terms(participant, self.za, self.zv)


def make_world(
    recording: str, participants: Sequence[str], seconds: float, silent: Iterable[str] = ()
) -> World:
    """Draw the latents of a recording and apply the law; those in ``silent`` never speak."""
    rows = round(seconds * LABEL_HZ)
    count = PAD + rows * PER_LABEL
    rng = generator(recording, "latents")
    latents = smooth_noise(rng, count, 2 * len(participants), SIGMA_S * GRID_HZ)
    latents = np.clip(_standardised(latents, decorrelate=seconds >= DECORRELATE_FROM_S), -RANGE, RANGE)
    za = dict(zip(participants, latents[:, ::2].T, strict=True))
    zv = dict(zip(participants, latents[:, 1::2].T, strict=True))
    for participant in silent:
        za[participant] = np.full(count, SILENT)
    noise = NOISE_SD * smooth_noise(rng, rows, len(participants), NOISE_SIGMA_S * LABEL_HZ)
    engagement = {}
    for column, participant in enumerate(participants):
        weights = np.array([WEIGHT_AUDIO, WEIGHT_VISUAL, WEIGHT_PARTNER])
        drive = _terms(participant, za, zv) @ weights + noise[:, column]
        engagement[participant] = 1 / (1 + np.exp(-SLOPE * drive))
    return World(rows, za, zv, engagement)


def at_labels(latent: np.ndarray, lag: int = 0) -> np.ndarray:
    """Return a grid latent at the label rows' centres, ``lag`` grid samples earlier: (rows,)."""
    now = latent[PAD - lag : len(latent) - lag]
    return now.reshape(-1, PER_LABEL)[:, 1:3].mean(axis=1)


def _terms(participant: str, za: Mapping[str, np.ndarray], zv: Mapping[str, np.ndarray]) -> np.ndarray:
    partners = [at_labels(latent, lag=PAD) for other, latent in za.items() if other != participant]
    own = at_labels(za[participant])
    heard = np.mean(partners, axis=0) if partners else np.zeros_like(own)
    return np.stack([own, at_labels(zv[participant]), heard], axis=1)


def _standardised(latents: np.ndarray, decorrelate: bool) -> np.ndarray:
    """Columns with mean 0 and variance 1 over the recording; symmetrically whitened when ``decorrelate``."""
    centred = latents - latents.mean(axis=0)
    if not decorrelate:
        return centred / centred.std(axis=0)
    variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    return centred @ (axes / np.sqrt(variance)) @ axes.T


def oracle(
    train: Sequence[tuple[np.ndarray, np.ndarray]],
    test: Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]],
) -> dict:
    """Score linear regressions on the true latents.

    Args:
        train: per participant, ``terms`` (rows, 3) and engagement (rows,).
        test: the same, per evaluation set.

    Returns:
        per evaluation set the CCC with all terms (``full``), without each (``without_<term>``) and the
        differences (``drop_<term>``): what taking that term away must cost.
    """
    subsets = {"full": [0, 1, 2]} | {
        f"without_{term}": [column for column in range(3) if column != left_out]
        for left_out, term in enumerate(TERMS)
    }
    scores: dict[str, dict[str, float]] = {name: {} for name in test}
    for subset, columns in subsets.items():
        design, target = _design(train, columns)
        weights = np.linalg.lstsq(design, target, rcond=None)[0]
        for name, participants in test.items():
            design, target = _design(participants, columns)
            scores[name][subset] = round(_ccc(design @ weights, target), 6)
    for found in scores.values():
        for term in TERMS:
            found[f"drop_{term}"] = round(found["full"] - found[f"without_{term}"], 6)
    return scores


def _design(
    participants: Sequence[tuple[np.ndarray, np.ndarray]], columns: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    terms = np.concatenate([terms[:, columns] for terms, _ in participants])
    target = np.concatenate([engagement for _, engagement in participants])
    return np.column_stack([terms, np.ones(len(terms))]), target


def _ccc(prediction: np.ndarray, target: np.ndarray) -> float:
    """Concordance correlation with population variances, over all rows."""
    covariance = np.mean((prediction - prediction.mean()) * (target - target.mean()))
    spread = prediction.var() + target.var() + (prediction.mean() - target.mean()) ** 2
    return float(2 * covariance / spread)
