"""The tables of Coupled Mamba: published beside measured, one declaration a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from affectssm.families.clips.stages.tables.measured import Measured, origins_of, read_experiments
from affectssm.families.clips.stages.tables.rows import (
    Setting,
    Shape,
    by_fusion,
    by_size,
    by_source,
    by_variant,
    measured_row,
)
from affectssm.tables.figure import Words, draw
from affectssm.tables.page import Inputs, Page, Row, score_columns
from affectssm.tables.published import published_rows

HAS0, NON0, NON_POSITIVE, COMPAT = (
    (f"acc2_{name}", f"f1_{name}") for name in ("has0", "non0", "non_positive", "mmsa_compat")
)
ROUNDED = ("mae", "corr", *HAS0, *NON0, "acc3", "acc5", "acc7")
CUT = ("mae", "corr", *NON_POSITIVE, "acc3", "acc5")
CLASSES = ("acc3", "f1_3", *NON0, *NON_POSITIVE, *COMPAT)
VARIED = ("mae", "corr", *HAS0, *NON0, *NON_POSITIVE, "acc3", "acc5", "acc7")
PANELS = {
    "mae": "MAE (less is better)", "corr": "correlation", "acc2_non0": "accuracy, non0", "f1_non0": "F1, non0",
    "acc2_non_positive": "accuracy, non_positive", "f1_non_positive": "F1, non_positive",
    "acc3": "accuracy, 3 classes", "f1_3": "F1, 3 classes",
}  # fmt: skip
WORDS = Words("", "source videos", decimals=3, apart=True)
DECIMALS = 3
MMSA = "MMSA result-stat"  # begins the notes of the second published block
PRINTED = (
    "`published`: as printed, but in one unit: accuracies and F1 as shares (printed in percent), MAE in units of the "
    "label, correlations from -1 to 1 (both printed times 100 in some tables). "
)
BLOCKS = "The paper's rows come first, below them those that MMSA itself publishes, averages over five runs. "
READING = (
    "`measured`: computed here; mean over seeds ± sd over seeds [95 % interval over source videos, from six on]. F1 is "
    "weighted by class. `units`: test clips. "
)
DIFFERENCE = (
    "`diff_{main}`: the row minus Coupled Mamba on the same features, paired by source video; {sign} 0 means that "
    "Coupled Mamba is better; not corrected for their number."
)
TWO = (
    "`non0`: negative against positive, zeros left out; `has0`: negative against the rest. The published two-class "
    "columns do not say which they are; the cited rows' level is that of `non0`, where they stand. "
)
CUTS = (
    "Answers are clipped to [-1, 1]; `non_positive`: [-1, 0] against (0, 1]; three classes are cut at -0.1 and 0.1, "
    "five at -0.7, -0.1, 0.1 and 0.7. "
)
SIGNS = (
    "Three classes: the sign of the label, learnt with cross-entropy. `non0`: negative against positive by the larger "
    "of the two probabilities, neutral clips left out; `mmsa_compat`: the same as MMSA computes and the paper prints "
    "it, with every positive clip counted as wrong; `non_positive`: negative and neutral against positive (MMSA's "
    "`Has0`, which is not regression's). Published `non0` is recovered from the printed values and the share of "
    "negative clips. "
)


@dataclass(frozen=True)
class Table:
    """A table; calling it makes its page.

    Attributes:
        name: of the table and of its published rows.
        title, intro: for people; what all tables say is added.
        metrics: that have columns.
        shown: those in the Markdown and the figure.
        setting: what sets its measured rows apart.
        main: the metric of the paired difference.
        controls: whether it has rows of what is left out at test, and no published ones.
    """

    name: str
    title: str
    intro: str
    metrics: Sequence[str] = VARIED
    shown: Sequence[str] = ("mae", "corr", *NON0)
    setting: Setting = by_variant
    main: str = "mae"
    controls: bool = False

    def __call__(self, inputs: Inputs) -> Page:
        """The paper's rows and MMSA's, then a measured one an experiment."""
        measured = read_experiments(inputs)
        shape = Shape(self.metrics, self.main, self.setting)
        rows: list[Row] = [] if self.controls else [*published_rows(self.name)]
        for one in measured:
            rows += [measured_row(one, way, measured, shape, inputs) for way in _ways(one, self.controls)]
        shown = [name for name in self.shown if any(row.get(name) for row in rows)]
        compared = f"diff_{self.main}"
        corpora = ("corpus",) * (len({one.corpus for one in measured}) > 1)
        drawn = [row for row in rows if any(row.get(name) for name in shown)]
        sign = "more than" if self.main == "mae" else "less than"
        return Page(
            title=self.title,
            intro=PRINTED * (not self.controls)
            + READING
            + self.intro
            + DIFFERENCE.format(main=self.main, sign=sign),
            columns=score_columns(
                self.metrics, ("corpus", "setting"), (compared, f"{compared}_low", f"{compared}_high", "n_videos")
            ),
            keys=("method", *corpora, "source", "data", "weights", "features", "setting"),
            numbers=(*shown, compared),
            rows=rows,
            origins=origins_of(measured),
            draw=partial(
                draw, self.title, drawn, [_label(row) for row in drawn], {name: self._heading(name) for name in shown},
                words=WORDS,
            ),
            decimals=DECIMALS,
        )  # fmt: skip

    def _heading(self, name: str) -> str:
        """Of a panel; printed classes without the neutral are not what the paper calls them."""
        return PANELS[name] + "\n(published: recovered)" * (self.metrics == CLASSES and name in NON0)


def _ways(one: Measured, controls: bool) -> list[str]:
    """What is left out at test in an experiment's rows; a variant has one row."""
    return ["", *(one.left_out if controls and not one.variant else [])]


def _label(row: Row) -> str:
    """What stands beside a row in the figure."""
    by_mmsa = " (MMSA)" if row["source"] == "published" and row["note"].startswith(MMSA) else ""
    return ", ".join(filter(None, (row["method"], row.get("setting", "")))) + by_mmsa


mosei_regression = Table(
    "mosei_regression",
    "Sentiment of clips: regression on CMU-MOSEI",
    BLOCKS
    + TWO
    + "`setting`: whether the words' alignment brings all modalities to one length. MISA is listed as aligned by "
    "the paper, as unaligned by MMSA. The paper's claim of 0.4 points of F1 holds against its unaligned rows only "
    "(0.2 against MISA). ",
    ROUNDED,
    setting=by_source,
)
sims_regression = Table(
    "sims_regression",
    "Sentiment of clips: regression on CH-SIMS",
    BLOCKS
    + CUTS
    + "The paper's claim of the highest values does not hold for its own Acc-5, nor against MMSA's MTFN and "
    "MLF-DNN in MAE and three classes. ",
    CUT,
    ("mae", "corr", *NON_POSITIVE, "acc3"),
    by_source,
)
simsv2_regression = Table(
    "simsv2_regression",
    "Sentiment of clips: regression on CH-SIMS v2",
    BLOCKS
    + CUTS
    + "The paper's gain in Acc-2 is 2.3 points over its best other row, not the 2.7 of its text; several of its "
    "cells are cut, not rounded. ",
    CUT,
    ("mae", "corr", *NON_POSITIVE, "acc3"),
    by_source,
)
mosei_classification = Table(
    "mosei_classification",
    "Sentiment of clips: three classes on CMU-MOSEI",
    BLOCKS + SIGNS,
    CLASSES,
    ("acc3", "f1_3", *NON0),
    by_source,
    "acc3",
)
sims_classification = Table(
    "sims_classification",
    "Sentiment of clips: three classes on CH-SIMS",
    BLOCKS + SIGNS,
    CLASSES,
    ("acc3", "f1_3", *NON0),
    by_source,
    "acc3",
)
coupled_attention = Table(
    "coupled_attention", "Coupled Mamba against cross-attention", TWO, setting=by_source
)
coupled_timescale = Table(
    "coupled_timescale",
    "Coupled Mamba: the rank of the time scale",
    TWO
    + "The paper's Delta is the rank of the projection of the time scale; its numerator is read as d_model, as in "
    "the released code. ",
    setting=by_size("dt_rank"),
)
coupled_state = Table(
    "coupled_state", "Coupled Mamba: the size of the state", TWO, setting=by_size("d_state")
)
coupled_fusion = Table(
    "coupled_fusion",
    "Coupled Mamba: fusions and couplings",
    TWO
    + "`setting` names the coupling of Coupled Mamba's rows. The paper's equation is `sum`, which diverges with "
    "length; its released code has the coupling between layers alone (`layerwise`). The published gain over plain "
    "Mamba, .006 MAE, is of the size of the spread over seeds. ",
    setting=by_fusion,
)
coupled_controls = Table(
    "coupled_controls",
    "Controls of Coupled Mamba",
    "`setting`: labels exchanged between clips; each modality alone, or left out in training and at test, or at test "
    "alone, where the full model answers with it masked. ",
    controls=True,
)
