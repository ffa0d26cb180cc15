"""Readable text in a terminal and HTML in a notebook, for objects that the server answers with."""

from dataclasses import dataclass
from functools import singledispatch
from html import escape


@dataclass(frozen=True)
class Description:
    """What to show of an object: a title and facts, each a label and a text."""

    title: str
    facts: list[tuple[str, str]]


@singledispatch
def describe(value: object) -> Description:
    """The description of an object. `descriptions.py` registers one for each type."""
    return Description(type(value).__name__, [])


def text_of(value: object) -> str:
    """The description as lines of text."""
    description = describe(value)
    facts = [(label, text) for label, text in description.facts if text]
    width = max((len(label) for label, _ in facts), default=0)
    indented = [(label, text.replace("\n", "\n" + " " * (width + 4))) for label, text in facts]
    return "\n".join([description.title, *(f"  {label:<{width}}  {text}" for label, text in indented)])


def html_of(value: object) -> str:
    """The description as HTML, as notebooks show it."""
    description = describe(value)
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(label)}</th>'
        f'<td style="text-align:left;white-space:pre-wrap">{escape(text)}</td></tr>'
        for label, text in description.facts
        if text
    )
    return f"<div><strong>{escape(description.title)}</strong><table>{rows}</table></div>"


def print_itself(model: type) -> None:
    """Lets a generated model print its description. The generator cannot give it a base class that comes before pydantic's."""
    for method, function in (("__repr__", text_of), ("__str__", text_of), ("_repr_html_", html_of)):
        setattr(model, method, function)
