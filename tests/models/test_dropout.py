"""One mask a window."""

from __future__ import annotations

import torch

from affectssm.models.dropout import WindowDropout


def test_drops_whole_channels_of_a_window_and_keeps_the_mean():
    torch.manual_seed(0)
    dropped = WindowDropout(0.25)(torch.ones(200, 7, 50))
    assert ((dropped == 0) | torch.isclose(dropped, torch.tensor(4 / 3))).all()
    assert (dropped == dropped[:, :1]).all()
    torch.testing.assert_close(dropped.mean(), torch.tensor(1.0), atol=0.02, rtol=0)


def test_does_nothing_in_evaluation():
    x = torch.randn(2, 3, 4)
    assert torch.equal(WindowDropout(0.5).eval()(x), x)
