"""Whether a package that a backend needs can be imported, and why not."""

from __future__ import annotations

import functools
import importlib


@functools.cache
def trouble_with(module: str) -> str | None:
    """What keeps a module from being imported, to be read after its name; None when it can. Asked once.

    To find it is not enough: a build that does not fit its torch or its numpy fails, with any error, at import.
    """
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == module.split(".")[0]:
            return "is not installed"
        return f"is installed but cannot be imported: {error}"
    except Exception as error:  # noqa: BLE001 - whatever it is, another backend takes its place
        return f"is installed but cannot be imported: {error}"
    return None
