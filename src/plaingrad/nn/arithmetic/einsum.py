"""Products of tensors in Einstein's notation."""

from __future__ import annotations

import string

import torch
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.arithmetic.elementwise import exact
from plaingrad.nn.common.half import narrow
from plaingrad.parameter import shape


class Einsum(Module):
    r"""A sum of products of tensors, as an equation over the letters of their axes says.

    .. math::
        y_O = \sum_{\text{letters not in } O} \prod_i x^{(i)}_{I_i}, \qquad
        \frac{\partial \ell}{\partial x^{(i)}_{I_i}} = \sum_{\text{letters not in } I_i}
            \frac{\partial \ell}{\partial y_O} \prod_{j \neq i} x^{(j)}_{I_j}

    The gradient is another such sum, of the output's gradient and the other tensors.

    Shapes: as the equation says.

    Args:
        equation: such as ``"bij,bjk->bik"``. The output may be left out, for all letters that occur once, in
            the alphabet's order. ``...`` stands for any further axes.

    Raises:
        ModuleError: the equation or the tensors do not fit, or a letter occurs twice in one tensor.

    Source: A. Einstein, "Die Grundlage der allgemeinen Relativitätstheorie", 1916.
    """

    def __init__(self, equation: str) -> None:
        self.equation = equation
        for term in self._terms():
            if len(set(term.replace("...", ""))) < len(term.replace("...", "")):
                raise ModuleError(self, f"expected each letter once in a tensor, got {term!r}")
        letters = self.equation.replace(" ", "").partition("->")[2].replace("...", "")
        if len(set(letters)) < len(letters) or not set(letters) <= set("".join(self._terms())):
            raise ModuleError(self, f"expected output letters of the inputs, each once, got {letters!r}")

    def forward(self, *operands: Tensor) -> Tensor:
        inputs, output = self._letters(operands)
        y = torch.einsum(f"{','.join(inputs)}->{output}", *map(exact, operands))
        y = narrow(y, operands[0].dtype)
        self.save((operands, inputs, output), y)
        return y

    def backward(self, dy: Tensor) -> Tensor | tuple[Tensor, ...]:
        operands, inputs, output = self.restore(dy)
        dtype, dy, operands = dy.dtype, exact(dy), tuple(map(exact, operands))
        gradients = []
        for i, (x, letters) in enumerate(zip(operands, inputs)):
            others = [(dy, output), *(pair for j, pair in enumerate(zip(operands, inputs)) if j != i)]
            spread = [
                at
                for at, letter in enumerate(letters)
                if all(
                    letter not in term or each.shape[term.index(letter)] < x.shape[at]
                    for each, term in others
                )
            ]
            if spread:  # axes of this tensor alone, over which it was summed
                ones = dy.new_ones([x.shape[at] for at in spread])
                others.append((ones, "".join(letters[at] for at in spread)))
            equation = f"{','.join(term for _, term in others)}->{letters}"
            dx = torch.einsum(equation, *(each for each, _ in others)).sum_to_size(x.shape)
            gradients.append(narrow(dx, dtype))
        return tuple(gradients) if len(gradients) > 1 else gradients[0]

    def _terms(self) -> list[str]:
        return self.equation.replace(" ", "").partition("->")[0].split(",")

    def _letters(self, operands: tuple[Tensor, ...]) -> tuple[list[str], str]:
        """The letters of each tensor's axes and of the output's, those that ``...`` stands for included."""
        terms = self._terms()
        if len(terms) != len(operands):
            raise ModuleError(self, f"expected {len(terms)} tensors, got {len(operands)}")
        free = [letter for letter in string.ascii_uppercase if letter not in self.equation]
        further = 0
        for term, x in zip(terms, operands):
            left = x.ndim - len(term.replace("...", ""))
            if left < 0 or (left > 0 and "..." not in term) or left > len(free):
                raise ModuleError(self, f"expected a tensor of axes {term}, got {shape(x)}")
            further = max(further, left)
        all_further = "".join(free[:further])
        inputs = []
        for term, x in zip(terms, operands):
            left = x.ndim - len(term.replace("...", ""))
            inputs.append(term.replace("...", all_further[further - left :]))
        self._expect_sizes(inputs, operands)
        _, arrow, output = self.equation.replace(" ", "").partition("->")
        if not arrow:
            joined = "".join(terms).replace("...", "")
            output = "..." * any("..." in term for term in terms) + "".join(
                sorted(letter for letter in set(joined) if joined.count(letter) == 1)
            )
        return inputs, output.replace("...", all_further)

    def _expect_sizes(self, inputs: list[str], operands: tuple[Tensor, ...]) -> None:
        """Refuse tensors that differ in the size of a letter, unless the smaller is 1 and spreads."""
        sizes: dict[str, int] = {}
        for letters, x in zip(inputs, operands):
            for letter, size in zip(letters, x.shape):
                known = sizes.setdefault(letter, size)
                if 1 not in (known, size) and known != size:
                    axis = "of ..." if letter.isupper() and letter not in self.equation else letter
                    got = " and ".join(str(shape(each)) for each in operands)
                    raise ModuleError(self, f"expected axes {axis} of one size, got {got}")
                sizes[letter] = size if known == 1 else known
