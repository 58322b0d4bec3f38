"""A template filter for commands to copy."""

import shlex

from django import template

register = template.Library()


@register.filter
def shell_quoted(text: str) -> str:
    """`text` quoted as one shell word, so that nothing in it is expanded or run."""
    return shlex.quote(text)
