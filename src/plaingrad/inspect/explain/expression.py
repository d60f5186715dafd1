r"""Formulas that carry their numbers: one tree has the symbols, the same with numbers, and the result.

They are built as they are written: with ``w = Symbol("w_{31}", 0.21)`` and ``x = Symbol("x_1", 0.5)``,
``w * x`` reads :math:`w_{31} x_1` in symbols, :math:`0.21 \cdot 0.5` in numbers, and has the value 0.105.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

MOST_TERMS = 8  # of a sum that is written out
ENDS = 3  # terms at both ends of a longer one
DIGITS = 4

ATOM, POWER, PRODUCT, SUM = range(4)  # from what binds tightest to what binds loosest


class Expression:
    """A formula.

    Attributes:
        value: its result.
        binding: how tightly its outermost operation binds, one of the constants above.
    """

    value: float
    binding: int = ATOM

    def latex(self, numbers: bool) -> str:
        """The formula in LaTeX.

        Args:
            numbers: whether symbols are replaced by their numbers.
        """
        raise NotImplementedError

    def within(self, binding: int, numbers: bool) -> str:
        """The formula as a part of another, in parentheses where it binds more loosely."""
        text = self.latex(numbers)
        is_negative = numbers and text.startswith("-")
        is_product = numbers and binding == ATOM and r"\cdot" in text  # with a power of ten
        return rf"\left({text}\right)" if self.binding > binding or is_negative or is_product else text

    def __add__(self, other: Expression | float) -> Expression:
        return Sum([self, as_expression(other)])

    def __radd__(self, other: float) -> Expression:
        return Sum([as_expression(other), self])

    def __sub__(self, other: Expression | float) -> Expression:
        return Difference(self, as_expression(other))

    def __rsub__(self, other: float) -> Expression:
        return Difference(as_expression(other), self)

    def __mul__(self, other: Expression | float) -> Expression:
        return Product([self, as_expression(other)])

    def __rmul__(self, other: float) -> Expression:
        return Product([as_expression(other), self])

    def __truediv__(self, other: Expression | float) -> Expression:
        return Fraction(self, as_expression(other))

    def __rtruediv__(self, other: float) -> Expression:
        return Fraction(as_expression(other), self)

    def __pow__(self, exponent: int) -> Expression:
        return Power(self, exponent)

    def __neg__(self) -> Expression:
        return Negative(self)


@dataclass(eq=False)
class Symbol(Expression):
    """A letter, perhaps with indices, and the number that it stands for."""

    name: str
    value: float

    def latex(self, numbers: bool) -> str:
        return number(self.value) if numbers else self.name


@dataclass(eq=False)
class Constant(Expression):
    """A number that stands in the formula itself."""

    value: float

    def latex(self, numbers: bool) -> str:
        return number(self.value)


class Sum(Expression):
    """Terms that are added; of more than eight only the first and the last are written."""

    binding = SUM
    terms: list[Expression]

    def __init__(self, terms: Iterable[Expression]) -> None:
        self.terms = [part for term in terms for part in (term.terms if isinstance(term, Sum) else [term])]
        try:
            self.value = math.fsum(term.value for term in self.terms)
        except (OverflowError, ValueError):  # of infinities, or on the way
            self.value = sum(term.value for term in self.terms)
        self.binding = self.terms[0].binding if len(self.terms) == 1 else SUM

    def latex(self, numbers: bool) -> str:
        if not self.terms:
            return "0"
        if len(self.terms) == 1:
            return self.terms[0].latex(numbers)
        if len(self.terms) <= MOST_TERMS:
            return joined(self.terms, numbers)
        start, end = (joined(terms, numbers) for terms in (self.terms[:ENDS], self.terms[-ENDS:]))
        return rf"{start} + \dots {'-' if end.startswith('-') else '+'} {end.removeprefix('-')}"


def joined(terms: Sequence[Expression], numbers: bool) -> str:
    """Terms with their signs between them."""
    text = ""
    for term in terms:
        is_negative = isinstance(term, Negative)
        part = term.part if isinstance(term, Negative) else term
        written = part.within(PRODUCT, numbers)
        is_number = numbers and isinstance(term, (Symbol, Constant)) and term.value < 0
        if is_number or (not text and isinstance(term, Difference)):
            written = term.latex(numbers)
        if written.startswith("-"):  # a number, or a product whose first factor is one
            is_negative, written = True, written[1:]
        text += (" - " if is_negative else " + ") + written if text else "-" * is_negative + written
    return text


@dataclass(eq=False)
class Difference(Expression):
    """One formula less another."""

    left: Expression
    right: Expression
    binding = SUM

    def __post_init__(self) -> None:
        self.value = self.left.value - self.right.value

    def latex(self, numbers: bool) -> str:
        return f"{self.left.latex(numbers)} - {self.right.within(PRODUCT, numbers)}"


@dataclass(eq=False)
class Negative(Expression):
    """A formula with its sign turned."""

    part: Expression
    binding = SUM

    def __post_init__(self) -> None:
        self.value = -self.part.value

    def latex(self, numbers: bool) -> str:
        return f"-{self.part.within(PRODUCT, numbers)}"


class Product(Expression):
    """Factors that are multiplied."""

    binding = PRODUCT
    factors: list[Expression]

    def __init__(self, factors: Iterable[Expression]) -> None:
        self.factors = [
            part for each in factors for part in (each.factors if isinstance(each, Product) else [each])
        ]
        self.value = math.prod(factor.value for factor in self.factors)
        self.binding = self.factors[0].binding if len(self.factors) == 1 else PRODUCT

    def latex(self, numbers: bool) -> str:
        if len(self.factors) == 1:
            return self.factors[0].latex(numbers)
        text = self.factors[0].within(POWER, numbers)
        for factor in self.factors[1:]:
            written = factor.within(POWER, numbers)
            needs_dot = numbers or isinstance(factor, (Fraction, Constant)) or written[0].isdigit()
            text += (r" \cdot " if needs_dot else r"\, ") + written
        return text


@dataclass(eq=False)
class Fraction(Expression):
    """One formula over another."""

    above: Expression
    below: Expression
    binding = POWER

    def __post_init__(self) -> None:
        above, below = self.above.value, self.below.value
        self.value = (
            above / below if below else math.nan if not above or math.isnan(above) else above * math.inf
        )

    def latex(self, numbers: bool) -> str:
        return rf"\frac{{{self.above.latex(numbers)}}}{{{self.below.latex(numbers)}}}"


@dataclass(eq=False)
class Power(Expression):
    """A formula to a constant power."""

    base: Expression
    exponent: float
    binding = POWER

    def __post_init__(self) -> None:
        try:
            is_real = self.base.value >= 0 or self.exponent == int(self.exponent)
            self.value = self.base.value**self.exponent if is_real else math.nan
        except (OverflowError, ZeroDivisionError):
            self.value = math.inf

    def latex(self, numbers: bool) -> str:
        return f"{self.base.within(ATOM, numbers)}^{{{number(self.exponent)}}}"


@dataclass(eq=False)
class Call(Expression):
    r"""A function of a formula.

    Args:
        name: in LaTeX, such as ``\tanh``.
        part: its argument.
        function: computes it.
        form: how name and argument are written, with ``{name}`` and ``{part}``.
    """

    name: str
    part: Expression
    function: Callable[[float], float]
    form: str = r"{name}\left({part}\right)"

    def __post_init__(self) -> None:
        self.value = self.function(self.part.value)

    def latex(self, numbers: bool) -> str:
        return self.form.replace("{name}", self.name).replace("{part}", self.part.latex(numbers))


@dataclass(eq=False)
class Several(Expression):
    """A function of several formulas, such as the larger one of two.

    Args:
        name: in LaTeX.
        parts: the arguments.
        function: computes it.
    """

    name: str
    parts: Sequence[Expression]
    function: Callable[..., float]

    def __post_init__(self) -> None:
        self.value = self.function(*(part.value for part in self.parts))

    def latex(self, numbers: bool) -> str:
        inside = r",\, ".join(part.latex(numbers) for part in self.parts)
        return rf"{self.name}\left({inside}\right)"


@dataclass(eq=False)
class Indicator(Expression):
    """1 if a comparison holds, else 0, in brackets.

    Args:
        left: what is compared.
        sign: in LaTeX, one of ``COMPARISONS``.
        right: with what.
    """

    left: Expression
    sign: str
    right: Expression

    def __post_init__(self) -> None:
        self.value = float(COMPARISONS[self.sign](self.left.value, self.right.value))

    def latex(self, numbers: bool) -> str:
        return rf"\left[{self.left.latex(numbers)} {self.sign} {self.right.latex(numbers)}\right]"


COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    r"\le": operator.le,
    r"\ge": operator.ge,
    "=": operator.eq,
    r"\neq": operator.ne,
}


def as_expression(value: Expression | float) -> Expression:
    """A number as a constant; a formula as it is."""
    return value if isinstance(value, Expression) else Constant(float(value))


def largest(*parts: Expression | float) -> Expression:
    """The largest of several formulas."""
    if len(parts) == 1:
        return as_expression(parts[0])
    return Several(r"\max", [as_expression(part) for part in parts], max)


def smallest(*parts: Expression | float) -> Expression:
    """The smallest of several formulas."""
    return Several(r"\min", [as_expression(part) for part in parts], min)


def holds(left: Expression | float, sign: str, right: Expression | float) -> Expression:
    """1 if a comparison holds, else 0."""
    return Indicator(as_expression(left), sign, as_expression(right))


def absolute(part: Expression) -> Expression:
    """The absolute value."""
    return Call("", part, abs, r"\left|{part}\right|")


def sign(part: Expression) -> Expression:
    """1, 0 or -1."""
    return Call(r"\operatorname{sign}", part, lambda x: float((x > 0) - (x < 0)))


def tanh(part: Expression) -> Expression:
    """The hyperbolic tangent."""
    return Call(r"\tanh", part, math.tanh)


def sigmoid(part: Expression) -> Expression:
    """The logistic function."""
    return Call(r"\sigma", part, logistic)


def erf(part: Expression) -> Expression:
    """The error function."""
    return Call(r"\operatorname{erf}", part, math.erf)


def softplus(part: Expression) -> Expression:
    """The logarithm of 1 more than the exponential."""
    return Call(r"\operatorname{softplus}", part, lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))))


def mean(terms: Sequence[Expression]) -> Expression:
    """The sum of some formulas over their number."""
    return over(len(terms)) * Sum(terms)


def over(count: float, name: str = "n") -> Expression:
    """The fraction 1 / n."""
    return Fraction(Constant(1), Symbol(name, count))


def exp(part: Expression) -> Expression:
    """The exponential, written as a power of e."""
    return Call("e", part, exponential, "{name}^{{part}}")


def log(part: Expression) -> Expression:
    """The natural logarithm."""
    return Call(r"\log", part, lambda x: math.log(x) if x > 0 else -math.inf if x == 0 else math.nan)


def sqrt(part: Expression) -> Expression:
    """The square root."""
    return Call(r"\sqrt", part, lambda x: math.sqrt(x) if x >= 0 else math.nan, "{name}{{part}}")


def exponential(x: float) -> float:
    """The exponential of any number; infinity where it is too large."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def logistic(x: float) -> float:
    """1 / (1 + e^-x) without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def number(value: float) -> str:
    """A number in LaTeX, rounded to four significant digits."""
    if math.isnan(value):
        return r"\mathrm{NaN}"
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    if value == int(value) and abs(value) < 10**DIGITS:
        return str(int(value))
    mantissa, _, exponent = f"{value:.{DIGITS}g}".partition("e")
    return mantissa + (rf" \cdot 10^{{{int(exponent)}}}" if exponent else "")
