"""An LSTM learns to add two numbers that stand far apart, among many that do not count (S. Hochreiter,
J. Schmidhuber, "Long short-term memory", 1997).

Each sequence has fifty numbers between 0 and 1 and a mark beside each, which is 1 at two of them and 0
elsewhere: one of the two stands in the first half, the other one in the second half. After the last number
the network is to say the sum of the two. Whoever says 1 each time is wrong by 1/6 = 0.167 in the mean square.
The gradient has to come back through up to fifty steps, and the network has to keep a number for as long.
After 3,000 batches of 64 it is wrong by 0.0039, in 76 s:

    OMP_NUM_THREADS=1 python examples/lstm_adding.py    # on one of two busy cores of an Intel Xeon server
"""

import argparse
import time

import torch
from torch import Tensor

from plaingrad import nn, optim

parser = argparse.ArgumentParser(description="the adding problem")
parser.add_argument("--steps", type=int, default=3000)
parser.add_argument("--length", type=int, default=50, help="of each sequence")
parser.add_argument("--quick", action="store_true", help="a few steps on short sequences")
arguments = parser.parse_args()
steps, length = (20, 10) if arguments.quick else (arguments.steps, arguments.length)


def sequences(n: int) -> tuple[Tensor, Tensor]:
    """The inputs, ``(n, length, 2)``: numbers and marks; and the sums of the marked ones, ``(n, 1)``."""
    numbers, marks = torch.rand(n, length), torch.zeros(n, length)
    first, second = torch.randint(length // 2, (2, n))
    marks[torch.arange(n), first] = 1
    marks[torch.arange(n), second + length // 2] = 1
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1, keepdim=True)


torch.manual_seed(0)
model = nn.Sequential(
    nn.LSTM(2, 64, batch_first=True),
    nn.Select(0),  # the outputs of all steps, without the last state
    nn.Select((slice(None), -1)),  # that of the last step
    nn.Linear(64, 1),
)
loss = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
schedule = optim.CosineAnnealingLR(optimizer, steps)
test_inputs, test_sums = sequences(2000)
mean_error = loss.eval()(torch.ones_like(test_sums), test_sums).item()
print(f"the mean square error of whoever always says 1: {mean_error:.3f}")
loss.train()

start = time.perf_counter()
for step in range(1, steps + 1):
    inputs, sums = sequences(64)
    loss.forward(model.forward(inputs), sums)
    model.backward(loss.backward())
    optim.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    model.zero_grad()
    schedule.step()
    if step % max(1, steps // 15) == 0:
        error = loss.eval()(model.eval()(test_inputs), test_sums).item()
        model.train(), loss.train()
        print(f"step {step:5}  test error {error:.5f}  {time.perf_counter() - start:4.0f} s", flush=True)

for (row, marks), said, right in zip(test_inputs[:3].mT, model.eval()(test_inputs[:3]), test_sums):
    a, b = row[marks == 1].tolist()
    print(f"{a:.3f} + {b:.3f} = {said.item():.3f}  (off by {said.item() - right.item():+.3f})")
