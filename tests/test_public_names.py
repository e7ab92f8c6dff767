"""What is public: these names and no others, each documented with an example, and nothing loaded before it is used."""

from __future__ import annotations

import doctest
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import affectssm

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
PUBLIC = {
    "AffectError", "Corpus", "Model", "features", "load_model", "open_corpus", "predict", "table", "windows",
}  # fmt: skip


def fresh(code: str) -> str:
    """What a new process prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_public_names_are_these_and_on_the_page():
    assert set(affectssm.__all__) == PUBLIC
    assert {name for name in dir(affectssm) if not name.startswith("_")} == PUBLIC
    assert set(re.findall(r"^\| `(\w+)", PAGE, re.M)) == PUBLIC
    assert len(PAGE.splitlines()) < 100  # a page
    with pytest.raises(AttributeError, match="has no attribute 'open_corpora'; public are AffectError"):
        _ = affectssm.open_corpora


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_each_says_what_it_takes_returns_and_raises_and_has_an_example(name):
    found = getattr(affectssm, name)
    text = inspect.getdoc(found)
    assert doctest.DocTestParser().get_examples(text)
    if inspect.isclass(found):
        assert "Attributes:" in text or "Args:" in text
        members = [one for one in dir(found) if not one.startswith("_") and one not in dir(Exception)]
        assert all(
            isinstance(one := getattr(found, member), type) or inspect.getdoc(one) for member in members
        )
    else:
        signature = inspect.signature(found)
        taken = text.partition("Args:\n")[2].partition("\n\n")[0]
        said = re.findall(r"^    (\w+): ", taken, re.M)
        assert said == list(signature.parameters), "parameters in the order of the signature"
        assert all(part in text for part in ("Args:", "Returns:", "Raises:"))
        assert all(one.annotation is not one.empty for one in signature.parameters.values())


def test_the_page_has_an_example_of_each():
    sources = " ".join(one.source for one in doctest.DocTestParser().get_examples(PAGE))
    assert {name for name in PUBLIC if f"affectssm.{name}" in sources} == PUBLIC - {"Corpus", "Model"}


def test_to_import_the_package_loads_nothing_and_a_name_no_more_than_its_own():
    code = "import sys, json; before = set(sys.modules); {}; print(json.dumps(sorted(set(sys.modules) - before)))"
    loaded = json.loads(fresh(code.format("import affectssm; dir(affectssm)")))
    assert [
        name for name in loaded if name.partition(".")[0] not in {*sys.stdlib_module_names, "affectssm"}
    ] == []
    assert [name for name in loaded if name.startswith("affectssm")] == ["affectssm"]
    names = "[getattr(affectssm, name) for name in affectssm.__all__]"
    loaded = json.loads(fresh(code.format(f"import affectssm; {names}")))
    assert not {"torch", "pandas", "numpy", "pyarrow", "h5py", "av"} & set(loaded)


def test_features_is_a_function_though_a_room_has_its_name():
    calls = "[callable(affectssm.features), affectssm.features.__doc__[:15]]"
    first = fresh(f"import affectssm; print({calls})")
    room = "import affectssm.features.progress; import affectssm.features.progress as own"
    later = fresh(f"{room}; from affectssm.features import progress; assert own is progress; print({calls})")
    assert first == later and first == "[True, 'Return features']\n"
    assert "names" in inspect.signature(affectssm.features).parameters
