"""Every example of the Python interface runs and shows what it says, on what the tiny road has made."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import pytest

import affectssm

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


@pytest.fixture(scope="module")
def folder(road, tmp_path_factory):
    """A folder with the results of the road, which examples read and do not change."""
    found = tmp_path_factory.mktemp("examples")
    (found / "results").symlink_to(road.folder / "results")
    return found


@pytest.fixture
def place(folder, monkeypatch):
    monkeypatch.chdir(folder)


def run(text: str, name: str, said: list[str]) -> int:
    examples = doctest.DocTestParser().get_doctest(text, {"affectssm": affectssm}, name, name, 0)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(examples, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
    return len(examples.examples)


@pytest.mark.workflow
@pytest.mark.parametrize("name", affectssm.__all__)
def test_the_examples_of_a_name(place, name):
    assert run(inspect.getdoc(getattr(affectssm, name)), name, [])


@pytest.mark.workflow
def test_the_examples_of_the_page(place):
    assert run("import affectssm\n" + PAGE.read_text(encoding="utf-8"), PAGE.name, [])
