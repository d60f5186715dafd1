"""A network reads dates as people write them, "Tue, 3rd of march 1987", and writes 1987-03-03.

An encoder reads the characters forward and backward; a decoder writes one character after another, and looks
at all that was read, by attention (D. Bahdanau, K. Cho, Y. Bengio, "Neural machine translation by jointly
learning to align and translate", 2015). It is judged by days that it has never seen in any form, a tenth of
those from 1950 to 2049: right is who has all ten characters right. Of 2,000 such days it has 99.6 %
right after 300 of its 600 batches, and 100.0 % in the end:

    OMP_NUM_THREADS=1 python examples/seq2seq_dates.py    # 62 s of CPU time on an Intel Xeon server
"""

import argparse
import random
import time
from datetime import date, timedelta

import torch
from torch import Tensor

from plaingrad import Module, nn, optim

parser = argparse.ArgumentParser(description="dates into ISO form")
parser.add_argument("--steps", type=int, default=600)
parser.add_argument("--quick", action="store_true", help="a few steps of a tiny one")
arguments = parser.parse_args()
steps, width = (6, 8) if arguments.quick else (arguments.steps, 64)

ALPHABET = " 0123456789-/.,'abcdefghijklmnopqrstuvwxyz"
LONGEST, LENGTH = 30, len("2000-01-01")
FORMS = ["%d %B %Y", "%B %d, %Y", "%A, %d %b %Y", "%a, %dth of %B %Y", "%d.%m.%Y", "%m/%d/%Y", "%Y/%m/%d"]
FORMS += ["%d.%m.%y", "%m/%d/%y", "%b %d '%y", "%d-%b-%Y", "%Y %B %d", "the %dth of %B, %Y", "%Y%m%d"]


def as_written(day: date) -> str:
    form = random.choice(FORMS)
    ordinal = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10 if day.day // 10 != 1 else 0, "th")
    number = str(day.day) if "th" in form or (random.random() < 0.5 and form != "%Y%m%d") else f"{day.day:02}"
    return day.strftime(form.replace("%dth", "%d" + ordinal).replace("%d", number)).lower()


def indices(texts: list[str], length: int) -> Tensor:
    """A row for each text, with blanks before it; (n, length)."""
    return torch.tensor([[ALPHABET.index(character) for character in text.rjust(length)] for text in texts])


def batch(days: list[date]) -> tuple[Tensor, Tensor]:
    return indices([as_written(day) for day in days], LONGEST), indices([str(day) for day in days], LENGTH)


class Translator(Module):
    """Scores of each character to be written, (n, t, symbols), from those read and those written before."""

    def __init__(self, symbols: int, width: int) -> None:
        self.read, self.written = nn.Embedding(symbols, width), nn.Embedding(symbols, width)
        self.encoder = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(width, 2 * width, batch_first=True)
        self.attention = nn.MultiheadAttention(2 * width, 1, batch_first=True)
        self.scores = nn.Sequential(nn.Linear(4 * width, 2 * width), nn.Tanh(), nn.Linear(2 * width, symbols))

    def forward(self, source: Tensor, before: Tensor) -> Tensor:
        states, last = self.encoder.forward(self.read.forward(source))  # of both directions
        start = last.transpose(0, 1).flatten(1).unsqueeze(0)
        queries, _ = self.decoder.forward(self.written.forward(before), start)
        looked_at, _ = self.attention.forward(queries, states, states)
        return self.scores.forward(torch.cat([queries, looked_at], 2))

    def backward(self, dy: Tensor) -> tuple[None, None]:
        dqueries, dlooked_at = self.scores.backward(dy).chunk(2, 2)
        dq, dkeys, dvalues, *_ = self.attention.backward(dlooked_at.contiguous(), None)
        dbefore, dstart = self.decoder.backward(dqueries + dq, None)
        self.written.backward(dbefore)
        dlast = dstart.view(-1, 2, dstart.shape[2] // 2).transpose(0, 1)
        self.read.backward(self.encoder.backward(dkeys + dvalues, dlast))
        return None, None


def behind_start(target: Tensor) -> Tensor:
    """What was written before each character; a blank before the first one."""
    return torch.cat([torch.zeros_like(target[:, :1]), target[:, :-1]], 1)


def translate(source: Tensor) -> Tensor:
    """The likeliest character each time; (n, 10)."""
    written = torch.zeros(len(source), LENGTH, dtype=torch.long)
    for t in range(LENGTH):
        written[:, t] = model.eval()(source, behind_start(written)[:, : t + 1])[:, -1].argmax(1)
    model.train()
    return written


torch.manual_seed(0), random.seed(0)
days = [date(1950, 1, 1) + timedelta(i) for i in range(36_525)]
random.shuffle(days)
held_out, days = days[: len(days) // 10], days[len(days) // 10 :]
source, target = batch(held_out[: 50 if arguments.quick else 2000])
model, loss = Translator(len(ALPHABET), width), nn.CrossEntropyLoss()
optimizer = optim.AdamW(model.parameters(), lr=5e-3)
schedule = optim.OneCycleLR(optimizer, 5e-3, total_steps=steps)

start, total = time.perf_counter(), 0.0
for step in range(1, steps + 1):
    x, right = batch(random.choices(days, k=64))
    y = model.forward(x, behind_start(right))
    total += loss.forward(y.flatten(0, 1), right.flatten()).item()
    model.backward(loss.backward().view_as(y))
    optim.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    model.zero_grad()
    schedule.step()
    if step % (every := max(1, steps // 10)) == 0:
        share = (translate(source) == target).all(1).float().mean().item()
        scores = f"loss {total / every:.4f}  right {share:.1%}"
        print(f"step {step:5}  {scores}  {time.perf_counter() - start:4.0f} s", flush=True)
        total = 0.0

for read, written in zip(source[:8], translate(source[:8])):
    print(*("".join(ALPHABET[index] for index in row) for row in (read, written)), sep="  ->  ")
