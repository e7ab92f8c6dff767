"""SSI streams: headers as shipped and as damaged, bodies in chunks, short bodies, missing bodies."""

from __future__ import annotations

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.media.ssi import body_rows, read_header, read_stream

VALUES = np.arange(40, dtype="<f4").reshape(10, 4)
BODY = VALUES.tobytes()
INFO = '<info ftype="BINARY" sr="25.000000" dim="4" byte="4" type="FLOAT" delim=" " />'


def write(tmp_path, body=BODY, info=INFO, chunks=((0, 10),), key='ssi-v="2"', extra=""):
    path = tmp_path / "expert.clip.stream"
    lines = "".join(f'<chunk from="0.0" to="1.0" byte="{offset}" num="{rows}"/>' for offset, rows in chunks)
    path.write_text(f'<?xml version="1.0" ?>\n<stream {key}>{info}<meta type="" />{extra}{lines}</stream>')
    if body is not None:
        path.with_name(path.name + "~").write_bytes(body)
    return path


def test_header_and_body(tmp_path):
    path = write(tmp_path, extra='<time ms="0" local="x" system="y"/>')
    header = read_header(path)
    assert (header.rate, header.dim, header.byte, header.type, header.rows) == (25.0, 4, 4, "FLOAT", 10)
    assert not header.repaired
    stream = read_stream(path)
    np.testing.assert_array_equal(stream.value, VALUES)
    assert stream.value.dtype == np.float32
    assert stream.finite.all()


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 3), (2, 7), (4, None), (None, 5), (9, 20), (7, 3), (-2, None)]
)
@pytest.mark.parametrize("chunks", [((0, 10),), ((0, 4), (64, 1), (80, 5)), ((0, 4), (0, 6))])
def test_a_range_is_a_slice_whatever_the_chunks(tmp_path, start, stop, chunks):
    stream = read_stream(write(tmp_path, chunks=chunks), start, stop)
    np.testing.assert_array_equal(stream.value, VALUES[start:stop])


def test_chunk_offsets_skip_bytes_between_chunks(tmp_path):
    body = VALUES[:4].tobytes() + b"?" * 7 + VALUES[4:].tobytes()
    stream = read_stream(write(tmp_path, body, chunks=((0, 4), (71, 6))))
    np.testing.assert_array_equal(stream.value, VALUES)


def test_short_body_is_floored_to_whole_rows(tmp_path):
    path = write(tmp_path, VALUES.tobytes()[:-17])
    stream = read_stream(path)
    np.testing.assert_array_equal(stream.value, VALUES[:8])
    assert body_rows(path) == (8, 10)


def test_long_body_is_read_as_far_as_promised_and_wholly_without_a_promise(tmp_path):
    assert len(read_stream(write(tmp_path, chunks=((0, 6),))).value) == 6
    assert len(read_stream(write(tmp_path, chunks=((0, 0),))).value) == 10
    assert len(read_stream(write(tmp_path, chunks=())).value) == 10


@pytest.mark.parametrize("key", ['"ssi-v "="2"', 'ssi-v ="2"'])
def test_odd_attribute_key(tmp_path, key):
    path = write(tmp_path, key=key)
    np.testing.assert_array_equal(read_stream(path).value, VALUES)
    assert read_header(path).repaired == key.startswith('"')


@pytest.mark.parametrize(
    ("kind", "byte", "dtype"),
    [("CHAR", 1, "<i1"), ("UCHAR", 1, "<u1"), ("SHORT", 2, "<i2"), ("USHORT", 2, "<u2"), ("INT", 4, "<i4"),
     ("UINT", 4, "<u4"), ("LONG", 8, "<i8"), ("ULONG", 8, "<u8"), ("DOUBLE", 8, "<f8"), ("BOOL", 1, "<u1")],
)  # fmt: skip
def test_every_element_type(tmp_path, kind, byte, dtype):
    info = f'<info ftype="BINARY" sr="25" dim="4" byte="{byte}" type="{kind}"/>'
    path = write(tmp_path, VALUES.astype(dtype).tobytes(), info)
    np.testing.assert_array_equal(read_stream(path).value, VALUES)


def test_values_that_are_not_finite_are_marked(tmp_path):
    values = VALUES.astype("<f8")
    values[2, 1], values[5, 0], values[7, 3] = np.nan, -np.inf, 1e300
    info = INFO.replace("FLOAT", "DOUBLE").replace('byte="4"', 'byte="8"')
    stream = read_stream(write(tmp_path, values.tobytes(), info))
    assert np.flatnonzero(~stream.finite).tolist() == [2, 5, 7]


def test_missing_body_explains_who_deletes_it(tmp_path):
    with pytest.raises(DataError, match="backup cleaners"):
        read_stream(write(tmp_path, body=None))


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (INFO.replace("BINARY", "ASCII"), "ftype 'ASCII'"),
        (INFO.replace("BINARY", "BIN_LZ4"), "ftype 'BIN_LZ4'"),
        (INFO.replace("FLOAT", "IMAGE"), "element type 'IMAGE'"),
        (INFO.replace('byte="4"', 'byte="3"'), "of 3 bytes"),
        (INFO.replace('dim="4"', 'dim="four"'), "do not read"),
        (INFO.replace('dim="4"', 'dim="0"'), "dim=0"),
        (INFO.replace("25.000000", "nan"), "sr=nan"),
        (INFO.replace(' dim="4"', ""), "dim"),
        ("", "no <info> element"),
    ],
)
def test_headers_that_are_refused(tmp_path, info, message):
    with pytest.raises(DataError, match=message):
        read_header(write(tmp_path, info=info))


def test_entities_and_files_that_are_no_headers_are_refused(tmp_path):
    path = tmp_path / "x.stream"
    path.write_text(f'<!DOCTYPE s [<!ENTITY a "aaaa">]><stream ssi-v="2">{INFO}<meta type="&a;"/></stream>')
    with pytest.raises(DataError, match="entities"):
        read_header(path)
    path.write_bytes(b"\x00\xff" * 100)
    with pytest.raises(DataError, match="no <info> element"):
        read_header(path)
    with pytest.raises(DataError, match="No such file"):
        read_header(tmp_path / "none.stream")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_header_in_another_encoding_and_with_a_decimal_comma(tmp_path, encoding):
    path = write(tmp_path, info=INFO.replace("25.000000", "25,000000"))
    path.write_bytes(path.read_text().encode(encoding))
    assert read_header(path).rate == 25.0
    np.testing.assert_array_equal(read_stream(path).value, VALUES)
