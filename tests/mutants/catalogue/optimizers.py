"""Faults in update rules and schedules."""

from mutants.fault import planted

RULES = "tests/optim/test_rules.py tests/optim/test_optimizer.py"
SCHEDULES = "tests/optim/test_schedule.py"

FAULTS = [
    *planted(
        "optim/sgd.py",
        RULES,
        ('alpha=1 - group["dampening"]', "alpha=1"),
        (
            'velocity = state["momentum_buffer"] = grad.clone()',
            'velocity = state["momentum_buffer"] = grad.mul(0.9)',
        ),
    ),
    *planted(
        "optim/adam.py",
        RULES,
        ("root = math.sqrt(1 - beta2**t)", "root = math.sqrt(1 - beta2 ** (t + 1))"),
        ("v.sqrt().div_(root).add_(eps)", "v.sqrt().add_(eps * root).div_(root)"),
        ("v = torch.maximum(largest, v, out=largest)", "pass"),
        ('value.mul_(1 - group["lr"] * group["weight_decay"])', 'value.mul_(1 - group["weight_decay"])'),
    ),
    *planted("optim/adagrad.py", RULES, ("(1 + (t - 1) * group", "(1 + t * group")),
    *planted("optim/rmsprop.py", RULES, ("value=-1).clamp_(min=0)", "value=-1).clamp_(min=-1)")),
    *planted(
        "optim/optimizer.py",
        f"{RULES} tests/optim/test_segment.py tests/train/test_loop.py",
        ("/ (2 * samples)", "/ samples"),
        ("                grad = -grad\n", "                pass\n"),
        ('"weight_decay": decay / samples', '"weight_decay": decay'),
        ("for segments in selected for segment", "for segments in selected[:1] for segment"),
    ),
    *planted(
        "optim/clip.py",
        "tests/optim/test_clip.py",
        ("grad.clamp_(-clip_value, clip_value)", "grad.clamp_(max=clip_value)"),
    ),
    *planted("optim/schedule/decay.py", SCHEDULES, ("(t // self.step_size)", "((t + 1) // self.step_size)")),
    *planted(
        "optim/schedule/annealing.py", SCHEDULES, ("min(t / self.total_iters, 1.0)", "t / self.total_iters")
    ),
    *planted(
        "optim/schedule/plateau.py",
        SCHEDULES,
        ("if self.num_bad_epochs > self.patience:", "if self.num_bad_epochs >= self.patience:"),
        ("< sign * self.best - margin", "<= sign * self.best - margin"),
        ("return new if lr - new > self.eps else lr", "return new"),
        ("            self.cooldown_counter = self.cooldown\n", ""),
    ),
    *planted(
        "optim/schedule/one_cycle.py",
        SCHEDULES,
        ("Phase(2 * climb - 2, (1, first), (0, 1))", "Phase(2 * climb - 1, (1, first), (0, 1))"),
    ),
]
