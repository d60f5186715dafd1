"""The common style of pictures: colours, figures and axes, and figures within a page."""

from __future__ import annotations

import io
import re
import textwrap

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# The palette of M. Okabe and K. Ito, made to be told apart by everyone.
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
COLOURS = [BLUE, YELLOW, GREEN, PURPLE, SKY, ORANGE]
INK, PALE = "#222222", "#8A8A8A"
DPI = 150
# Colours of a picture that the page replaces by its own, of which it has one for light and one for dark.
PAGE = {
    INK: "currentColor",
    PALE: "var(--pale)",
    "#E6E6E6": "var(--line)",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
}
SHOWN_DPI = 96  # of a picture in a notebook


class Picture(Figure):
    """A figure that a notebook shows wherever it stands last in a cell, whatever matplotlib's backend."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The picture, and its width and height where it is shown, which are less than its own pixels."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi)
        width, height = (round(SHOWN_DPI * inches) for inches in self.get_size_inches())
        return buffer.getvalue(), {"width": width, "height": height}


def new_figure(title: str, size: tuple[float, float]) -> tuple[Picture, Axes]:
    """An empty figure with one pair of axes, of this size in inches."""
    figure = Picture(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)  # type: ignore[union-attr, call-arg]
    ax = figure.subplots()
    dress(ax, title)
    return figure, ax


def dress(ax: Axes, title: str) -> None:
    """Apply the common style: title at the left, no box, grey axes."""
    width = ax.get_figure(root=True).get_figwidth()  # type: ignore[union-attr]
    text = textwrap.fill(title, int(8 * width))
    ax.set_title(text, loc="left", color=INK, fontsize=13, pad=12, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)
    ax.tick_params(colors=INK, labelsize=10)
    ax.xaxis.label.set(color=INK, size=11)
    ax.yaxis.label.set(color=INK, size=11)


def svg(figure: Figure, name: str) -> str:
    """A figure as an SVG element that takes the colours of text and lines from the page around it.

    Args:
        figure: the figure.
        name: of its own on the page, so that what is named within it is too.
    """
    figure.patch.set_visible(False)
    for ax in figure.axes:
        ax.patch.set_visible(False)
    stream = io.StringIO()
    # Text stays text, and the same figure gives the same bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(
        r"(<svg [^>]*?)width=\"[^\"]*\" height=\"[^\"]*\"|(<svg [^>]*?)height=\"[^\"]*\" width=\"[^\"]*\"",
        r"\1\2",
        text,
        count=1,
    )
    text = re.sub(r" (height|width)=\"[\d.]+pt\"", "", text, count=2)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 inherit", text)
    text = _own_names(text)
    for colour, own in PAGE.items():
        text = text.replace(colour.lower(), own)
    return text


def _own_names(text: str) -> str:
    """Drop the names that nothing refers to; those of several pictures would be the same."""
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text))
    return re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", text)
