"""One network on several processes: a table of 262,000 rows and 33 columns in two classes.

Each process has its share of the rows, trains on it, and after each epoch all continue from the mean of their
networks (H. B. McMahan and others, "Communication-efficient learning of deep networks", 2017):

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 examples/several_processes.py

Started without torchrun it is a single process, which has all the rows.
"""

import argparse

import torch

from plaingrad import evaluate, fit, nn, optim
from plaingrad.data import Dataset
from plaingrad.train.callbacks import Average

parser = argparse.ArgumentParser(description="one network on several processes")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--rows", type=int, default=262_000)
parser.add_argument("--every", default="1", help="the number of epochs in a round, or step")
parser.add_argument("--quick", action="store_true", help="two epochs on few rows")
arguments = parser.parse_args()
epochs, rows = (2, 2000) if arguments.quick else (arguments.epochs, arguments.rows)

# The same rows in all processes, whose classes a random network has said; one in twenty is wrong.
generator = torch.Generator().manual_seed(0)
inputs = torch.randn(rows + rows // 5, 33, generator=generator)
hidden = (inputs @ torch.randn(33, 8, generator=generator) / 4).tanh()
scores = hidden @ torch.randn(8, generator=generator) + 0.2 * torch.randn(len(inputs), generator=generator)
wrong = torch.rand(len(inputs), generator=generator) < 0.05
table = Dataset(inputs, ((scores > 0) ^ wrong).long())
train, test = table.take(slice(rows)), table.take(slice(rows, None))

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(33, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
loss = nn.CrossEntropyLoss()
average = Average(every="step" if arguments.every == "step" else int(arguments.every))
history = fit(
    model,
    train.shard(),
    loss=loss,
    optimizer=optim.Adam(model.parameters(), lr=1e-3),
    epochs=epochs,
    batch_size=128,
    seed=0,
    callbacks=[average],
)
if average.is_first:
    seconds = sorted(history["seconds"])[len(history) // 2]
    print(f"{len(history)} epochs of {seconds:.2f} s ({history.engine_reason}), loss {history.loss[-1]:.4f}")
    print(
        f"accuracy on {len(test):,} other rows: {evaluate(model, test, metrics=['accuracy'])['accuracy']:.4f}"
    )
