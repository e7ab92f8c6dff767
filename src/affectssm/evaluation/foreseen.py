"""What the tables will miss, as far as the manifests tell: asked before anything is extracted or trained."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.errors import DataError, listed
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.vocabulary.stages import check_modules
from affectssm.vocabulary.targets import load

NAMED = 12  # in the error; the log names all
log = logging.getLogger(__name__)


def check_complete(
    foresees: str, settings: Mapping[str, Any], manifests: Sequence[Path], out: Path
) -> list[str]:
    """Write what the tables of a family will miss, or refuse to go on.

    Args:
        foresees: ``module:function`` that names what will be missing, given the settings and the manifests.
        settings: ``allow_incomplete`` and what that function is told.
        manifests: ``results/corpora/{corpus}-{edition}/manifest.parquet`` of all corpora of these tables.
        out: the JSON to write: what is missing, by name.

    Returns:
        What is missing.

    Raises:
        DataError: naming units, when some are missing and the settings do not allow it.
    """
    missing = list(load(foresees)(settings, manifests))
    for name in missing:
        log.warning("will be missing: %s", name)
    if missing and not settings["allow_incomplete"]:
        raise DataError(
            ", ".join(str(path.parent) for path in manifests),
            f"{len(missing)} unit{'s' * (len(missing) != 1)} that the tables will miss: {listed(missing, NAMED)}",
            "all that belongs to the parts that are scored",
            "mend them (faults.parquet beside each manifest says what is wrong), or set tables.allow_incomplete: true "
            "and have them named in the tables; nothing was extracted or trained yet",
        )
    card = make_card("evaluation/foreseen", check_modules(foresees), dict(settings), inputs=manifests)
    write_json(out, {"missing": missing, "card": card})
    return missing
