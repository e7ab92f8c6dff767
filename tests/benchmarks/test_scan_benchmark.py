"""The page of benchmarks/scan.py, from times that are made up."""

import pytest
import scan

from affectssm.ssm.numba_units import STREAMED

SHAPE = (1, 500, 64, 8)


def test_what_was_not_measured_is_an_empty_cell():
    times = {"numba": (0.001, 0.002), "transformers": (0.003, None)}
    floor, numba, transformers = scan.section(SHAPE, (0.0005, 0.001), times, {"numba": 0.25})
    assert floor == [str(SHAPE), "floor", "0.5", "", "1.0", "", "1", ""]
    assert numba == ["", "numba", "1.0", "1.0", "2.0", "1.0", "2.0", "0.250"]
    assert transformers == ["", "transformers", "3.0", "3.0", "", "", "", ""]
    assert {len(row) for row in (floor, numba, transformers)} == {len(scan.HEAD)}


def test_every_shape_has_its_floor_from_the_best_rates_of_the_run(monkeypatch):
    rates, shapes = iter([1e9, 2e9, 4e9]), (SHAPE, (2, 96, 64, 16))
    monkeypatch.setattr(scan, "exp_rate", lambda: next(rates))
    monkeypatch.setattr(scan, "bandwidth", lambda: 1e10)
    monkeypatch.setattr(scan, "measure", lambda shape, rounds: dict.fromkeys(rounds, (1.0, 1.0)))
    monkeypatch.setattr(scan, "peak_of", lambda name, shape: 0.0)
    _, drawn, rate, _ = scan.figures(shapes)
    assert rate == 4e9
    assert [drawn[str(s)]["floor"] for s in shapes] == [scan.floors(s, 4e9, 1e10)[1] for s in shapes]


def test_the_floor_is_exponentials_or_bytes_whichever_takes_longer():
    exponentials = 500 * 64 * 8
    assert scan.floors(SHAPE, 1e6, 1e15) == pytest.approx((exponentials / 1e6, 2 * exponentials / 1e6))
    signal, projection = 4 * 500 * 64, 4 * 500 * 8
    assert scan.floors(SHAPE, 1e15, 1e6)[0] == pytest.approx((3 * signal + 2 * projection) / 1e6)


def test_the_large_case_takes_the_path_of_large_outputs():
    batch, length, channels, _ = scan.LARGE
    assert 4 * batch * length * channels >= STREAMED
    assert channels % 16 == 0
