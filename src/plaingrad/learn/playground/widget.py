"""The playground in a notebook: the same module as the page, with a session in the notebook's process."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from plaingrad import nn, optim
from plaingrad.data import Dataset
from plaingrad.extras import needed_by
from plaingrad.inspect.player import page_file
from plaingrad.learn.playground.arguments import session_of
from plaingrad.learn.playground.session import Session
from plaingrad.module import Module

with needed_by("plaingrad.playground"):
    import anywidget
    import traitlets

PATIENCE = 5.0  # seconds for the first frame


class HasNetworks(Protocol):
    """A model that can be opened: a network of it, data as that network sees them, and a loss."""

    def opened(self, frame: Any) -> tuple[Module, Dataset, nn.Loss]:
        """The parts for a data frame."""
        ...


class Playground(anywidget.AnyWidget):  # type: ignore[misc]
    """The widget. Use `playground`, which makes one.

    Attributes:
        first_texts: the messages up to the first frame, which a view has at once: it can ask for more only
            when the notebook has run its cells.
        first_frame: the first frame.
        session: the run behind it.
    """

    _esm = page_file("playground.js")
    _css = page_file("playground.css")
    first_texts: Any = traitlets.List().tag(sync=True)
    first_frame: Any = traitlets.Bytes().tag(sync=True)

    def __init__(self, session: Any) -> None:
        super().__init__()
        self._first: list[dict[str, Any]] = []
        self._has_begun = threading.Event()
        self.session: Session = session(self._send_text, self._send_frame)
        self.on_msg(self._receive)
        self.session.start()
        self.session.receive({"type": "start"})
        self._has_begun.wait(PATIENCE)

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if isinstance(content, dict) and content.get("type") == "start" and self.session.run is not None:
            content = {"type": "show"}  # another view of the run
        self.session.receive(content)

    def _send_text(self, message: dict[str, Any]) -> None:
        if self._has_begun.is_set():
            self.send(message)
            return
        self._first.append(message)
        if message["type"] == "error":  # no frame will come
            self._begin(b"")

    def _send_frame(self, frame: bytes) -> None:
        if self._has_begun.is_set():
            self.send({"type": "frame"}, [frame])
        else:
            self._begin(frame)

    def _begin(self, frame: bytes) -> None:
        self.first_texts, self.first_frame = self._first, frame
        self._has_begun.set()

    @property
    def model(self) -> Module | None:
        """The network as it is now, or None if there is none for an error that the page shows."""
        return None if self.session.run is None else self.session.run.model

    def close(self) -> None:
        """End the session and remove the widget."""
        self.session.close()
        super().close()


def playground(
    model: Module | HasNetworks | None = None,
    data: Any = None,
    *,
    loss: nn.Loss | str | None = None,
    optimizer: optim.Optimizer | dict[str, Any] | None = None,
    link: str = "",
    **state: Any,
) -> Playground:
    """Watch a network train in a notebook, forward and backward, one step at a time.

    Without arguments it is the page of ``plaingrad playground``.

    Args:
        model: a network of your own: a chain that begins with a `Linear`. It is copied, and stays as it is;
            the trained one is the widget's ``model``. Or a model of a table (`plaingrad.tables.TableModel`),
            whose first network is taken. It needs data.
        data: a `Dataset` or a pair ``(inputs, targets)``, inputs of shape ``(n, k)``. The maps are drawn over
            the first two columns, with the others at their means. Without a model, the playground's networks
            are trained on it, or on a data set of the playground's, by its name. For a model of a table, a
            data frame with its columns and the target.
        loss: of the model, by default cross-entropy for classes, else the mean squared error. Without a
            model, a name, such as ``"mse"``.
        optimizer: over the model's parameters; by default the page's. Or a rule of the page's, such as
            ``{"name": "Adam", "lr": 0.01}``.
        link: an address of the playground to begin with, alone.
        state: fields of the state, as in the protocol, that neither the model nor the data settle:
            ``playground(data="spirals", classes=3, seed=5)``.

    Returns:
        The widget, which a notebook shows.

    Raises:
        InputError: an argument cannot be used, or not together with the others.
        ImportError: anywidget is not installed.
    """
    return Playground(session_of(model, data, loss, optimizer, link, state))
