"""No safetensors files, or none that the library would take."""

from __future__ import annotations

import struct

from bad.models.writer import Model, Table, good, header

BAD: Table = {
    "nothing at all": (lambda: b"", "a model file that plaingrad has written (safetensors), got 0 bytes"),
    "seven bytes": (lambda: b"\0" * 7, r"got 7 bytes that begin with '\x00\x00\x00\x00\x00\x00\x00'"),
    "a picture": (
        lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        r"got 108 bytes that begin with '\x89PNG\r\n\x1a\n\x00'",
    ),
    "a pickle": (
        lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        "a model file that plaingrad has written (safetensors), got",
    ),
    "a text": (lambda: b"x,y\n1,2\n" * 100, r"got 800 bytes that begin with 'x,y\n1,2\nx'"),
    "a header of no length": (lambda: struct.pack("<Q", 0) + b"{}", "with a header of 0"),
    "a header longer than the file": (
        lambda: struct.pack("<Q", 10**6) + good()[8:],
        "with a header of 1,000,000",
    ),
    "a header of 2^63 bytes": (lambda: struct.pack("<Q", 2**63) + good()[8:], "a header of 9,223,372"),
    "a header cut off": (lambda: good()[:100], "got 100 bytes with a header of "),
    "data cut off": (lambda: good()[:-1], "a model file that plaingrad has written (safetensors), got"),
    "data cut in the middle": (
        lambda: good()[:-300],
        "a model file that plaingrad has written (safetensors), got",
    ),
    "bytes after the data": (
        lambda: good() + b"more",
        "a model file that plaingrad has written (safetensors), got",
    ),
    "a header that is no JSON": (lambda: Model(header_text="{").content(), "got a header with no JSON"),
    "a header that is no UTF-8": (
        lambda: struct.pack("<Q", 4) + b'{"\xff\xfe' + b"}",
        "got a header with the byte 0xff, which is no UTF-8",
    ),
    "a header that is a list": (
        lambda: Model(header_text="[]").content(),
        "a model file that plaingrad has written (safetensors), got",
    ),
    "a header of 10,000 levels": (
        lambda: Model(header_text='{"a": ' + "[" * 10_000 + "]" * 10_000 + "}").content(),
        "got a header with too many levels",
    ),
    "a tensor twice in the header": (
        lambda: Model(header_text='{"a": {}, "a": {}}').content(),
        "the key 'a' twice",
    ),
    "overlapping tensors": (
        lambda: header(lambda h: h["0.bias"].update(data_offsets=[20, 28])),
        "a model file that plaingrad has written (safetensors), got",
    ),
    "a hole between tensors": (
        lambda: header(lambda h: h["0.bias"].update(data_offsets=[25, 32], shape=[7], dtype="U8")),
        "a model file that plaingrad has written (safetensors), got",
    ),
    "offsets behind the end": (
        lambda: header(lambda h: h["0.bias"].update(data_offsets=[10**15, 10**15 + 8])),
        "a model file that plaingrad has written (safetensors), got",
    ),
    "offsets that run backwards": (
        lambda: header(lambda h: h["0.bias"].update(data_offsets=[32, 24])),
        "a model file that plaingrad has written (safetensors), got",
    ),
    "a shape of more than 2^64 numbers": (
        lambda: header(lambda h: h["0.bias"].update(shape=[2**40, 2**40])),
        "a model file that plaingrad has written (safetensors), got",
    ),
    "a shape that is not that of the data": (
        lambda: header(lambda h: h["0.bias"].update(shape=[10**9])),
        "a model file that plaingrad has written (safetensors), got",
    ),
    "a negative shape": (
        lambda: header(lambda h: h["0.bias"].update(shape=[-2])),
        "a model file that plaingrad has written (safetensors), got",
    ),
    "an unknown dtype in the header": (
        lambda: header(lambda h: h["0.bias"].update(dtype="F128")),
        "a model file that plaingrad has written (safetensors), got",
    ),
    "metadata that is no text": (
        lambda: header(lambda h: h["__metadata__"].update(plaingrad={"format": 1})),
        "a model file that plaingrad has written (safetensors), got",
    ),
}
