"""EDF and BDF against the bytes of real files, read here a second time, and against files that are wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectssm.media.edf import SignalFile
from affectssm.media.probe import CutFileError, MediaError

PHYSIO = Path(__file__).resolve().parents[3] / "shared" / "media" / "physio"
real = pytest.mark.skipif(not PHYSIO.is_dir(), reason="needs the real signals (../shared/media/physio)")


def digital(path: Path, channel: int) -> np.ndarray:
    """The integers of one channel, taken from the file's bytes by the format's definition."""
    data = path.read_bytes()
    width = 3 if data[0] == 255 else 2
    count = int(data[252:256])
    at = 256 + count * (16 + 80 + 8 * 5 + 80)
    sizes = [int(data[at + 8 * n : at + 8 * n + 8]) for n in range(count)]
    records = int(data[236:244])
    body = np.frombuffer(data, np.uint8, offset=256 * (count + 1))[: records * sum(sizes) * width]
    start = sum(sizes[:channel]) * width
    raw = (
        body.reshape(records, -1)[:, start : start + sizes[channel] * width]
        .reshape(-1, width)
        .astype(np.int64)
    )
    value = sum(raw[:, byte] << (8 * byte) for byte in range(width))
    return np.where(value >= 1 << (8 * width - 1), value - (1 << 8 * width), value)


def bdf(path: Path, body: np.ndarray, labels: list[str], rate: int, units: list[str] | None = None) -> Path:
    """A BDF of one-second records, written by hand: body (T, C) of integers that count as the values."""
    count = len(labels)
    records = len(body) // rate
    text = "".join(
        [
            f"{256 * (count + 1):<8}", " " * 44, f"{records:<8}", f"{1:<8}", f"{count:<4}",
            *(f"{label:<16}" for label in labels), " " * 80 * count,
            *(f"{unit:<8}" for unit in (units or ["uV"] * count)),
            *[f"{-8388608:<8}"] * count, *[f"{8388607:<8}"] * count,
            *[f"{-8388608:<8}"] * count, *[f"{8388607:<8}"] * count,
            " " * 80 * count, *[f"{rate:<8}"] * count, " " * 32 * count,
        ]
    )  # fmt: skip
    head = b"\xffBIOSEMI" + b" " * 160 + b"01.01.0000.00.00" + text.encode("latin-1")
    words = body[: records * rate].reshape(records, rate, count).transpose(0, 2, 1).astype("<i4")
    path.write_bytes(head + np.ascontiguousarray(words).view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    body = rng.integers(-9000, 9000, (64 * 10, 3))
    body[:, 2] = 0x180000
    for at, code in ((100, 4), (300, 4), (301, 5), (500, 2)):
        body[at : at + 1 if at == 300 else at + 6, 2] = 0x18FF00 + code
    return bdf(tmp_path / "small.bdf", body, ["Fp1", "GSR1", "-1"], 64, ["uV", "Ohm", "Boolean"])


@real
def test_names_units_and_rates_of_a_real_recording() -> None:
    file = SignalFile(PHYSIO / "short_psg.bdf")
    assert file.labels == [
        "EEG Fpz-Cz", "EEG Pz-Oz", "EOG horizontal", "Resp oro-nasal", "EMG submental", "Temp rectal",
        "Event marker",
    ]  # fmt: skip
    assert [channel.unit for channel in file.header.channels] == ["uV", "uV", "uV", "", "uV", "DegC", ""]
    assert [channel.rate for channel in file.header.channels] == [100, 100, 100, 1, 1, 1, 1]
    assert file.duration_s == 300


@real
def test_edf_and_bdf_of_one_recording_are_identical_to_the_last_bit() -> None:
    edf, other = (SignalFile(PHYSIO / f"short_psg.{end}") for end in ("edf", "bdf"))
    for mine, theirs in zip(edf.header.channels, other.header.channels, strict=True):
        assert mine == theirs
        assert np.array_equal(edf.read([mine]), other.read([theirs]))


@real
@pytest.mark.parametrize("name", ["short_psg.edf", "short_psg.bdf", "test.bdf", "test_generator.bdf"])
def test_values_are_the_integers_of_the_file_scaled_by_its_header(name: str) -> None:
    file = SignalFile(PHYSIO / name)
    signals = [channel for channel in file.header.channels if not channel.is_annotation]
    for channel in signals[:: max(1, len(signals) // 6)]:
        (low, high), (first, last) = channel.physical, channel.digital
        expected = (digital(file.path, channel.index) - first) * (high - low) / (last - first) + low
        np.testing.assert_allclose(file.read([channel])[:, 0], expected, rtol=1e-9, atol=1e-6)


@real
def test_events_are_those_mne_finds_by_the_channels_name() -> None:
    import mne

    path = PHYSIO / "test_bdf_stim_channel.bdf"
    raw = mne.io.read_raw_bdf(path, verbose="ERROR")
    theirs = mne.find_events(raw, mask=0xFF, mask_type="and", verbose="ERROR")[:, [0, 2]].tolist()
    assert [[event.sample, event.code] for event in SignalFile(path).events(0xFF)] == theirs
    assert len(theirs) == 9


@real
def test_a_known_sine_has_its_frequency() -> None:
    file = SignalFile(PHYSIO / "test_generator.bdf")
    sine = file.read(file.find(["sine 5Hz"]))[:, 0]
    spectrum = np.abs(np.fft.rfft(sine - sine.mean()))
    assert np.argmax(spectrum) / file.duration_s == pytest.approx(5.0, abs=0.05)


@real
def test_a_one_second_recording_is_refused_as_too_short() -> None:
    file = SignalFile(PHYSIO / "test.bdf")
    with pytest.raises(MediaError, match=r"too short: 1 s\n.*at least 63 s for a trial"):
        file.need_seconds(63, "a trial")
    with pytest.raises(MediaError, match="too short"):
        file.read(file.find(["Fp1"]), 0, 4 * 2048)


@real
def test_a_label_that_occurs_twice_is_noticed_and_the_others_read() -> None:
    file = SignalFile(PHYSIO / "duplicate_channel_labels.edf")
    with pytest.raises(MediaError, match="several channels labelled EEG F1-Ref"):
        file.find(["EEG F1-Ref"])
    np.testing.assert_allclose(
        file.read(file.find(["EEG F2-Ref"]))[:, 0],
        np.interp(digital(file.path, 1), file.header.channels[1].digital, file.header.channels[1].physical),
        atol=1e-6,
    )


def test_a_missing_channel_is_named_with_those_there_are(small: Path) -> None:
    with pytest.raises(MediaError, match=r"no channel Fp2 \(it has 'Fp1', 'GSR1', '-1'\)"):
        SignalFile(small).find(["Fp1", "Fp2"])


def test_only_rising_edges_count_and_the_status_channel_is_the_last_whatever_its_name(small: Path) -> None:
    file = SignalFile(small)
    assert [(event.sample, event.code) for event in file.events(0xFF)] == [
        (100, 4),
        (300, 4),
        (301, 5),
        (500, 2),
    ]
    assert file.status_words() == [0x180000, 0x18FF02, 0x18FF04, 0x18FF05]


def test_an_edge_on_the_border_of_two_blocks_is_seen_once(small: Path) -> None:
    file = SignalFile(small)
    whole = file.events(0xFF)
    for seconds in (100 / 64, 99 / 64, 1 / 64 * 7):
        assert file.events(0xFF, seconds) == whole


def test_voltages_are_microvolts_and_other_units_stay(tmp_path: Path) -> None:
    body = np.full((32, 4), 250)
    path = bdf(tmp_path / "x.bdf", body, ["a", "b", "c", "s"], 16, ["uV", "mV", "Ohm", "uV"])
    file = SignalFile(path)
    np.testing.assert_allclose(file.read(file.find(["a", "b", "c"]))[0], [250, 250e3, 250], rtol=1e-9)
    assert file.status_words() == [250]


def test_a_file_cut_in_half_says_where(small: Path) -> None:
    small.write_bytes(small.read_bytes()[: small.stat().st_size // 2])
    with pytest.raises(CutFileError, match="4 of 10 records, cut after 4 s"):
        SignalFile(small)


def test_bytes_after_the_last_record_are_left_alone(small: Path) -> None:
    before = SignalFile(small)
    expected = before.read(before.header.channels)
    small.write_bytes(small.read_bytes() + b"\1" * 700)
    file = SignalFile(small)
    assert file.header.surplus == 700
    assert np.array_equal(file.read(file.header.channels), expected)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, b"RIFF...."),
        (184, b"77      "),
        (236, b"-2      "),
        (244, b"abc     "),
        (244, b"1e308   "),
        (244, b"1e-320  "),
        (244, b"0       "),
        (244, b"1_0     "),
        (256 + 3 * 104, b"-1e308  "),
        (256 + 3 * 112, b"1e39    "),
        (252, b"9999"),
        (252, b"    "),
    ],
)
def test_a_header_that_is_wrong_is_refused(small: Path, at: int, text: bytes) -> None:
    data = bytearray(small.read_bytes())
    data[at : at + len(text)] = text
    small.write_bytes(data)
    with pytest.raises(MediaError):
        SignalFile(small)


@pytest.mark.parametrize("data", [b"", b"\xffBIOSEMI", b"\xffBIOSEMI" + b" " * 300])
def test_a_file_without_a_header_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.bdf"
    path.write_bytes(data)
    with pytest.raises(MediaError):
        SignalFile(path)
    with pytest.raises(MediaError, match="No such file"):
        SignalFile(tmp_path / "none.bdf")


def patched(path: Path, at: int, data: bytes) -> Path:
    whole = bytearray(path.read_bytes())
    whole[at : at + len(data)] = data
    path.write_bytes(whole)
    return path


def mne_microvolts(path: Path, channels: int) -> np.ndarray:
    """What MNE makes of the first channels, (T, C), voltages in microvolts."""
    import mne

    raw = mne.io.read_raw_bdf(path, stim_channel=None, verbose="CRITICAL")
    return raw.get_data(range(channels)).T * 1e6


@pytest.mark.parametrize(
    ("unit", "as_mne"),
    [
        ("\u03bcV".encode("shift_jis"), True),
        ("\u00b5V".encode("latin-1"), True),
        ("\u00b5V".encode(), False),  # the others MNE takes for volts
        ("\u03bcV".encode(), False),
        ("\u00b5V".encode("cp437"), False),
        (b"uV\0\0\0\0\0\0", False),
    ],
)
def test_a_microvolt_is_one_whatever_the_sign_and_its_encoding(
    small: Path, unit: bytes, as_mne: bool
) -> None:
    plain = SignalFile(small).read(SignalFile(small).find(["Fp1"]))
    assert np.abs(plain).max() > 5000
    file = SignalFile(patched(small, 256 + 3 * 96, unit.ljust(8)))
    assert file.header.channels[0].unit == "uV"
    np.testing.assert_array_equal(file.read(file.find(["Fp1"])), plain)
    if as_mne:
        np.testing.assert_allclose(mne_microvolts(small, 1), plain, rtol=1e-9)


@pytest.mark.parametrize(
    ("unit", "kept", "factor"),
    [
        (b"nV", "nV", 1e-3),
        ("\u03bcS".encode("shift_jis"), "uS", 1),
        (b"\x83\xcb", "\x83\xcb", 1),
        (b"", "", 1),
    ],
)
def test_other_units_keep_their_name(small: Path, unit: bytes, kept: str, factor: float) -> None:
    plain = SignalFile(small).read(SignalFile(small).find(["Fp1"]))
    file = SignalFile(patched(small, 256 + 3 * 96, unit.ljust(8)))
    assert file.header.channels[0].unit == kept
    np.testing.assert_allclose(file.read(file.find(["Fp1"])), plain * factor)


@pytest.mark.parametrize(
    ("at", "data"),
    [
        (8, b"X M 01-JAN-1980 Doe hand=1=2".ljust(80)),
        (8, "M\u00fcller \u00e9".encode("latin-1").ljust(80)),
        (88, b"Startdate 99-XXX-0000 X X X".ljust(80)),
        (168, b"??.??.??99:99:99"),
        (192, "gr\u00f6\u00dfer".encode("latin-1").ljust(44)),
        (236, b"10\0\0\0\0\0\0"),
        (252, b"3\0\0\0"),
        (256, b"Fp1\0left over"),
        (256 + 3 * 216, b"64\0garba"),
        (256 + 3 * 224, "\u00fc\u00b5".encode("latin-1").ljust(32)),
    ],
)
def test_a_field_that_decides_no_sample_refuses_no_file(small: Path, at: int, data: bytes) -> None:
    before = SignalFile(small)
    expected = before.read(before.header.channels)
    file = SignalFile(patched(small, at, data))
    assert file.labels == ["Fp1", "GSR1", "-1"]
    assert np.array_equal(file.read(file.header.channels), expected)


@pytest.mark.parametrize("promised", [b"-1", b"0"])
@pytest.mark.parametrize("more", [0, 100])
def test_a_recording_that_was_never_closed_is_read_to_its_last_whole_record(
    small: Path, promised: bytes, more: int
) -> None:
    before = SignalFile(small)
    expected, events = before.read(before.header.channels), before.events(0xFF)
    assert before.header.closed
    patched(small, 236, promised.ljust(8))
    small.write_bytes(small.read_bytes() + b"\1" * more)
    file = SignalFile(small)
    header = file.header
    assert (header.closed, header.records, header.surplus) == (False, 10, more)
    assert np.array_equal(file.read(header.channels), expected)
    assert file.events(0xFF) == events
    np.testing.assert_allclose(mne_microvolts(small, 1)[:, 0], expected[:, 0], rtol=1e-9)


def test_a_recording_that_was_never_begun_is_refused(small: Path) -> None:
    patched(small, 236, b"-1      ")
    small.write_bytes(small.read_bytes()[: 256 * 4 + 100])
    with pytest.raises(MediaError, match="not one whole record"):
        SignalFile(small)


def test_stretches_that_begin_and_end_within_records(small: Path) -> None:
    file = SignalFile(small)
    whole = file.read(file.header.channels)
    for start, stop in ((0, 1), (63, 65), (64, 128), (100, 300), (639, 640), (5, 5)):
        assert np.array_equal(file.read(file.header.channels, start, stop), whole[start:stop])
    assert np.array_equal(file.read(file.header.channels[::-1]), whole[:, ::-1])


@real
@pytest.mark.parametrize("name", ["short_psg.bdf", "test.bdf", "test_bdf_stim_channel.bdf"])
def test_real_recordings_hold_what_mne_reads(name: str) -> None:
    file = SignalFile(PHYSIO / name)
    rate = max(channel.rate for channel in file.header.channels)
    channels = [channel for channel in file.header.channels if channel.rate == rate]
    import mne

    slower = [channel.label for channel in file.header.channels if channel.rate != rate]
    raw = mne.io.read_raw_bdf(file.path, exclude=slower, stim_channel=None, verbose="CRITICAL")
    unit = [1e6 if channel.unit == "uV" else 1.0 for channel in channels]
    np.testing.assert_allclose(file.read(channels), raw.get_data().T * unit, rtol=1e-9, atol=1e-9)


@real
def test_an_edf_that_was_never_closed_is_read_as_it_was(tmp_path: Path) -> None:
    whole = SignalFile(PHYSIO / "short_psg.edf")
    channels = whole.find(["EEG Fpz-Cz", "EEG Pz-Oz"])
    path = tmp_path / "a.edf"
    path.write_bytes(whole.path.read_bytes())
    file = SignalFile(patched(path, 236, b"-1      "))
    assert not file.header.closed and file.duration_s == whole.duration_s
    assert np.array_equal(file.read(channels), whole.read(channels))
