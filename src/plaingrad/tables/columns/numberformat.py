"""Numbers written as text in other ways than programs write them: 1,234.50, $1.2M, 12,5 %, (30) or <5 kg."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plaingrad.errors import InputError
from plaingrad.saving.schema import Strict
from plaingrad.tables.reading.missing import without_words

GROUPS = {"": "", ",": ",", ".": ".", " ": " \u00a0\u2009\u202f", "'": "'’"}
DECIMALS = (".", ",")
EITHER = ".,"  # decimal marks of columns that were learned before the one of a column was kept
UNITS = r"[%\p{Sc}]"
SCALES = {"K": 1e3, "k": 1e3, "M": 1e6, "B": 1e9}
WORD = r"\d[ \x{a0}\x{2009}\x{202f}]?(?P<word>[\p{L}°µ²³/]+)\)?$"  # after a number
LONGEST_WORD = 10  # letters
UNIT_LETTERS = "mgshlL°"  # other single letters belong to codes such as 12A
FIRST_LOOK = 1000


class NumberFormat(Strict, frozen=True, omit_defaults=True):
    """A format of numbers in text.

    Attributes:
        group: what stands between groups of three digits: "", ",", ".", " " (or another blank of Unicode's)
            or "'" (or a typographic one).
        decimal: the decimal mark, "." or ","; ".," for either, in models of the first format.
        unit: a percent sign or a sign of a currency, which may stand before or after a number; a word such
            as "kg" after every number; or "".
        scales: whether K, M or B after a number stand for thousands, millions and billions.
        accounting: whether a number in parentheses is negative.
        bounds: whether a number may have < or > before it; it stands for the bound.
    """

    group: str = ""
    decimal: str = "."
    unit: str = ""
    scales: bool = False
    accounting: bool = False
    bounds: bool = False

    def __post_init__(self) -> None:
        is_sign = len(self.unit) == 1 and unicodedata.category(self.unit) == "Sc"
        known = self.unit in ("", "%") or is_sign or self.has_word
        if (
            self.group not in GROUPS
            or self.decimal not in (*DECIMALS, EITHER)
            or (self.group and self.group in self.decimal)
            or not known
        ):
            got = f"group {self.group!r:.9}, decimal {self.decimal!r:.9}, unit {self.unit!r:.9}"
            raise InputError(f"unknown format of numbers: {got}")

    @property
    def is_usual(self) -> bool:
        """True for numbers as programs write them."""
        return self == NumberFormat(decimal=self.decimal) and self.decimal != ","

    @property
    def is_unusual(self) -> bool:
        """True for a format that codes may have as well, such as 12 kg, 3B or (1)."""
        return self.has_word or self.scales or self.accounting or self.bounds

    @property
    def has_word(self) -> bool:
        """True if the unit is a word."""
        word = self.unit not in SCALES and all(letter.isalpha() or letter in "°µ²³/" for letter in self.unit)
        return word and 0 < len(self.unit) <= LONGEST_WORD

    @property
    def pattern(self) -> str:
        """The pattern of numbers in this format, and of nothing else; none has leading zeros, as names do."""
        pattern = self._signed
        if self.accounting:
            pattern = rf"(?:{pattern}|\({pattern}\))"
        return f"^[<>≤≥]?=? ?{pattern}$" if self.bounds else f"^{pattern}$"

    @property
    def _signed(self) -> str:
        group, decimal = f"[{GROUPS[self.group]}]", f"[{self.decimal}]"
        whole = rf"(?:0|[1-9]\d{{0,2}}(?:{group}\d{{3}})*)" if self.group else r"(?:0|[1-9]\d*)"
        exponent = "" if self.group else r"(?:[eE][+-]?\d+)?"
        blank = f"[{GROUPS[' ']}]?"
        scale = f"(?:{blank}[{''.join(SCALES)}])?" if self.scales else ""
        number = rf"(?:{whole}(?:{decimal}\d+)?|{decimal}\d+){exponent}{scale}"
        if not self.unit:
            return f"[+-]?{number}"
        if self.has_word:
            return f"[+-]?{number}{blank}{self.unit}"
        unit = f"[{self.unit}]"
        return f"(?:[+-]?(?:{unit}{blank})?{number}|{unit}{blank}[+-]{number}|[+-]?{number}{blank}{unit})"

    def __str__(self) -> str:
        number = f"1{self.group}234{self.decimal[0]}50" + "K" * self.scales
        if self.unit == "%":
            number = f"{number}%"
        elif self.has_word or (self.unit and self.decimal == ","):
            number = f"{number} {self.unit}"
        else:
            number = f"{self.unit}{number}"
        number = f"({number})" if self.accounting else number
        return f"<{number}" if self.bounds else number

    def strictly(self, texts: pa.Array) -> np.ndarray:
        """Texts as float64; nan for a missing one, and for what is not written so."""
        fitting = pc.if_else(
            pc.match_substring_regex(texts, self.pattern), texts, pa.scalar(None, texts.type)
        )
        values = pc.replace_substring(fitting, self.unit, "") if self.has_word else fitting
        bare = pc.replace_substring_regex(values, f"[^0-9eE+{self.decimal}-]", "")
        bare = pc.replace_substring(bare, self.decimal[-1], ".")
        numbers = pc.cast(bare, pa.float64()).to_numpy(zero_copy_only=False)
        if self.scales:
            for letter, factor in SCALES.items():
                numbers = np.where(_matches(values, letter), numbers * factor, numbers)
        return np.where(_matches(values, r"\("), -numbers, numbers) if self.accounting else numbers

    def numbers(self, texts: pa.Array) -> np.ndarray:
        """Texts as float64, also such as programs write numbers; nan for what is no number.

        Where no groups were seen, the usual ones are understood. What would be another number for a program,
        as 1.234 is beside 12,5, is none.
        """
        if self == DEFAULT_FORMAT:
            return _as_programs_write(texts)
        values = _as_programs_write(texts) if self.decimal == EITHER else self.strictly(texts)
        left = np.isnan(values)
        if not left.any():
            return values
        rest = texts.filter(pa.array(left))
        if self.decimal == EITHER:
            values[left] = self.strictly(rest)
            return values
        read = DEFAULT_FORMAT.strictly(rest)
        if not self.group:
            grouped = NumberFormat("," if self.decimal == "." else ".", self.decimal, self.unit).strictly(
                rest
            )
            read = np.where(
                np.isnan(read) | (read == grouped), grouped, np.where(np.isnan(grouped), read, np.nan)
            )
        values[left] = read
        return values


DEFAULT_FORMAT = NumberFormat()


def _matches(texts: pa.Array, pattern: str) -> np.ndarray:
    return pc.match_substring_regex(texts, pattern).fill_null(False).to_numpy(zero_copy_only=False)


def _as_programs_write(texts: pa.Array) -> np.ndarray:
    """Texts as float64, nan for what is no number; also 007 and 1., in which no column's format is found."""
    try:
        return pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # one of them is no number, or written as Python alone understands it
        return np.array([_float(text) for text in texts.to_pylist()], np.float64)


def _float(text: str | None) -> float:
    try:
        return np.nan if text is None or "_" in text else float(text)
    except ValueError:
        return np.nan


def number_format(texts: pa.Array | pa.ChunkedArray) -> NumberFormat | None:
    """The format of numbers in texts, if all that are present are numbers, and in one way only.

    Commas before groups of three digits everywhere are no decimal marks; they are, if most of the numbers
    that have one could not be written so with groups. Wherever two formats fit and give different numbers,
    none is taken.

    Args:
        texts: text without blanks around it.
    """
    fitting: list[tuple[NumberFormat, np.ndarray]] = []
    for part in (texts.slice(0, FIRST_LOOK), texts):  # most texts are none, and shall not be copied to see it
        values = without_words(part).drop_null()
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        fitting = _fitting(values) if len(values) else []
        if len(values) and not fitting:
            return None
    if not fitting:
        return None
    first, numbers = fitting[0]
    if any((other != numbers).any() for _, other in fitting[1:]) or not np.isfinite(numbers).all():
        return None
    return DEFAULT_FORMAT if first == DEFAULT_FORMAT else first


def _fitting(values: pa.Array) -> list[tuple[NumberFormat, np.ndarray]]:
    """The formats that fit all texts, and what numbers these are then."""
    if not _matches(values, r"\d").all():  # which spares most columns the long patterns of units
        return []
    unit, scales = _unit(values)
    accounting = bool(_matches(values, r"^\(.*\)$").any())
    bounds = bool(_matches(values, r"^[<>≤≥]").any())
    around = unit, scales, accounting, bounds
    formats = []
    for decimal in DECIMALS:
        if decimal == "," and not _commas_are_decimal(values, NumberFormat(",", ".", *around)):
            continue
        for group in GROUPS:
            if group != decimal:
                format = NumberFormat(group, decimal, *around)
                numbers = format.strictly(values)
                if not np.isnan(numbers).any():
                    formats.append((format, numbers))
    return formats


def _unit(values: pa.Array) -> tuple[str, bool]:
    """The unit that some or, if it is a word, all texts have, and whether some have K, M or B."""
    words = [word if len(word or "") <= LONGEST_WORD else None for word in _extracted(values, WORD, "word")]
    scales = bool(set(words) & {*SCALES}) and set(words) <= {*SCALES, None}
    if not scales and len(words) == 1 and words[0] and (len(words[0]) > 1 or words[0] in UNIT_LETTERS):
        return words[0], False
    signs = _extracted(values, f"(?P<sign>{UNITS})", "sign")
    return next((sign for sign in signs if sign), ""), scales


def _extracted(values: pa.Array, pattern: str, group: str) -> list[str | None]:
    return pc.unique(pc.struct_field(pc.extract_regex(values, pattern), group)).to_pylist()


def _commas_are_decimal(values: pa.Array, grouping: NumberFormat) -> bool:
    """True if most of the numbers with a comma are none with commas before groups of three digits."""
    commas = values.filter(pc.match_substring(values, ","))
    grouped = ~np.isnan(grouping.strictly(commas))
    return not len(commas) or 2 * int(grouped.sum()) < len(commas)
