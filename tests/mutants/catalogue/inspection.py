"""Faults in the gradient checker."""

from mutants.fault import planted

GRADIENTS = "tests/inspect/test_gradients.py"
CHECKS = f"tests/inspect/test_contract_checks.py tests/inspect/test_tolerances.py {GRADIENTS}"

FAULTS = [
    *planted(
        "inspect/gradients/contract_checks.py",
        CHECKS,
        ("if not same(dy, was):", "if False:"),
        ("if under_test.left_over():", "if False:"),
    ),
    *planted("inspect/gradients/entries.py", CHECKS, ("elif dx.dtype != x.dtype:", "elif False:")),
    *planted(
        "inspect/gradients/stacking.py",
        CHECKS,
        ("close(pairs[0], pairs[1]) and close(pairs[2], pairs[3])", "close(pairs[2], pairs[3])"),
    ),
    *planted(
        "inspect/gradients/comparison.py",
        CHECKS,
        ("        if some and self.row.ok:\n            self._directions()\n", ""),
        ("self.strict > self.limits.autograd", "self.strict > 10 * self.limits.autograd"),
    ),
    *planted(
        "inspect/gradients/differences.py",
        "tests/inspect/test_differences.py tests/inspect/test_tolerances.py",
        ("if last.gap > max(smooth, 4 * last.noise,", "if last.gap > max(0.0, 4 * last.noise,"),
        (
            "            if self.close(ours, slope):\n",
            "            if slope is first and self.close(ours, slope):\n",
        ),
    ),
    *planted(
        "inspect/gradients/naming/numbers.py",
        "tests/inspect/test_gradients.py tests/inspect/test_wrong_backwards.py",
        ("if abs(factor + 1) < tolerance:", "if False:"),
    ),
]
