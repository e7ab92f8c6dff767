"""What is the file's fault becomes an error of its own; what is the machine's, ours or the user's wish does not."""

from __future__ import annotations

import errno
import logging
import os
import sys
from types import SimpleNamespace

import pytest

from affectssm.errors import AffectError, ConfigError, DataError, UnexpectedError
from affectssm.store.boundary import RAISE, boundary


@pytest.fixture
def for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RAISE)


@pytest.mark.usefixtures("for_users")
@pytest.mark.parametrize(
    "raised",
    [
        ZeroDivisionError("a"),
        RecursionError("b"),
        AttributeError("c"),
        OSError("without a number"),
        AssertionError("d"),
    ],
)
def test_what_nobody_foresaw_is_the_files_fault(raised: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(UnexpectedError) as caught, boundary("a.wav"):
        raise raised
    assert caught.value.where == "a.wav" and caught.value.code == "unexpected"
    assert caught.value.found == f"{type(raised).__name__}: {raised}"
    assert "Traceback" in caplog.text and type(raised).__name__ in caplog.text


@pytest.mark.usefixtures("for_users")
def test_what_the_system_does_not_let_us_read_is_told_plainly() -> None:
    with pytest.raises(DataError, match="Input/output error") as caught, boundary("a.wav"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert caught.value.code == ""


@pytest.mark.usefixtures("for_users")
@pytest.mark.parametrize(
    "raised",
    [
        MemoryError(),
        KeyboardInterrupt(),
        SystemExit(3),
        ModuleNotFoundError("mne"),
        OSError(errno.ENOSPC, "full"),
        OSError(errno.EDQUOT, "quota"),
        OSError(errno.EMFILE, "too many"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        DataError("x", "found", "expected", "remedy"),
        ConfigError("x", "found", "expected", "remedy"),
    ],
)
def test_what_is_not_the_files_fault_goes_through(raised: BaseException) -> None:
    with pytest.raises(type(raised)) as caught, boundary("a.wav"):
        raise raised
    assert caught.value is raised


@pytest.mark.usefixtures("for_users")
def test_a_gpu_without_memory_is_not_the_files_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullError(RuntimeError):
        """Stands for torch's, which takes seconds to import."""

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(OutOfMemoryError=FullError))
    with pytest.raises(FullError), boundary("a.wav"):
        raise FullError("the device has none left")


def test_long_texts_are_one_short_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RAISE, "0")
    with pytest.raises(UnexpectedError) as caught, boundary("a.wav"):
        raise ValueError("many\nlines " * 100)
    assert "\n" not in caught.value.found and len(caught.value.found) < 400


def test_the_tests_themselves_see_our_own_errors() -> None:
    assert os.environ[RAISE] == "1"
    with pytest.raises(ZeroDivisionError), boundary("a.wav"):
        raise ZeroDivisionError
    assert issubclass(UnexpectedError, AffectError)
