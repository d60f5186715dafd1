"""Faults in the training loop and what belongs to it."""

from mutants.fault import planted

LOOP = "tests/train/test_loop.py"

FAULTS = [
    *planted(
        "train/eager.py",
        "tests/train/test_loop.py tests/train/test_nothing.py",
        ("                    optimizer.zero_grad()\n", "                    pass\n"),
        ("                    counted += rows\n", "                    counted += 1\n"),
        ("if schedule is not None and (counts or not schedule.needs_metric):", "if schedule is not None:"),
    ),
    *planted(
        "train/loop.py",
        LOOP,
        ('logs.get("val_loss", logs["loss"])', 'logs["loss"]'),
        ("history.steps += steps_per_epoch", "history.steps = steps_per_epoch"),
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
        ("count = sum(shares) if loss.is_mean else len(targets)", "count = len(targets)"),
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
        ("target.reshape(-1) > 0.5", "target.reshape(-1) >= 0.5"),
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
        ("if self._waited >= self.patience:", "if self._waited > self.patience:"),
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
