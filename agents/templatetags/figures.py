"""Template filters for tokens and costs, written as static/js/lib/format.js writes them."""

from django import template

register = template.Library()


@register.filter
def compact(number: int) -> str:
    """12,345 as 12.3K."""
    for size, unit in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")):
        # From where it would be rounded up to the unit: 999,950 is 1M.
        if abs(number) >= size * 0.99995:
            value = number / size
            return f"{value:,.1f}".removesuffix(".0") + unit if abs(value) < 99.95 else f"{value:,.0f}{unit}"
    return str(number)


@register.filter
def dollars(cost: float) -> str:
    """0.4213 as $0.42."""
    if 0 < cost < 0.005:
        return "under $0.01"
    return f"{'-' if cost < 0 else ''}${abs(cost):,.2f}"
