"""The network beside its baselines, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plaingrad.tables.report.names import HEADS, ends, name_of, number, sign_of


def verdict(test: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on the baselines that the network is not clearly better than, and always on boosting.

    Args:
        test: the part of a report.
    """
    score = str(test.get("compared_by"))
    if test["scores"].get(score) is None and "log_loss" in test["scores"]:
        score = "log_loss"
    for baseline, differences in test.get("differences", {}).items():
        difference = differences.get(score)
        if difference is not None:
            yield from _sentence(baseline, score, difference)


def _sentence(baseline: str, score: str, difference: Mapping[str, Any]) -> Iterator[str]:
    ahead, between = sign_of(score) * difference["value"], difference["interval"]
    chance = between is None or between[0] <= 0 <= between[1]
    rival = HEADS[baseline] if baseline == "boosting" else f"the {HEADS[baseline]}"
    if ahead > 0 and not chance and baseline != "boosting":
        return
    if difference["value"] == 0:
        sure = f" ({ends(between)})" if between else ""
        yield f"By {name_of(score)} {rival} does as well as the network{sure}."
        return
    leader, other = ("the network", rival) if ahead > 0 else (rival, "the network")
    sign = 1 if difference["value"] > 0 else -1
    low_high = sorted(sign * end for end in between) if between else None
    sure = f" ({ends(low_high)})" if low_high else ""
    maybe = ", which may be chance" if chance else ""
    size = f"{number(abs(difference['value']))} {name_of(score)}"
    yield f"{leader[0].upper()}{leader[1:]} is better than {other} by {size}{sure}{maybe}."
