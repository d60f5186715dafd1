"""The thresholds of the findings, each with the reason for its value."""

from __future__ import annotations

DEAD_SHARE = 0.4
"""The share of a layer's units that may be dead. CS231n, "Neural networks 1" (A. Karpathy, 2015), has 40 % as
what too large a learning rate leads to."""

FLAT_SLOPE = 0.05
"""The slope, as a share of the largest, below which a unit counts as saturated: beyond 0.975 for tanh, near
the asymptotes of X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
networks", 2010, figure 2."""

SATURATED_SHARE = 0.6
"""The share of a layer's outputs that may be saturated. The paper's network, trained at a rate of
0.15, has 29 % in its first layer; with initial weights of deviation 5, 68 to 95 % in all."""

VANISHING, EXPLODING = 1e-3, 1e3
"""The gradient at a layer's output as a multiple of that at the last layer's. In Glorot and Bengio, 2010,
figure 7, four layers of a standard initialisation lose about a factor of 10, those of theirs next to nothing;
beyond 1000, layers do not learn in the same time with one learning rate."""

UPDATE_TOO_LARGE, UPDATE_TOO_SMALL = 1e-1, 1e-5
"""The size of an update as a share of that of the weight. About 1e-3 is right: CS231n, "Neural networks 3"
(A. Karpathy, 2015); a hundred times as much and as little are the limits."""

CONSTANT_SPREAD = 1e-2
"""The spread of the network's outputs over the samples as a share of that of the targets, or for classes as a
difference of logits, below which nothing can be told apart."""

FEWEST_SAMPLES = 16
"""The number of values below which a unit is not called dead or saturated: one that is 0 for half of all
samples is 0 for all of 16 in one of 65,000 batches."""

FEWEST_EPOCHS = 3
"""The number of epochs before which the loss need not have fallen."""

FALL = 0.01
"""The share by which a loss must be lower in the second half of a run than in the first to be falling."""

CONSTANT_LOSS = 0.95
"""The share of the loss of the best constant prediction above which nothing was learned from the inputs."""

LASTING = 3
"""The number of recorded epochs in a row from which a finding is worth a line that has gone by the end."""
