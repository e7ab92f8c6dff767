"""DA-Mamba: what must not matter does not, every switch does its work, and it learns a lagged partner."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from affectssm.errors import ConfigError
from affectssm.families.dialogue.stages.models.da_mamba import DAMamba
from affectssm.settings.dialogues import DAMambaSettings
from affectssm.timeline.frame_batch import FrameBatch
from tests.families.dialogue.synthetic import DIMS, GROUPS, dialogue, lagged, seat, together

SMALL = {"d_model": 8, "d_state": 2, "expand": 1, "ffn": 2, "blocks": 1, "heads": 2, "dropout": 0.0}


def model(seed: int = 0, **changes) -> DAMamba:
    torch.manual_seed(seed)
    built = DAMamba(DAMambaSettings(**SMALL | changes), DIMS, GROUPS).eval()
    for parameter in built.parameters():  # zero and one are special values that could hide a missing term
        parameter.data += 0.05 * torch.randn_like(parameter)
    return built


def answer(built: DAMamba, batch: FrameBatch) -> torch.Tensor:
    with torch.no_grad():
        return built(batch).prediction


@pytest.mark.parametrize("seats", [0, 1, 2, 3])
@pytest.mark.parametrize("length", [1, 16, 37, 96])
def test_answers_for_any_number_of_partners_and_any_length(seats, length):
    out = model()(dialogue(2, seats, length, missing=0.2))
    assert out.prediction.shape == (2, length)
    assert (out.prediction >= 0).all() and (out.prediction <= 1).all()
    assert out.audio.shape == out.visual.shape == (2, length, 8)


SWITCHES = [
    {"backbone": "transformer"},
    {"modality_fusion": False},
    {"partner_fusion": False},
    {"local_attention": False},
    {"cross_attention": False},
    {"alignment": False},
    {"seats": "ordered"},
    {"backbone": "transformer", "local_attention": False, "seats": "ordered"},
]


@pytest.mark.parametrize("changes", SWITCHES, ids=str)
def test_every_switch_gives_a_model_whose_every_parameter_learns(changes):
    built = model(**changes)
    batch = dialogue(2, 3, missing=0.3)
    out = built(batch)
    loss = out.prediction.square().sum()
    if out.audio is not None:
        loss = loss + (out.audio * out.visual).sum()
    loss.backward()
    unused = [name for name, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not unused


@pytest.mark.parametrize("changes", [*SWITCHES, {}], ids=str)
def test_switches_change_the_parameters_they_name(changes):
    names = {name for name, _ in model(**changes).named_parameters()}
    has = {
        "partner_fusion": any(".context." in n for n in names),
        "local_attention": any(".local." in n for n in names),
        "cross_attention": any(".cross." in n for n in names),
        "alignment": any(n.startswith("align.") for n in names),
        "modality_fusion": any(n.startswith("encoder.fuse.") for n in names),
    }
    expected = {name: changes.get(name, True) for name in has}
    if not expected["modality_fusion"]:  # groups that stay apart do not attend to each other either
        expected["cross_attention"] = False
    assert has == expected
    assert any(n.endswith("A_log") for n in names) == (changes.get("backbone") != "transformer")


def test_without_alignment_there_are_no_embeddings():
    out = model(alignment=False)(dialogue())
    assert out.audio is None and out.visual is None


@pytest.mark.parametrize("fused", [True, False])
def test_without_fusion_the_groups_add_up_and_do_not_interact(fused):
    built, batch = model(modality_fusion=fused), dialogue(2, 2)

    def answered(**scales):
        target = {
            name: replace(own, rows=own.rows * scales.get(name, 1.0)) for name, own in batch.target.items()
        }
        return answer(built, replace(batch, people=together(target, batch.partners)))

    audio, visual = (names[0] for names in GROUPS.values())
    both = answered(**{audio: 3.0, visual: 3.0}) - answered(**{visual: 3.0})
    alone = answered(**{audio: 3.0}) - answered()
    assert alone.abs().max() > 1e-4
    assert torch.allclose(both, alone, atol=1e-6) != fused


def test_without_partner_fusion_partners_do_not_matter():
    built, batch = model(partner_fusion=False), dialogue(2, 2)
    changed = {name: replace(own, rows=100 * own.rows + 7) for name, own in batch.partners.items()}
    other = replace(batch, people=together(batch.target, changed))
    assert torch.equal(answer(built, batch), answer(built, other))
    assert torch.equal(answer(built, batch), answer(built, seat(batch, [])))


@pytest.mark.parametrize("backbone", ["mamba", "transformer"])
def test_partners_matter_with_partner_fusion(backbone):
    built, batch = model(backbone=backbone), dialogue(2, 2)
    for name in DIMS:
        other = dialogue(2, 2)
        other.partners[name].rows.add_(1.0)
        assert not torch.allclose(answer(built, batch), answer(built, other))


@pytest.mark.parametrize("seats", ["exchangeable", "ordered"])
def test_an_empty_seat_is_nobody_whatever_it_holds(seats):
    built, batch = model(seats=seats), dialogue(2, 3)
    batch.partner_present[:, 1] = False
    expected = answer(built, seat(batch, [0, 2]))
    torch.testing.assert_close(answer(built, batch), expected)
    for name in DIMS:
        batch.partners[name].rows[:, 1] = 50.0
    torch.testing.assert_close(answer(built, batch), expected)
    batch.partner_present[:] = False
    torch.testing.assert_close(answer(built, batch), answer(built, seat(batch, [])))


def test_partners_are_exchangeable_unless_seated():
    batch = dialogue(2, 3)
    turned = seat(batch, [2, 0, 1])
    torch.testing.assert_close(answer(model(), batch), answer(model(), turned))
    ordered = model(seats="ordered")
    assert not torch.allclose(answer(ordered, batch), answer(ordered, turned))


def test_a_single_partner_is_the_same_either_way():
    built, ordered = model(), model(seats="ordered")
    state = {name: value for name, value in built.state_dict().items() if name != "heads.0.context.seat"}
    ordered.load_state_dict(state, strict=False)
    ordered.heads[0].context.seat.data[:1] = built.heads[0].context.seat.data
    batch = dialogue(2, 1)
    torch.testing.assert_close(answer(built, batch), answer(ordered, batch))


@pytest.mark.parametrize("changes", [{}, {"backbone": "transformer"}, {"seats": "ordered"}], ids=str)
def test_frames_outside_the_recording_do_not_influence_the_others(changes):
    built, batch = model(**changes), dialogue(2, 2)
    batch.frame_valid[:, :20] = False
    batch.frame_valid[1, 80:] = False
    before = answer(built, batch)
    for name in DIMS:
        batch.target[name].rows[~batch.frame_valid] = 30.0
        batch.partners[name].rows[:, 0][~batch.frame_valid] = -30.0
    torch.testing.assert_close(answer(built, batch)[batch.frame_valid], before[batch.frame_valid])


def test_what_an_invalid_feature_frame_holds_does_not_matter_but_that_it_is_invalid_does():
    built, batch = model(), dialogue(2, 1, missing=0.2)
    other = {
        name: replace(own, rows=torch.where(own.valid[..., None], own.rows, 9.0))
        for name, own in batch.target.items()
    }
    torch.testing.assert_close(
        answer(built, batch), answer(built, replace(batch, people=together(other, batch.partners)))
    )
    before = answer(built, batch)
    for own in batch.target.values():
        own.valid[:] = True
    assert not torch.allclose(before, answer(built, batch))


def test_nothing_valid_at_all_still_gives_a_finite_answer_and_finite_gradients():
    built, batch = model(), dialogue(1, 1, missing=1.0)
    batch.frame_valid[:] = False
    built(batch).prediction.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in built.parameters())


def test_one_group_alone_makes_one_stack():
    torch.manual_seed(0)
    built = DAMamba(DAMambaSettings(**SMALL), DIMS, {"audio": ["voice"], "visual": []})
    out = built(dialogue())
    assert out.prediction.shape == (3, 96) and out.audio is None


def test_an_unknown_feature_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match="gaze"):
        DAMamba(DAMambaSettings(**SMALL), DIMS, {"audio": ["voice"], "visual": ["gaze"]})


@pytest.mark.parametrize("backbone", ["mamba", "transformer"])
def test_learns_what_the_partner_did_a_fifth_of_a_second_ago(backbone):
    torch.manual_seed(0)
    settings = DAMambaSettings(**SMALL | {"d_model": 16, "backbone": backbone})
    built = DAMamba(settings, DIMS, GROUPS)
    optimiser = torch.optim.AdamW(built.parameters(), lr=5e-3)
    for step in range(40):
        batch, engagement = lagged(16, lag=20, seed=2 * step)
        loss = (built(batch).prediction - engagement).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    batch, engagement = lagged(32, lag=20, seed=1001)
    centre = slice(32, 64)
    left = (answer(built, batch) - engagement)[:, centre].square().mean() / engagement[:, centre].var()
    alone = (answer(built, seat(batch, [])) - engagement)[:, centre].square().mean() / engagement[
        :, centre
    ].var()
    assert left < 0.3 and alone > 0.8
