"""Metadata that are not what they should be."""

from __future__ import annotations

from bad.models.writer import Model, Table, document, header, text

BAD: Table = {
    "no metadata": (
        lambda: header(lambda h: h.pop("__metadata__")),
        "got one without metadata 'plaingrad'",
    ),
    "another program's metadata": (lambda: Model(entry="pt").content(), "without metadata 'plaingrad'"),
    "metadata that is no JSON": (
        lambda: text("{'format': 1}"),
        "expected metadata as JSON, got some with no JSON",
    ),
    "metadata that is empty": (lambda: text(""), "expected metadata as JSON, got some with no JSON"),
    "metadata that is a number": (lambda: text("1"), "parameters without an architecture"),
    "a checkpoint": (lambda: text('{"epoch": 3, "loss": 0.5}'), "parameters without an architecture"),
    "NaN in the metadata": (
        lambda: document(facts={"loss": float("nan")}),
        "the number NaN, which is not finite",
    ),
    "infinity in the metadata": (
        lambda: document(facts={"loss": float("inf")}),
        "the number Infinity, which is not finite",
    ),
    "1e999 in the metadata": (lambda: text('{"format": 1e999}'), "the number 1e999, which is not finite"),
    "a key twice in the metadata": (lambda: text('{"format": 1, "format": 1}'), "the key 'format' twice"),
    "an integer of 5,000 digits": (
        lambda: text(f'{{"format": 1{"0" * 5000}}}'),
        "got some with an integer of 5,001 digits, which is more than 4,300",
    ),
    "half of a character": (
        lambda: document(facts={"name": "\ud83d"}),
        r"the character '\ud83d', which is half of one",
    ),
    "metadata of 100,000 levels": (lambda: text("[" * 100_000), "too many levels"),
    "a newer format": (
        lambda: document(format=2, versions={"plaingrad": "9.0"}),
        "expected format 1, got the newer 2 of plaingrad '9.0'; update plaingrad",
    ),
    "a newer format with other content": (
        lambda: text('{"format": 7, "layers": []}'),
        "got the newer 7 of plaingrad None; update plaingrad",
    ),
    "format 0": (lambda: document(format=0), "expected format 1, got 0"),
    "format true": (lambda: document(format=True), "expected format 1, got True"),
    "a format that is a string": (lambda: document(format="1"), "expected format 1, got '1'"),
    "an unknown part": (
        lambda: document(code="import os"),
        "metadata: Object contains unknown field `code`",
    ),
    "no architecture": (
        lambda: text('{"format": 1, "facts": {}, "versions": {}}'),
        "metadata: Object missing required field `architecture`",
    ),
    "facts that are a list": (
        lambda: document(facts=[1]),
        "Expected `object`, got `array` - at `$.facts`",
    ),
    "versions that are a string": (
        lambda: document(versions="1"),
        "metadata: Expected `object`, got `str` - at `$.versions`",
    ),
    "a version that is a number": (
        lambda: document(versions={"torch": 2}),
        "metadata: Expected `str`, got `int` - at `$.versions[...]`",
    ),
}
