"""Prompt templates: how the columns of a record become one prompt, as in ``Summarise: {input_text}``."""

from __future__ import annotations

from collections.abc import Callable
from string import Formatter

from gemtune.errors import SpecError


class PromptTemplate:
    """Text with columns in braces; ``{{`` and ``}}`` stand for braces.

    A name between braces is the column's, character by character: unlike in str.format, a dot reads no attribute.

    Args:
        text: The template; empty for none.

    Raises:
        SpecError: Braces are unbalanced, empty, or hold more than a column; or there is no column at all.

    >>> PromptTemplate("Summarise: {input_text}").render({"input_text": "a {b}"}.__getitem__)
    'Summarise: a {b}'
    """

    def __init__(self, text: str) -> None:
        try:
            self._pieces = list(Formatter().parse(text))
        except ValueError as error:
            raise SpecError(f"prompt_template: {error}", next="write {{ and }} where braces are meant") from None
        for _, column, form, conversion in self._pieces:
            if column is not None and (not column or form or conversion):
                found = f"{{{column}{'!' + conversion if conversion else ''}{':' + form if form else ''}}}"
                raise SpecError(
                    f"prompt_template: {found}, expected the name of a column between the braces",
                    next="write {{ and }} where braces are meant",
                )
        self.columns = list(dict.fromkeys(column for _, column, _, _ in self._pieces if column is not None))
        """Names of the columns, each once."""
        if text and not self.columns:
            raise SpecError("prompt_template: no column, expected at least one such as {input_text}")

    def render(self, column_text: Callable[[str], str]) -> str:
        """Return the prompt; `column_text` gives the text of a column."""
        return "".join(
            literal + (column_text(column) if column is not None else "") for literal, column, _, _ in self._pieces
        )
