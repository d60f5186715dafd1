from __future__ import annotations

import pytest

from plaingrad.train.callbacks import Callback
from train.small import network, plane, run


class Diary(Callback):
    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def on_train_begin(self, logs: dict[str, float]) -> None:
        self.seen.append(("begin", logs))

    def on_train_end(self, logs: dict[str, float]) -> None:
        self.seen.append(("end", list(logs)))

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        self.seen.append(("epoch begin", epoch))

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.seen.append(("epoch end", epoch, list(logs)))


class BatchDiary(Diary):
    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, float]) -> None:
        self.seen.append(("batch begin", batch, logs))

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self.seen.append(("batch end", batch))
        self.losses.append(logs["loss"])


def test_the_hooks_are_called_in_order() -> None:
    diary, columns = Diary(), ["loss", "lr", "seconds"]
    run(network(2, 1), plane(), callbacks=[diary])
    epochs = [(("epoch begin", i), ("epoch end", i, columns)) for i in range(2)]
    assert diary.seen == [("begin", {}), *epochs[0], *epochs[1], ("end", columns)]


def test_the_hooks_of_batches_get_their_losses() -> None:
    diary = BatchDiary()
    history = run(network(2, 1), plane(10), callbacks=[diary], epochs=1, batch_size=4)
    batches = [call for i in range(3) for call in (("batch begin", i, {}), ("batch end", i))]
    assert diary.seen[2:-2] == batches
    a, b, c = diary.losses
    assert history.loss == pytest.approx([(4 * a + 4 * b + 2 * c) / 10])


def test_the_run_is_at_hand_and_can_be_stopped() -> None:
    class Stop(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            assert self.run.model is model
            assert self.run.epochs == 9
            assert len(self.run.history) == epoch + 1
            if epoch == 2:
                self.run.stop("enough")

    model = network(2, 1)
    history = run(model, plane(), epochs=9, callbacks=[Stop()])
    assert (len(history), history.stopped) == (3, "enough")


def test_an_error_still_ends_every_callback() -> None:
    class Fail(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            raise RuntimeError("no more")

    first, last = Diary(), Diary()
    with pytest.raises(RuntimeError, match="no more"):
        run(network(2, 1), plane(), callbacks=[first, Fail(), last])
    assert first.seen[-1] == last.seen[-1] == ("end", ["loss", "lr", "seconds"])
