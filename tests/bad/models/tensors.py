"""Tensors that do not fit the architecture, and what was altered."""

from __future__ import annotations

import numpy as np

from bad.models.writer import ONES, Model, Table, flipped, header, shared, stored, tensors

BAD: Table = {
    "a missing tensor": (lambda: tensors(**{"0__bias": None}), "missing tensor '0.bias'"),
    "an unexpected tensor": (lambda: tensors(extra=ONES), "unexpected tensor 'extra'"),
    "a tensor of another shape": (
        lambda: tensors(**{"0__bias": stored(np.zeros(3, np.float32))}),
        "'0.bias': expected (2,) of F32, got (3,) of F32",
    ),
    "a tensor of another dtype": (
        lambda: tensors(**{"0__bias": stored(np.zeros(2, np.float64))}),
        "'0.bias': expected (2,) of F32, got (2,) of F64",
    ),
    "a tensor of integers": (
        lambda: tensors(**{"0__bias": stored(np.zeros(2, np.int64))}),
        "'0.bias': expected (2,) of F32, got (2,) of I64",
    ),
    "an attachment of floats": (
        lambda: tensors(__attachment__scaler=stored(np.zeros(2, np.float32))),
        "'.attachment.scaler': expected (bytes,) of U8, got (2,) of F32",
    ),
    "an attachment of two axes": (
        lambda: tensors(__attachment__scaler=stored(np.zeros((2, 2), np.uint8))),
        "'.attachment.scaler': expected (bytes,) of U8, got (2, 2) of U8",
    ),
    "a shared module with two weights": (
        lambda: shared(stored(np.zeros((3, 3), np.float32))),
        "expected '1.weight' to equal '0.weight', which is the same parameter",
    ),
    "100,000 unexpected tensors": (
        lambda: tensors(**{f"extra {i}": ("U8", [0], b"") for i in range(100_000)}),
        "unexpected tensor 'extra 1', unexpected tensor 'extra 10' and 99997 more",
    ),
    "a weight altered": (
        lambda: flipped(np.ones(1, np.float32).tobytes()),
        "altered since it was written: tensor '0.weight' has another checksum",
    ),
    "an attachment altered": (
        lambda: flipped(b"mean 5.8"),
        "altered since it was written: tensor '.attachment.scaler' has another checksum",
    ),
    "a fact altered": (
        lambda: flipped(b"regression"),
        "altered since it was written: the metadata has another checksum",
    ),
    "an argument altered": (
        lambda: flipped(b'in_features\\": 3', 15),
        "altered since it was written: the metadata has another checksum",
    ),
    "a checksum altered": (
        lambda: Model(sums={"0.bias": "0" * 64}).content(),
        "altered since it was written: tensor '0.bias' has another checksum",
    ),
    "checksums that are no JSON": (
        lambda: Model(sums_text=b"{").content(),
        "altered since it was written: the checksums have no JSON",
    ),
    "checksums that are no UTF-8": (
        lambda: Model(sums_text=b"\xff").content(),
        "altered since it was written: the checksums have the byte 0xff, which is no UTF-8",
    ),
    "checksums that are a list": (
        lambda: Model(sums_text=b"[]").content(),
        "checksums: Expected `object`, got `array`",
    ),
    "a checksum that is a number": (
        lambda: Model(sums={"0.bias": 5}).content(),
        "checksums: Expected `str`, got `int` - at `$[...]`",
    ),
    "a checksum left out": (lambda: Model(sums={"0.bias": None}).content(), "missing checksum '0.bias'"),
    "a checksum of nothing": (lambda: Model(sums={"1.bias": ""}).content(), "unexpected checksum '1.bias'"),
    "the metadata's checksum left out": (
        lambda: Model(sums={".metadata": None}).content(),
        "missing checksum '.metadata'",
    ),
    "checksums as floats": (
        lambda: Model(sums_stored=stored(np.zeros(2, np.float32))).content(),
        "'.sha256': expected (bytes,) of U8, got (2,) of F32",
    ),
    "no checksums": (
        lambda: header(lambda h: h.update(sums=h.pop(".sha256"))),
        "missing tensor '.sha256'",
    ),
}
