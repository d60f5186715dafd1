"""Two networks, one of which invents points and the other one judges them (I. Goodfellow et al., "Generative
adversarial nets", 2014): eight normal distributions on a ring, learned from their points alone.

The gradient of the judgement by the points goes back through the judge into the inventor. The picture,
out/gan.png, shows what was invented on the way. After 6,000 steps 96 % of the points lie within three
standard deviations of a centre (of the real ones 99 %), at least 10.8 % at each of the eight:

    OMP_NUM_THREADS=1 python examples/gan.py    # 27 s of CPU time on an Intel Xeon server
"""

import argparse
import math
import time
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from plaingrad import drawing, nn, optim

parser = argparse.ArgumentParser(description="a GAN on a ring of normal distributions")
parser.add_argument("--steps", type=int, default=6000)
parser.add_argument("--quick", action="store_true", help="a few steps")
arguments = parser.parse_args()
steps, n, deviation = 8 if arguments.quick else arguments.steps, 256, 0.1
angles = torch.arange(8) * (math.pi / 4)
CENTRES = 2 * torch.stack([angles.cos(), angles.sin()], 1)


def real(n: int) -> Tensor:
    return CENTRES[torch.randint(8, (n,))] + deviation * torch.randn(n, 2)


def invented(n: int) -> Tensor:
    return generator.forward(torch.randn(n, 8))


torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(8, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
discriminator = nn.Sequential(
    nn.Linear(2, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1)
)
loss = nn.BCEWithLogitsLoss()
judging = optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.99))
inventing = optim.Adam(generator.parameters(), lr=5e-4, betas=(0.5, 0.99))
yes, no = torch.ones(n, 1), torch.zeros(n, 1)

moments = [round(steps * part) for part in (0.05, 0.2, 0.5, 1)]
pictures, start = [], time.perf_counter()
for step in range(1, steps + 1):
    # The judge: yes to the real ones, no to the invented ones.
    generator.eval()
    total = 0.0
    for points, right in ((real(n), yes), (invented(n), no)):
        total += loss.forward(discriminator.forward(points), right).item()
        discriminator.backward(loss.backward())
    judging.step()
    discriminator.zero_grad()
    generator.train()

    # The inventor: its points, moved to where the judge says yes.
    doubt = loss.forward(discriminator.forward(invented(n)), yes).item()
    dpoints = discriminator.backward(loss.backward())
    generator.backward(dpoints)
    inventing.step()
    generator.zero_grad()
    discriminator.zero_grad()  # whose own gradients nobody asked for

    if step in moments:
        generator.eval()
        pictures.append((step, invented(2000)))
        generator.train()
        distances = torch.cdist(pictures[-1][1], CENTRES)
        near = distances < 3 * deviation
        share, least = near.any(1).float().mean().item(), near.float().mean(0).min().item()
        losses = f"judge {total / 2:.3f}  inventor {doubt:.3f}"
        scores = f"near a centre {share:.0%}, at each at least {least:.1%}"
        print(f"step {step:5}  {losses}  {scores}  {time.perf_counter() - start:4.0f} s", flush=True)

figure = Figure(figsize=(10, 2.9), dpi=drawing.DPI, layout="constrained", facecolor="white")
for ax, (step, points) in zip(figure.subplots(1, len(pictures)), pictures):
    drawing.dress(ax, f"after {step:,} steps")
    ax.scatter(*real(1000).T, s=3, color=drawing.PALE, alpha=0.35, linewidths=0)
    ax.scatter(*points.T, s=3, color=drawing.BLUE, alpha=0.5, linewidths=0)
    ax.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[], aspect="equal")
Path("out").mkdir(exist_ok=True)
figure.savefig("out/gan.png")
