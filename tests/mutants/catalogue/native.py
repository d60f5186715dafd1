"""Faults in the compiled engine, found by its parity with the eager one."""

from mutants.fault import planted

PARITY = "tests/native/test_parity.py"
KERNELS = "native/kernels"

FAULTS = [
    *planted(
        f"{KERNELS}/rules/rule.hpp", [PARITY, "-k", "rules"], ("g += momentum * v;", "g = momentum * v;")
    ),
    *planted(
        f"{KERNELS}/rules/rule.hpp", [PARITY, "-k", "rules"], ("void end() { t += 1; }", "void end() {}")
    ),
    *planted(
        f"{KERNELS}/loss/loss.hpp",
        [PARITY, "-k", "losses"],
        ("V slope(V p, V t) { return 2 * (p - t); }", "V slope(V p, V t) { return (p - t); }"),
    ),
    *planted(
        f"{KERNELS}/layers/linear.hpp",
        [PARITY, "-k", "layers"],
        ("                sum += dz;\n", "                sum = dz;\n"),
    ),
    *planted(
        "native/lower/rules.py",
        [PARITY, "-k", "rules"],
        ('"nesterov": group["nesterov"]', '"nesterov": False'),
    ),
    *planted(
        "native/lower/losses.py",
        [PARITY, "-k", "losses"],
        ('"ignored": loss.ignored', '"ignored": -100'),
    ),
    *planted(
        "native/cost.py",
        "tests/native/test_cost.py",
        ("self.eager > COMPILES * self.compile", "self.eager > self.compile"),
    ),
]
