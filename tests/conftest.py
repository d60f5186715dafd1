"""What all tests share."""

import matplotlib
import torch

# The tests run side by side, one process for each core; threads of their own would only be in the way.
torch.set_num_threads(1)
matplotlib.use("Agg")
