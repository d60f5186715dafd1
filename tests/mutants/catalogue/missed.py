"""Faults that the tests once let through, or caught by luck."""

from mutants.fault import planted

TOLERANCES = "tests/inspect/test_tolerances.py"
STOPPING = "tests/train/callbacks"
CONV = ["tests/nn/convolution/test_conv.py", "-k", "bound or same"]

FAULTS = [
    *planted(
        "contract/state.py",
        "tests/test_module.py",
        ("value.shape != field.value.shape", "value.numel() != field.value.numel()"),
    ),
    *planted(
        "train/callbacks/monitor.py",
        STOPPING,
        ("self.best) > self.min_delta", "self.best) >= self.min_delta"),
    ),
    *planted(
        "train/callbacks/early_stopping.py",
        STOPPING,
        ("max(1, self.patience - self._waited)", "max(1, self.patience - self._waited + 1)"),
    ),
    *planted(
        "estimators/convergence.py",
        "tests/estimators/test_convergence.py",
        ("self.parameters.n_iter_no_change + 1 -", "self.parameters.n_iter_no_change + 2 -"),
    ),
    *planted(
        "train/randomness.py", "tests/train/test_randomness.py", ("manual_seed(~seed)", "manual_seed(seed)")
    ),
    *planted(
        "inspect/gradients/check.py",
        TOLERANCES,
        ("    tolerance: float = 1e-6,", "    tolerance: float = 1e-5,"),
        ("autograd_tolerance: float = 1e-9", "autograd_tolerance: float = 1e-8"),
    ),
    *planted("inspect/gradients/differences.py", TOLERANCES, ("noise=16 * ROUNDING", "noise=160 * ROUNDING")),
    *planted(
        "inspect/gradients/nests.py",
        TOLERANCES,
        ("rtol=1e-9", "rtol=1e-8"),
        ("rtol=1e-9", "rtol=1e-5"),
    ),
    *planted(
        "interop/torch.py",
        ["tests/interop/test_torch.py", "-k", "saves or named_with_its"],
        ("ours.training = ours.saving = theirs[path].training", "ours.training = theirs[path].training"),
        ("module._forward_hooks or module._forward_pre_hooks", "module._forward_hooks"),
    ),
    *planted(
        "tables/columns/numeric.py",
        ["tests/tables/columns/test_encoder.py", "-k", "median"],
        ("float(low / 2 + high / 2) if low != high else float(low)", "float(high)"),
    ),
    *planted(
        "tables/columns/category.py",
        ["tests/tables/columns/test_encoder.py", "-k", "level"],
        ('levels["count"] >= fewest', 'levels["count"] > fewest'),
    ),
    *planted(
        "tables/columns/schema.py",
        "tests/tables/test_meaning.py tests/tables/columns/test_encoder.py",
        ("wrong &= ~pc.is_null(texts)", "wrong &= pc.is_null(texts)"),
        ("values, misfits = np.where(other, np.nan, values), misfits | other", "misfits = misfits | other"),
    ),
    *planted(
        "tables/columns/encoder.py",
        "tests/tables/test_meaning.py tests/tables/columns/test_encoder.py",
        ("schema.get(name) or schema_of(cells, name)", "ColumnSchema.of(cells, name)"),
    ),
    *planted(
        "nn/convolution/conv.py",
        CONV,
        ("((extent - 1) // 2, extent // 2)", "(extent // 2, (extent - 1) // 2)"),
        ("weights = weight.value.shape[1:].numel()", "weights = weight.value.shape.numel()"),
        ("weights = weight.value.shape[1:].numel()", "weights = weight.value.shape[2:].numel()"),
    ),
    *planted(
        "nn/linear/linear.py",
        "tests/nn/linear/test_linear.py",
        ("bound = 1 / math.sqrt(self.in_features)", "bound = 1 / math.sqrt(self.out_features)"),
    ),
    *planted("files.py", "tests/test_files.py", ("chmod(0o666 & ~_umask())", "chmod(0o666)")),
]
