"""The three scales. A key the user leaves at null takes the value of the chosen scale.

``paper`` is what the papers state or, where they are silent, what models/da_mamba.py derives; ``demo`` learns
the planted truth of the demo corpora on two CPU cores in about a minute a run (the paper's recipe barely leaves
its initial weights in so few steps); ``tiny`` only proves that the road is whole, on the scans that need no
compiling.
"""

from __future__ import annotations

from typing import Any

_WIDTHS = {"eeg": 16, "eog": 8, "emg": 6, "ecg": 8, "gsr": 6, "other": 8}
_NARROW = dict.fromkeys(_WIDTHS, 6)

PAPER: dict[str, Any] = {
    "corpora": {
        "noxi": {"shards": 16},
        "noxi_add": {"shards": 4},
        "mpiigi": {"shards": 4},
        "deap": {"shards": 16},
        "mahnob": {"shards": 16},
    },
    "features": {
        "weights": "pretrained",
        "size": "full",
        "clip_face": {"fps": 25.0},
        "face_track": {"zoom": 4},
        "optical_flow": {"method": "dis_medium"},
        "landmark_flow": {"method": "dis_medium"},
    },
    "experiments": {
        "seeds": [1, 2, 3],
        "ablation_seeds": [1, 2, 3, 4, 5],
        "da_mamba": {
            "d_model": 384,
            "d_state": 16,
            "expand": 2,
            "ffn": 4,
            "blocks": 4,
            "heads": 4,
            "dropout": 0.1,
        },
        "dat": {"d_model": 512, "heads": 8, "dim_head": 64, "dim_head_cross": 128, "dropout": 0.1},
        "training": {
            "learning_rate": 5e-5,
            "batch": 128,
            "steps": 20000,
            "scan_backend": "auto",
            "steps_per_epoch": 500,
            "warmup_steps": 500,
            "ema_decay": 0.999,
            "ema_bias_correction": False,
        },
    },
    "physiology": {
        "protocol": {"protocol": "within", "deal": "random", "folds": 10},
        "seeds": [1, 2, 3, 4, 5],
        "control_seeds": [1, 2, 3, 4, 5],
        "training": {"scan_backend": "auto", "learning_rate": 1e-3, "batch": 64, "epochs": 30},
        "bimamba_tta": {"widths": _WIDTHS, "d_state": 36, "inter_d_state": 12},
        "tsception": {"temporal": 15, "spatial": 15},
        "lggnet": {"temporal": 64, "graph": 32},
        "mambaformer": {"d_model": 64, "layers": 2},
        "missing": {"ratios": [0.2, 0.4, 0.6, 0.8], "control": True},
        "choice": {
            "development_subjects": 2,
            "factors": [1.0, 0.1, 10.0, 100.0],
            "entropy_margins": [0.4, 0.8],
            "ratios": [0.2, 0.4, 0.6, 0.8],
        },
    },
}

DEMO: dict[str, Any] = {
    "corpora": {corpus: {"shards": 1} for corpus in ("noxi", "noxi_add", "mpiigi", "deap", "mahnob")},
    "features": {
        "weights": "random",
        "size": "small",
        "clip_face": {"fps": 5.0},
        "face_track": {"zoom": 1},
        "optical_flow": {"method": "dis_fast"},  # a quarter of the time of dis_medium
        "landmark_flow": {"method": "dis_fast"},
    },
    "experiments": {
        "seeds": [1, 2, 3],
        "ablation_seeds": [1, 2, 3, 4, 5],
        "da_mamba": {
            "d_model": 32,
            "d_state": 4,
            "expand": 1,
            "ffn": 2,
            "blocks": 1,
            "heads": 2,
            "dropout": 0.0,
        },
        "dat": {"d_model": 16, "heads": 2, "dim_head": 8, "dim_head_cross": 16, "dropout": 0.0},
        "training": {
            "learning_rate": 3e-3,
            "batch": 32,
            "steps": 75,
            "scan_backend": "auto",
            "steps_per_epoch": 25,
            "warmup_steps": 15,
            "ema_decay": 0.98,
            "ema_bias_correction": True,
        },
    },
    "physiology": {
        "protocol": {"protocol": "pooled", "deal": "blocks", "folds": 2},
        "seeds": [1],
        "control_seeds": [1, 2, 3],
        "training": {"scan_backend": "auto", "learning_rate": 4e-3, "batch": 16, "epochs": 12},
        "bimamba_tta": {"widths": _NARROW, "d_state": 8, "inter_d_state": 4},
        "tsception": {"temporal": 3, "spatial": 6},
        "lggnet": {"temporal": 3, "graph": 16},
        "mambaformer": {"d_model": 16, "layers": 1},
        "missing": {"ratios": [0.4, 0.8], "control": True},
        "choice": {
            "development_subjects": 3,
            "factors": [1.0, 10.0, 100.0],
            "entropy_margins": [0.4, 0.8],
            "ratios": [0.6],
        },
    },
}

TINY: dict[str, Any] = {
    "corpora": DEMO["corpora"],
    "features": DEMO["features"],
    "experiments": {
        "seeds": [1],
        "ablation_seeds": [1, 2],
        "da_mamba": {
            "d_model": 8,
            "d_state": 2,
            "expand": 1,
            "ffn": 1,
            "blocks": 1,
            "heads": 2,
            "dropout": 0.0,
        },
        "dat": {"d_model": 8, "heads": 2, "dim_head": 4, "dim_head_cross": 4, "dropout": 0.0},
        "training": {
            "learning_rate": 3e-3,
            "batch": 16,
            "steps": 4,
            "scan_backend": "reference",
            "steps_per_epoch": 2,
            "warmup_steps": 2,
            "ema_decay": 0.9,
            "ema_bias_correction": True,
        },
    },
    "physiology": {
        "protocol": {"protocol": "within", "deal": "random", "folds": 2},
        "seeds": [1],
        "control_seeds": [1],
        "training": {"scan_backend": "reference", "learning_rate": 4e-3, "batch": 16, "epochs": 1},
        "bimamba_tta": {"widths": dict.fromkeys(_WIDTHS, 2), "d_state": 2, "inter_d_state": 2},
        "tsception": {"temporal": 2, "spatial": 2},
        "lggnet": {"temporal": 2, "graph": 4},
        "mambaformer": {"d_model": 8, "layers": 1},
        "missing": {"ratios": [0.8], "control": False},
        "choice": {
            "development_subjects": 1,
            "factors": [1.0],
            "entropy_margins": [0.4],
            "ratios": [0.8],
        },
    },
}

SCALES: dict[str, dict[str, Any]] = {"paper": PAPER, "demo": DEMO, "tiny": TINY}


def fill(given: dict[str, Any], preset: dict[str, Any]) -> dict[str, Any]:
    """Return ``given`` with every absent or null key taken from ``preset``, recursively."""
    filled = dict(given)
    for key, value in preset.items():
        if isinstance(value, dict):
            inner = filled.get(key)
            if inner is None or isinstance(inner, dict):
                filled[key] = fill(inner or {}, value)
        elif filled.get(key) is None:
            filled[key] = value
    return filled
