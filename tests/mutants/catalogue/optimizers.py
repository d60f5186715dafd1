"""Faults in update rules and schedules."""

from mutants.fault import planted

RULES = "tests/optim/test_rules.py tests/optim/test_optimizer.py"
SCHEDULES = "tests/optim/test_schedule.py tests/optim/test_combined.py"
COMBINED = "tests/optim/test_combined.py tests/optim/test_schedule.py"

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
    ),
    *planted(
        "optim/common/decoupled.py",
        RULES,
        ('value.mul_(1 - group["lr"] * group["weight_decay"])', 'value.mul_(1 - group["weight_decay"])'),
    ),
    *planted("optim/adamax.py", RULES, ('grad.abs().add_(group["eps"])', "grad.abs()")),
    *planted("optim/nadam.py", RULES, ("for i in (t, t + 1)", "for i in (t, t + 2)")),
    *planted("optim/radam.py", RULES, ("if rho > 5:", "if rho > 4:")),
    *planted("optim/adadelta.py", RULES, ("addcmul_(delta, delta,", "addcmul_(grad, grad,")),
    *planted("optim/rprop.py", RULES, ("before.copy_(grad.masked_fill(turned, 0))", "before.copy_(grad)")),
    *planted("optim/asgd.py", RULES, ("max(1.0, t - group", "max(1.0, 1 + t - group")),
    *planted(
        "optim/adafactor.py",
        RULES,
        ("r.mean(-2, keepdim=True)", "r.mean(-1, keepdim=True)"),
        ('rms(u) / group["d"]', "rms(u)"),
    ),
    *planted("optim/muon.py", RULES, ("lerp_(grad, 1 - momentum)", "lerp_(grad, momentum)")),
    *planted(
        "optim/lbfgs.py",
        "tests/optim/test_lbfgs.py",
        ("del memory[:-history_size]", "del memory[: -history_size - 1]"),
        ("alpha=factor - y.dot(d)", "alpha=factor + y.dot(d)"),
    ),
    *planted(
        "optim/common/line_search.py",
        "tests/optim/test_lbfgs.py",
        ("done > 1 and", "done > 0 and"),
        ("0.1 * (right - left)", "0.2 * (right - left)"),
        ("(stalled or t >= right or", "(t >= right or"),
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
    *planted(
        "optim/schedule/decay.py",
        SCHEDULES,
        ("(t // self.step_size)", "((t + 1) // self.step_size)"),
        ("sum(milestone <= t", "sum(milestone < t"),
        ("if t < self.total_iters", "if t <= self.total_iters"),
    ),
    *planted(
        "optim/schedule/annealing.py",
        SCHEDULES,
        ("min(t / self.total_iters, 1.0)", "t / self.total_iters"),
        ("(self.initial_lrs[i] - self.eta_min) * climb", "(self.base_lrs[i] - self.eta_min) * climb"),
        (") ** self.power", ")"),
    ),
    *planted(
        "optim/schedule/schedule.py",
        SCHEDULES,
        ("        if now == before:\n            return lr\n", ""),
        ("self.start(rates if self.follows else self.initial_lrs)", "self.start(rates)"),
    ),
    *planted(
        "optim/schedule/cyclic.py",
        SCHEDULES,
        ("position / up if position <= up", "position / down if position <= up"),
        ("t // (up + down) + 1", "t // (up + down)"),
        ("return 1 - self.wave(t)", "return self.wave(t)"),
    ),
    *planted(
        "optim/schedule/restarts.py",
        SCHEDULES,
        ("self.T_i *= self.T_mult\n        else:", "pass\n        else:"),
    ),
    *planted(
        "optim/schedule/swa.py",
        COMBINED,
        ("self.share(max(0, t - 1)), self.share(max(1, t))", "self.share(max(0, t - 1)), self.share(t)"),
        ("(lr - before * last) / (1 - before)", "lr"),
    ),
    *planted(
        "optim/schedule/functions.py",
        SCHEDULES,
        ("    def first(self, lr: float, i: int) -> float:\n        return lr\n", ""),
    ),
    *planted(
        "optim/schedule/combined.py",
        COMBINED,
        ("            one.chain()\n        self.last_lrs", "            one.step()\n        self.last_lrs"),
        ("            one.take_over()", "            one.step()"),
        ("milestone <= t for", "milestone < t for"),
        ("for one in self.schedulers)\n", "for one in self.schedulers[:1])\n"),
        ("if t + one.steps_left < end - 1:", "if t + one.steps_left < end:"),
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
