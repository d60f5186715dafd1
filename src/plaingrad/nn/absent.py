"""The public names of torch.nn that are not here, each with where it is or the reason why it is out."""

import sys

ABSENT = {
    "Buffer": "it is plaingrad.Buffer",
    "Container": "torch.nn keeps it for old code; use Sequential, ModuleList or Graph",
    "DataParallel": "training on several devices belongs to the training loop, not to a layer",
    "Module": "it is plaingrad.Module",
    "Parameter": "it is plaingrad.Parameter",
    "RNNBase": "it computes nothing itself; use RNN, GRU or LSTM",
    "RNNCellBase": "it computes nothing itself; use RNNCell, GRUCell or LSTMCell",
    "UninitializedBuffer": "it is plaingrad.Buffer.unshaped()",
    "UninitializedParameter": "it is plaingrad.Parameter.unshaped()",
    "functional": "a function has nowhere to keep what its backward needs; use the class, nn.ReLU() for relu",
    "grad": "the gradient is the backward of the class",
    "init": "it is plaingrad.init",
    "intrinsic": "quantisation is out: its rounding has no derivative",
    "parallel": "training on several devices belongs to the training loop, not to a layer",
    "qat": "quantisation is out: its rounding has no derivative",
    "quantizable": "quantisation is out: its rounding has no derivative",
    "quantized": "quantisation is out: its rounding has no derivative",
    "utils": "clipping is in plaingrad.optim, packing in nn.recurrent; WeightNorm and SpectralNorm are in nn",
}


def missing(package: str, name: str, reasons: dict[str, str]) -> AttributeError:
    """The error for a name that a package does not have, with PyTorch's reason or the right spelling."""
    same = [each for each in sys.modules[package].__all__ if each.lower() == name.lower()]
    why = f": {reasons[name]}" if name in reasons else f": it is {same[0]}" if same else ""
    # With these two Python asks, "Did you mean: 'ReLU'?"
    return AttributeError(f"{package} has no {name!r}{why}", name=name, obj=sys.modules[package])
