"""Faults in layers and activations."""

from collections.abc import Iterable
from pathlib import Path

from mutants.fault import Fault, planted

TABLE = "tests/conformance/test_conformance.py"
EDGES = "tests/conformance/edges"


def layer(file: str, name: str, changes: Iterable[tuple[str, str]], *more: str) -> list[Fault]:
    """Faults of one layer, near its rows of the conformance table and its own tests."""
    names = " or ".join([name, *(Path(each).stem for each in more)])
    return planted(f"nn/{file}", [TABLE, EDGES, *more, "-k", names], *changes)


def exactly(*names: str) -> str:
    """The rows of these names, without those whose names have these in them."""
    return " or ".join(f"[{name}] or -{name}]" for name in names)


def activation(file: str, name: str, *changes: tuple[str, str]) -> list[Fault]:
    return layer(f"activation/{file}", name, changes)


FAULTS = [
    *layer(
        "linear/linear.py",
        "Linear",
        [("self.bias.grad.add_(drows.sum(0))", "self.bias.grad.copy_(drows.sum(0))")],
    ),
    *layer(
        "linear/bilinear.py",
        "Bilinear",
        [
            ('"noi,nj->oij", dproducts, rows2', '"noi,nj->oij", products, rows2'),
            ('"no,ni->noi", drows, rows1', '"no,ni->noi", drows.abs(), rows1'),
        ],
    ),
    *layer(
        "distance.py",
        "CosineSimilarity or PairwiseDistance",
        [
            ("(u2 - (y * u1).masked_fill(is_short[0], 0))", "(u2 - y * u1)"),
            (".sum_to_size(sizes[0]), (-dd)", ".sum_to_size(sizes[0]), dd"),
        ],
        "tests/nn/test_distance.py",
    ),
    *layer(
        "attention/scaled.py",
        "MultiheadAttention",
        [
            ("dscores = dp.sub_(along).mul_(p)", "dscores = dp.mul_(p)"),
            ("dp *= drop", "pass"),
            ("dp += dweights", "pass"),
        ],
        "tests/nn/attention/test_multihead.py",
    ),
    *layer(
        "attention/multihead.py",
        "MultiheadAttention",
        [("shared = dweights / self.num_heads", "shared = dweights * 1")],
        "tests/nn/attention/test_multihead.py",
    ),
    *layer(
        "attention/encoder.py",
        "TransformerEncoderLayer",
        [("return dx + d, dmask, dpadding, None", "return d, dmask, dpadding, None")],
    ),
    *layer(
        "attention/decoder.py",
        "TransformerDecoderLayer",
        [("dx = dx + self.norm2.backward(d)", "dx = self.norm2.backward(d)")],
    ),
    *layer(
        "normalization/layer.py",
        "LayerNorm",
        [
            ("dx = (g - g.mean(self.axes, keepdim=True)).addcmul_(", "dx = g.addcmul("),
            (
                "self.weight.grad.add_(self._sum_over_batch(exact * normal))",
                "self.weight.grad.add_(self._sum_over_batch(exact))",
            ),
        ],
    ),
    *layer(
        "normalization/batch.py",
        "BatchNorm1d",
        [("dx = (exact - dbias / count).addcmul_(", "dx = exact.clone().addcmul_(")],
        "tests/nn/normalization/test_batch.py",
    ),
    *layer(
        "normalization/channels.py",
        "BatchNorm1d",
        [
            ("share * count / (count - 1))", "share)"),
            ("widen(running.value) * (1 - share)", "widen(running.value) * 1"),
        ],
        "tests/nn/normalization/test_batch.py",
    ),
    *layer(
        "normalization/instance.py",
        "InstanceNorm2d",
        [
            ("normal, dweight, value=-1 / count)", "normal, dweight, value=-1)"),
            ("if exact.numel():", "if count:"),
        ],
    ),
    *layer(
        "normalization/group.py",
        "GroupNorm",
        [
            ("- normal * along)", "+ normal * along)"),
            ("(exact * normal).sum(axes)", "(exact * normal).mean(axes)"),
        ],
    ),
    *layer("normalization/rms.py", "RMSNorm", [("dx = (g - normal * along)", "dx = (g - normal)")]),
    *layer(
        "normalization/response.py",
        "LocalResponseNorm",
        [
            ("neighbours(x, (self.size - 1) // 2, self.size // 2)", "self.gathered(x)"),
            ("direct = widen(dy) / s**self.beta", "direct = widen(dy) * s**self.beta"),
        ],
    ),
    *layer(
        "normalization/response.py",
        "CrossMapLRN2d",
        [("sums[:, 0] += x[:, radius + 1 :].sum(1)", "sums[:, 0] += x[:, radius:].sum(1)")],
        "tests/nn/normalization/test_response.py",
    ),
    *layer(
        "dropout/dropout.py",
        "Dropout",
        [(".div_(keep)", "")],
        "tests/nn/dropout/test_dropout.py",
    ),
    *layer("dropout/channels.py", "Dropout2d", [("super().draw(x.new_empty(", "super().draw(x.new_ones(")]),
    *layer("dropout/alpha.py", "AlphaDropout", [("finish(self, x, m * a, y)", "finish(self, x, m, y)")]),
    *layer(
        "embedding/table.py",
        "Embedding",
        [
            ("drows.masked_fill((rows == self.padding_idx).unsqueeze(-1), 0)", "drows"),
            ("torch.where(norms > self.max_norm,", "torch.where(norms < self.max_norm,"),
        ],
        "tests/nn/embedding/test_embedding.py",
    ),
    *layer(
        "resampling/shuffle.py",
        "Shuffle",
        [
            ("squares.permute(0, 3, 1, 4, 2)", "squares.permute(0, 3, 2, 4, 1)"),
            ("squares.permute(0, 2, 4, 1, 3)", "squares.permute(0, 4, 2, 1, 3)"),
            ("dealt(dy, dy.shape[1] // self.groups)", "dealt(dy, self.groups)"),
        ],
        "tests/nn/resampling/test_shuffle.py",
    ),
    *layer(
        "resampling/taps.py",
        "Upsampl",
        [
            ("dx.index_add_(axis, index, _along(weight, dy, axis))", "dx.index_add_(axis, index, dy)"),
            ("_inner(t), _inner(1 - t)", "_inner(1 - t), _inner(t)"),
            ("(size - 1) / (count - 1)", "size / count"),
        ],
    ),
    *layer(
        "pooling/reach.py",
        "FractionalMaxPool",
        [("- (s * step).long()", "- s.long()")],
    ),
    *layer(
        "pooling/fractional.py",
        "FractionalMaxPool",
        [("= (1, 0)", "= (0, 1)")],
    ),
    *layer(
        "embedding/bag.py",
        "EmbeddingBag",
        [
            ("each / sizes if self.mode", "each if self.mode"),
            ("drows if s is None else s * drows)", "drows)"),
            ("ds = (vectors * drows).sum(1)", "ds = (vectors * drows).mean(1)"),
            ('(0, bag, positions, "amin")', '(0, bag, positions, "amax")'),
            ("s = s[: len(rows)] if kept is None else s[kept]", "s = s[: len(rows)]"),
        ],
        "tests/nn/embedding/test_bag.py",
    ),
    *layer(
        "recurrent/recurrence.py",
        "RNN",
        [
            ("(da_h.T @ steps.before(trace.states[0]))", "(da_h.T @ trace.states[0][steps.batch :])"),
            ("dstates[0][steps.batch :] = dy", "dstates[0][steps.batch :] = dy.sign()"),
            ("[steps.ends] += last", "[steps.ends] = last"),
        ],
        "tests/nn/recurrent/test_layer.py",
    ),
    *layer(
        "recurrent/lstm.py",
        "LSTM",
        [
            ("dc[t][:count].addcmul_(dc_t, fs[t])", "dc[t][:count].addcmul_(dc_t, fs[0][:count])"),
            ("steps.before(c) * f * (1 - f)", "c[steps.batch :] * f * (1 - f)"),
            ("dc[t + 1].addcmul_(dm, of_dcs[t])", "dc[t + 1].addcmul_(dm, of_dcs[t], value=0.5)"),
        ],
        "tests/nn/recurrent/test_layer.py",
    ),
    *layer(
        "recurrent/gru.py",
        "GRU",
        [
            ("dbefore.addcmul_(dh_t, zs[t]).addmm_(", "dbefore.addmm_("),
            ("of_z, of_n * r, of_n], 1)", "of_z, of_n, of_n], 1)"),
        ],
        "tests/nn/recurrent/test_layer.py",
    ),
    *layer(
        "recurrent/steps.py",
        "RNN",
        [
            ("first[lasts[sequence] - step] + sequence", "first[len(sizes) - 1 - step] + sequence"),
            ("ends = first[lasts] +", "ends = first[lasts * 0] +"),
        ],
        "tests/nn/recurrent/test_layer.py",
    ),
    *layer(
        "pooling/maximum.py",
        "MaxPool2d",
        [("(element > y) | element.isnan()", "element > y")],
        "tests/nn/pooling/test_maxpool.py",
    ),
    *layer(
        "pooling/reach.py",
        "MaxPool2d",
        [("(count - 1) * stride >= size + padding:", "(count - 1) * stride > size + padding:")],
        "tests/nn/pooling/test_maxpool.py",
    ),
    *layer(
        "common/margin.py",
        "Conv2d",
        [("n - 1 - abs(n - 1 - abs(i))", "n - abs(n - abs(i))")],
        "tests/nn/convolution/test_conv.py",
    ),
    *layer(
        "convolution/conv.py",
        "Conv2d",
        [("exact.flatten(2).sum((0, 2))", "exact.flatten(2).mean((0, 2))")],
        "tests/nn/convolution/test_conv.py",
    ),
    *layer(
        "container/residual.py",
        "Residual",
        [("isinstance(dx, tuple) else added(dy, dx)", "isinstance(dx, tuple) else dx")],
        "tests/nn/container/test_residual.py",
    ),
    *layer(
        "container/parallel.py",
        "Parallel",
        [("reversed(list(zip(self, parts)))", "list(zip(self, parts))")],
        "tests/nn/container/test_parallel.py",
    ),
    *activation("relu.py", "ReLU", ("return select(y.bool(), dy)", "return dy * y.bool()")),
    *activation(
        "relu.py", "Threshold", ("low = widen(x) <= self.threshold", "low = widen(x) < self.threshold")
    ),
    *activation(
        "tanh.py",
        "Hardtanh",
        ("(x > self.min_val) & (x < self.max_val)", "(x >= self.min_val) & (x < self.max_val)"),
    ),
    *activation("tanh.py", "Tanh", ("(ONE - t * t).mul_(dy)", "(ONE - t).mul_(dy)")),
    *activation("elu.py", "ELU", ("torch.where(x > 0, dy,", "torch.where(x >= 0, dy,")),
    *activation("gelu.py", "GELU", ("0.134145 * x**2)", "0.13414 * x**2)")),
    *activation("softmax.py", "Softmax", ("x - x.amax(dim, keepdim=True) if x.numel()", "x if x.numel()")),
    *activation("softmax.py", "Softmin", ("return -super().backward(dy)", "return super().backward(dy)")),
    *activation(
        "softplus.py", "Softplus", ("straight = z > self.threshold", "straight = z >= self.threshold")
    ),
    *activation("glu.py", "GLU", ("(ONE - gate) * y * dy]", "gate * y * dy]")),
    *activation("leaky.py", "PReLU", ("(widen(dy) * x).masked_fill(positive, 0)", "(widen(dy) * x)")),
    *activation("sigmoid.py", "Hardsigmoid", ("x.abs() < 3", "x.abs() <= 3")),
    *activation("silu.py", "Hardswish", ("select(~(x <= -3),", "select(~(x < -3),")),
    *planted(
        "nn/container/graph.py",
        "tests/nn/container/test_graph.py tests/interop/test_tracing.py",
        ("added(gradients.get(use), entry)", "entry"),
        ("for name in reversed(ran)", "for name in ran"),
        ("value.grad.add_(dy)", "value.grad.copy_(dy)"),
        ("isinstance(value, Parameter) and dy is not None:", "isinstance(value, Parameter):"),
        ("for name in passed)", "for name in self.inputs)"),
        (
            "return [named[name] for name in module.differentiable or () if name in named]",
            "return list(named.values())",
        ),
    ),
    *layer(
        "arithmetic/elementwise.py",
        exactly("Add", "Multiply", "Divide", "Power", "MatMul"),
        [
            ("of_operand(-dy * ((left / right) / right), b)", "of_operand(dy * ((left / right) / right), b)"),
            ("masked_fill(exponent == 0, 0)", "masked_fill(exponent == 1, 0)"),
            ("(base == 0) & (exponent >= 0)", "(base == 0) & (exponent > 0)"),
            ("left.mT @ dy", "left.mT @ dy.abs()"),
            ("exact(gradient).sum_to_size(x.shape)", "exact(gradient).expand(x.shape)"),
        ],
        "tests/nn/arithmetic/test_elementwise.py",
    ),
    *layer(
        "arithmetic/reduction.py",
        exactly("Sum", "Mean", "Var", "Norm", "Amax", "Max"),
        [
            ("(self.along(dy, axes) / count).expand(size)", "self.along(dy, axes).expand(size)"),
            ("(2 * factor) * difference", "factor * difference"),
            ("for axis in sorted(axes)", "for axis in axes"),
        ],
    ),
    *layer(
        "arithmetic/einsum.py",
        "Einsum",
        [("others.append((ones,", "others.append((ones / 2,"), ("if j != i", "if j >= 0")],
    ),
    *layer(
        "shape/select.py",
        "Select",
        [("index_add_(0, positions", "index_copy_(0, positions"), ("dx[k] = dy\n", "dx[k] += 2 * dy\n")],
        "tests/interop/test_tracing.py",
    ),
    *planted(
        "nn/lazy.py",
        "tests/nn/test_lazy.py",
        ("if name in fields and not fields[name].is_shaped", "if name in fields"),
        ("(self.groups if self.weight_axis else 1)", "1"),
    ),
]
