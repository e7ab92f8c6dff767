"""The code hash follows imports within the stages' rooms and ignores what cannot change a result."""

import os

import pytest

from affectssm.store.code import ROOMS, ROOT, Source


@pytest.fixture
def root(tmp_path):
    for name, text in {
        "__init__.py": "",
        "errors.py": "E = 1\n",
        "features/__init__.py": "",
        "features/a.py": '"""Doc."""\nfrom affectssm.media import b\nfrom affectssm.store import x\n'
        "from affectssm.settings import s\nfrom affectssm.vocabulary.v import V\n"
        "from affectssm.errors import E\nA = 1\n",
        "media/__init__.py": "",
        "media/b.py": "def f():\n    from affectssm.media.c import C\n    return C\n",
        "media/c.py": "C = 3\n",
        "media/other.py": "O = 1\n",
        "settings/s.py": "S = 1\n",
        "store/x.py": "X = 1\n",
        "vocabulary/v.py": "V = 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def fresh(root) -> str:
    """As in a new process."""
    return Source(root).hash(["affectssm.features.a"])


def test_reaches_lazy_and_indirect_imports_within_the_rooms(root):
    assert Source(root).reachable(["affectssm.features.a"]) == {
        "affectssm.features.a",
        "affectssm.media",
        "affectssm.media.b",
        "affectssm.media.c",
    }


def test_what_the_package_holds_is_a_room_or_left_out_on_purpose():
    folders = {path.parent.name for path in ROOT.glob("*/*.py")}
    beside_rooms = {
        "cli",
        "vocabulary",
        "settings",
        "families",
        "plan",
        "runs",
        "store",
        "weights",
        "interface",
        "serving",
    }
    assert folders == {*ROOMS, *beside_rooms}
    beside = {path.stem for path in ROOT.glob("*.py")}
    assert beside == {
        "__init__",
        "commands",
        "step_commands",
        "device",
        "errors",
        "extraction",
        "gpu_memory",
        "torchvision_ops",
    }


def test_which_name_of_a_module_is_loaded_counts(root):
    plain, one, other = (f"affectssm.features.a{name}" for name in ("", ":A", ":B"))
    assert Source(root).reachable([one]) == Source(root).reachable([plain])
    assert len({Source(root).hash([target]) for target in (plain, one, other)}) == 3


def test_a_module_that_is_not_there_is_no_code(root):
    with pytest.raises(ModuleNotFoundError, match=r"affectssm\.features\.gone"):
        Source(root).hash(["affectssm.features.gone"])


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("media/c.py", "C = 4\n", True),
        ("media/__init__.py", "I = 4\n", True),
        ("media/c.py", '"""New words."""\n\nC = 3  # a comment\n', False),
        ("media/other.py", "O = 2\n", False),
        ("store/x.py", "X = 2\n", False),
        ("settings/s.py", "S = 2\n", False),
        ("vocabulary/v.py", "V = 2\n", False),
        ("errors.py", "E = 2\n", False),
    ],
)
def test_only_reachable_code_counts(root, file, text, changes):
    before = fresh(root)
    (root / file).write_text(text)
    assert (fresh(root) != before) == changes


def test_what_was_read_is_remembered_until_the_file_changes(root, monkeypatch):
    for path in root.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
    before = fresh(root)
    with monkeypatch.context() as patched:
        patched.setattr("affectssm.store.code.ast.parse", lambda *_: pytest.fail("read again"))
        assert fresh(root) == before
    (root / "media/c.py").write_text("C = 4\n")
    assert fresh(root) != before


def test_a_broken_memory_is_made_anew(root):
    for path in root.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
    before = fresh(root)
    (memory,) = (root / "__pycache__").iterdir()
    memory.write_text("{")
    assert fresh(root) == before
    assert len(memory.read_text()) > 10
