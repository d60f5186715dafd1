"""Run every benchmark and write benchmarks/RESULTS.md."""

from pathlib import Path

import torch

from benchmarks import eager
from benchmarks.measure import REPETITIONS, machine

HEAD = """# Results

Written by `make bench`: {machine}, one thread, {repetitions} repetitions of each contender in turn, after
one that does not count. Times of different runs do not compare; the ratios within one do.

"""


def main() -> None:
    torch.set_num_threads(1)
    text = HEAD.format(machine=machine(), repetitions=REPETITIONS) + eager.report() + "\n"
    (Path(__file__).parent / "RESULTS.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
