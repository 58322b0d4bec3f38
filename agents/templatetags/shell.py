"""For templates that show commands to copy."""

import shlex

from django import template

register = template.Library()


@register.filter
def shell_quoted(text: str) -> str:
    """`text` as one word of a shell, in which nothing is expanded or run."""
    return shlex.quote(text)
