"""Training on padded sequences with their lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from plaingrad import Module, evaluate, nn, optim, predict
from plaingrad.nn.recurrent import pack_padded_sequence, pad_packed_sequence
from train.small import run

D = torch.float64


class Reader(Module):
    """An LSTM over packed sequences, and a linear layer on its last hidden state."""

    def __init__(self) -> None:
        self.lstm = nn.LSTM(2, 4, batch_first=True, dtype=D)
        self.last = nn.Linear(4, 1, dtype=D)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm.forward(packed)
        y = self.last.forward(h[-1])
        self.save(packed, y)
        return y

    def backward(self, dy: Tensor) -> Any:
        packed = self.restore(dy)
        dh = self.last.backward(dy).unsqueeze(0)
        dpacked = self.lstm.backward(None, (dh, None))
        data = dpacked.data if hasattr(dpacked, "batch_sizes") else dpacked
        dx, _ = pad_packed_sequence(packed._replace(data=data), batch_first=True)
        return dx, None


class Peer(torch.nn.Module):
    """The same in PyTorch."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.lstm, self.last = torch.nn.LSTM(2, 4, batch_first=True), torch.nn.Linear(4, 1)
        self.double().load_state_dict(weights)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        rnn = torch.nn.utils.rnn
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.last(self.lstm(packed)[1][0][-1])


def sequences() -> tuple[tuple[Tensor, Tensor], Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 5, 2, generator=generator, dtype=D)
    lengths = torch.randint(1, 6, (12,), generator=generator)
    x[torch.arange(5) >= lengths[:, None]] = 7.0  # padding that must not matter
    t = torch.stack([each[:n].sum() for each, n in zip(x, lengths)])[:, None]
    return (x, lengths), t


def test_training_equals_that_of_torch() -> None:
    torch.manual_seed(0)
    model, (x, t) = Reader(), sequences()
    peer = Peer(model.state_dict())
    rule = torch.optim.SGD(peer.parameters(), lr=0.05)
    for _ in range(3):
        for rows in torch.arange(12).split(5):
            rule.zero_grad()
            torch.nn.functional.mse_loss(peer(x[0][rows], x[1][rows]), t[rows]).backward()
            rule.step()
    history = run(model, (x, t), epochs=3, batch_size=5, shuffle=False, validation=(x, t))
    torch.testing.assert_close(model.state_dict(), dict(peer.state_dict()))
    torch.testing.assert_close(predict(model, {"lengths": x[1], "x": x[0]}), peer(*x).detach())
    assert history.val_loss[-1] == evaluate(model, (x, t), loss=nn.MSELoss())["loss"]


def test_a_generator_may_pad_each_batch_to_its_own_length() -> None:
    (x, lengths), t = sequences()

    def batches() -> Iterator[Any]:
        for rows in lengths.argsort().split(4):
            yield (x[rows, : int(lengths[rows].max())], lengths[rows]), t[rows]

    torch.manual_seed(0)
    one = Reader()
    torch.manual_seed(0)
    other, order = Reader(), lengths.argsort()
    for model, data, size in ((one, batches, None), (other, ((x[order], lengths[order]), t[order]), 4)):
        rule = optim.Adam(model.parameters(), lr=0.01)
        run(model, data, batch_size=size, epochs=3, shuffle=False, optimizer=rule)
    torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=1e-10, atol=1e-12)
