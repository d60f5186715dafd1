"""How near to this machine's limit: floating-point operations a second, beside the most that a core does."""

from __future__ import annotations

from benchmarks.contenders import CONTENDERS, OURS
from benchmarks.isolated import Isolated
from benchmarks.markdown import table
from benchmarks.peak import peak
from benchmarks.steps import results


def report() -> str:
    """Markdown for the results file."""
    found = results()
    with Isolated() as process:
        most, lanes = process.call(peak)
    rates = {
        name: [
            work.flops / each[name].timing.median / 1e9 if each[name].timing.seconds else None
            for work, each in found
        ]
        for name in CONTENDERS
    }
    rows = [[name, *("" if rate is None else f"{rate:.3g}" for rate in rates[name])] for name in CONTENDERS]
    share = [
        f"{OURS}, share of the peak",
        *("" if rate is None else f"{rate / most:.0%}" for rate in rates[OURS]),
    ]
    return "\n".join(
        [
            "## Arithmetic",
            "",
            "GFLOP/s of a step's matrix products; everything else in a step counts as time alone.",
            f"Multiply-adds from registers, {lanes} floats at a time, compiled as plaingrad's networks are,",
            f"reached {most:.0f} GFLOP/s on one core in this run. Products with zeros count like any, so",
            "plaingrad, which leaves most of them out, can be above that.",
            table(
                ["", *(work.name for work, _ in found)],
                [["FLOP a step", *(f"{work.flops:.3g}" for work, _ in found)], *rows, share],
            ),
        ]
    )
