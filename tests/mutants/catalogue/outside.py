"""Faults in data, files, and what other libraries take and give."""

from mutants.fault import planted

ENCODER = "tests/tables/columns/test_encoder.py"

FAULTS = [
    *planted("data/scale.py", "tests/data/test_scale.py", ("std(0, correction=0)", "std(0)")),
    *planted(
        "data/split.py",
        "tests/data/test_split.py",
        ("if present.min() < 2 or", "if present.min() < 1 or"),
        ("round(size * len(data))", "int(size * len(data))"),
    ),
    *planted(
        "data/dataset.py",
        "tests/data/test_dataset.py",
        (
            "classes = max(len(self.class_names), int(self.targets.max()) + 1)",
            "classes = int(self.targets.max()) + 1",
        ),
    ),
    *planted(
        "tables/columns/numeric.py",
        [ENCODER, "-k", "number or truth or median"],
        ("np.where(missing, self.median,", "np.where(missing, self.mean,"),
        ("np.where(missing, 0, 2 * column.values - 1)", "np.where(missing, 0, column.values)"),
    ),
    *planted(
        "tables/columns/category.py",
        [ENCODER, "-k", "level or categor"],
        ("RARE_ROWS, RARE_SHARE = 20, 0.001", "RARE_ROWS, RARE_SHARE = 21, 0.001"),
        ("cls(levels, bool(rare),", "cls(levels, True,"),
    ),
    *planted(
        "files.py",
        "tests/test_files.py",
        ("        temporary.unlink(missing_ok=True)\n", "        pass\n"),
        ("                path.rmdir()\n", "                pass\n"),
    ),
    *planted(
        "strict_json.py",
        "tests/train/test_checkpoint.py tests/saving/test_format.py",
        ("if len(entries) < len(pairs):", "if False:"),
    ),
    *planted(
        "interop/torch.py",
        "tests/interop/test_torch.py",
        ("theirs.training = ours[path].training", "theirs.training = True"),
        ("return x + super().forward(x)", "return super().forward(x)"),
    ),
    *planted(
        "interop/onnx/layers.py",
        "tests/interop/test_onnx.py",
        (
            "pads[margin.axis + axes], pads[margin.axis + 2 * axes] = margin.before, margin.after",
            "pads[margin.axis + axes], pads[margin.axis + 2 * axes] = margin.after, margin.before",
        ),
    ),
    *planted(
        "interop/onnx/padding.py",
        "tests/interop/test_onnx.py",
        ('"replicate": "edge"', '"replicate": "reflect"'),
    ),
    *planted(
        "estimators/objectives.py",
        "tests/estimators/test_agreement.py tests/estimators/test_options.py",
        ("(1 - label_smoothing) + label_smoothing / 2", "(1 - label_smoothing)"),
        ("scale=outputs / 2, reported=0.5", "scale=outputs, reported=0.5"),
    ),
    *planted(
        "interop/tracing/builder.py",
        "tests/interop/test_tracing.py",
        ("own.frozen = not tensor.requires_grad", "own.frozen = False"),
        ("setattr(module.get_submodule(path), field, own)", "pass"),
    ),
    *planted(
        "interop/tracing/network.py",
        "tests/interop/test_tracing.py",
        ("or len(target.users) > 1:", "or len(target.users) > 2:"),
    ),
    *planted(
        "saving/index.py",
        "tests/saving/test_index.py tests/nn/container/test_graph.py tests/interop/test_tracing.py",
        ("for each in (nest.start, nest.stop, nest.step)", "for each in (nest.start, nest.stop, None)"),
    ),
]
