"""Faults in the training loop and what belongs to it."""

from mutants.fault import planted

LOOP = "tests/train/test_loop.py"

FAULTS = [
    *planted(
        "train/eager.py",
        "tests/train/test_loop.py tests/train/test_nothing.py",
        ("                    optimizer.zero_grad()\n", "                    pass\n"),
    ),
    *planted(
        "train/gathering.py",
        "tests/train/test_loop.py tests/train/test_nothing.py",
        ("        self.counted += rows\n", "        self.counted += 1\n"),
        ("        elif self.values:\n", "        else:\n"),
    ),
    *planted(
        "train/gathering.py",
        "tests/train/test_accumulation.py",
        ("ratio = shares / self._first", "ratio = 1.0"),
        ("parameter.grad.div_(self._ratios)", "parameter.grad.div_(len(self.values))"),
        ("        if not self.values:\n", "        if True:\n"),
    ),
    *planted(
        "train/ranks/gradients.py",
        "tests/train/ranks",
        ("storage.grad.mul_(shares / total if total else 0.0)", "storage.grad.mul_(1 / ranks.size)"),
        ("if update.task.loss.is_mean:", "if True:"),
        ("        update.samples = samples\n", "        pass\n"),
    ),
    *planted(
        "train/ranks/rounds.py",
        "tests/train/ranks",
        ("        exchange(vectors, self._mean)\n", "        exchange(vectors[:1], self._mean)\n"),
        ("sums[0] = sums[0] if healthy else math.nan", "pass"),
    ),
    *planted(
        "train/callbacks/average.py",
        "tests/train/ranks",
        ("self._engine.pending and ", "False and "),
        ("        if stopped and not own:\n", "        if False:\n"),
    ),
    *planted(
        "train/callbacks/callback.py",
        "tests/train/ranks",
        ("is_first(callbacks) or not callback.writes", "True"),
    ),
    *planted(
        "data/shard.py",
        "tests/data/test_shard.py",
        ("count // size", "-(-count // size)"),
        ("torch.arange(number, length * size, size)", "torch.arange(number, count, size)"),
    ),
    *planted(
        "train/several.py",
        "tests/train/test_several.py",
        ("gradients[self.positions[i]] = self.weights[i] * dy", "gradients[self.positions[i]] = dy"),
        ("in reversed(range(len(self.positions)))", "in range(len(self.positions))"),
        ("zip(self.weights, means, counts) if count]", "zip(self.weights, means, counts)]"),
        ("tuple(targets[name] for name in loss.names)", "tuple(targets.values())"),
    ),
    *planted(
        "data/batches.py",
        "tests/train/test_batches.py",
        ("((self.steps or not self.count) and self._draw_anew())", "(not self.count and self._draw_anew())"),
        ("if self.once and self._iterator is not None:", "if False:"),
    ),
    *planted(
        "train/class_metrics.py",
        "tests/train/test_metrics.py",
        ("(counts - 1) / 2", "(counts - 1) / 1"),
        ("hits / actual.clamp(min=1)", "hits / actual"),
        ("prediction.argsort(dim=1, stable=True)", "prediction.argsort(dim=1, descending=True)"),
        ("target.reshape(-1) > 0.5", "target.reshape(-1) > 1.5"),
    ),
    *planted(
        "train/loop.py",
        LOOP,
        ('logs.get("val_loss", logs["loss"])', 'logs["loss"]'),
        ("history.steps += training.steps()", "history.steps = training.steps()"),
    ),
    *planted(
        "train/sanity.py",
        LOOP,
        ("        before.restore()\n", "        pass\n"),
        ("task.batch_size == 1 or ", ""),
    ),
    *planted(
        "train/randomness.py",
        "tests/train/test_order.py",
        ("if counts.max() > 1:", "if counts.max() > 2:"),
    ),
    *planted(
        "native/masks.py",
        "tests/native/test_masks.py",
        ("        self.draws[j] = number + 1\n", ""),
        ("masks.mul_(1 / (1 - p) if p < 1 else 0.0)", "masks"),
        ("z = seed + (j + 1) * 0x9E37", "z = seed + j * 0x9E37"),
    ),
    *planted(
        "train/evaluation.py",
        "tests/train/test_evaluation.py tests/train/test_nothing.py",
        ("with mode(False, model), torch.no_grad():", "with mode(True, model), torch.no_grad():"),
        ("shares if part.is_mean else len(target)", "len(target)"),
    ),
    *planted(
        "train/weighting.py",
        "tests/train/test_weighting.py",
        ("spread = spread / count if count", "spread = spread if count"),
        ("return dx.masked_fill(along(weight, dx) == 0, 0)", "return dx"),
    ),
    *planted(
        "train/metrics.py",
        "tests/train/test_metrics.py",
        ("1 - missed / spread, constant)", "1 - missed / spread, missed)"),
        ("return lambda prediction, target: metric(prediction, target, 0.0)", "return metric"),
    ),
    *planted(
        "native/task.py",
        "tests/train/test_diagnose.py tests/native/test_masks.py",
        ("        self.task.masks.draws[:] = self.draws\n", ""),
        ("            generator.set_state(state)\n", "            pass\n"),
    ),
    *planted(
        "train/callbacks/early_stopping.py",
        "tests/train/callbacks",
        (
            "if is_settled and self._waited >= self.patience:",
            "if is_settled and self._waited > self.patience:",
        ),
        ("name: value.clone() for name, value", "name: value for name, value"),
        ("if epoch < self.start_from_epoch:", "if epoch <= self.start_from_epoch:"),
    ),
    *planted(
        "train/history.py",
        "tests/train/test_history.py",
        ("if math.isfinite(value) else None", "if value == value else None"),
    ),
    *planted(
        "estimators/convergence.py",
        "tests/estimators/test_agreement.py tests/estimators/test_convergence.py",
        ("waited = score < best + tol", "waited = score <= best + tol"),
        ('state["momentum_buffer"] *= group["lr"] / rate', "pass"),
    ),
]
