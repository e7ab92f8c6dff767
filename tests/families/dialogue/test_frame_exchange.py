import numpy as np
import pytest
from small_task import FRAMES, RECORDINGS, label, run_settings, write_task

from affectssm.errors import DataError
from affectssm.families.dialogue.stages.data import training_indexes
from affectssm.timeline.index import Target
from affectssm.timeline.loader import open_windows
from affectssm.training.frame_exchange import ExchangedLabels, donors, fitted, note_neighbours


def targets(sizes):
    return [
        Target("noxi", "train", "main", "s00", f"{r:03d}", f"s{p}", 10, 10, 25.0, ())
        for r, size in enumerate(sizes)
        for p in range(size)
    ]


@pytest.mark.parametrize("sizes", [[2, 2], [2] * 7, [1, 2, 3, 3], [4, 4, 2]])
@pytest.mark.parametrize("seed", range(5))
def test_everyone_gets_labels_of_another_recording_and_none_is_lost(sizes, seed):
    people = targets(sizes)
    found = donors(people, seed)
    assert sorted(found) == list(range(len(people)))
    assert all(people[i].recording != people[donor].recording for i, donor in enumerate(found))


def test_the_seed_decides_and_one_participant_is_refused():
    people = targets([2] * 10)
    np.testing.assert_array_equal(donors(people, 1), donors(people, 1))
    assert not np.array_equal(donors(people, 1), donors(people, 2))
    assert all(donor != i for i, donor in enumerate(donors(targets([4]), 0))), "neighbours, but never oneself"
    with pytest.raises(DataError, match="single participant"):
        donors(targets([1]), 0)


@pytest.mark.parametrize("sizes", [[4], [2], [3, 1], [1, 1], [1, 4, 1]])
@pytest.mark.parametrize("seed", range(5))
def test_neighbours_exchange_where_nobody_else_is_there_but_nobody_keeps_their_own(sizes, seed):
    people = targets(sizes)
    found = donors(people, seed)
    assert sorted(found) == list(range(len(people))) and (found != np.arange(len(people))).all()
    beside = [people[i].recording == people[donor].recording for i, donor in enumerate(found)]
    assert any(beside) == (2 * max(sizes) > len(people))


def test_a_recording_that_must_exchange_within_itself_is_named(caplog):
    note_neighbours(targets([3, 1]), donors(targets([3, 1]), 0))
    assert "noxi/000 holds more than half of the 4 participants" in caplog.text
    caplog.clear()
    note_neighbours(targets([2, 2]), donors(targets([2, 2]), 0))
    assert not caplog.records


def test_a_control_of_one_participant_is_refused_before_the_first_batch(tmp_path):
    windows, features = write_task(tmp_path)
    index, _ = training_indexes(run_settings(), windows)
    only = index.select(lambda target: target == index.targets[0])
    alone = open_windows(only, features, run_settings().features)
    with pytest.raises(DataError, match="single participant"):
        ExchangedLabels(alone, seed=3)


def test_tracks_are_cropped_or_stretched():
    assert fitted(np.arange(5), 3).tolist() == [0, 1, 2]
    assert fitted(np.arange(3), 6).tolist() == [0, 0, 1, 1, 2, 2]


def test_windows_carry_the_whole_track_of_their_donor(tmp_path):
    windows, features = write_task(tmp_path)
    settings = run_settings()
    index, _ = training_indexes(settings, windows)
    plain = open_windows(index, features, settings.features)
    exchanged = ExchangedLabels(plain, seed=3)
    everything = np.arange(len(plain))
    batch, own = exchanged[everything], plain[everything]
    assert batch.label_valid.equal(own.label_valid)
    people = [(c, r, seat) for c, _, r, seats, part in RECORDINGS if part == "train" for seat in seats]
    for target, (donor, shift) in enumerate(zip(*exchanged.exchange(everything), strict=True)):
        rows = index.target == target
        track = batch.label[rows][batch.label_valid[rows]].numpy()
        np.testing.assert_array_equal(np.roll(track, -shift), label(*people[donor]))
        assert len(track) == FRAMES


def test_an_exchange_is_redrawn_for_every_batch_or_holds_throughout(tmp_path):
    windows, features = write_task(tmp_path)
    index, _ = training_indexes(run_settings(), windows)
    plain = open_windows(index, features, run_settings().features)
    batches = [range(start, start + 4) for start in range(20)]
    for part in (0, 1):  # donors, shifts
        redrawn = {tuple(ExchangedLabels(plain, 3, redraw=True).exchange(b)[part]) for b in batches}
        lasting = {tuple(ExchangedLabels(plain, 3).exchange(b)[part]) for b in batches}
        assert len(redrawn) > len(lasting) == 1
    first, again = (ExchangedLabels(plain, 3, redraw=True)[range(4)].label for _ in range(2))
    assert first.equal(again), "the same batch after a resume"
