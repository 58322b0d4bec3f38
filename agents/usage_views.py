"""The dashboard's page of what a workspace's agents have used."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from agents.usage_page import has_usage, usage_of
from streams.protocol import clock
from workspaces.views import visible_workspace

PERIODS = {"7": 7, "30": 30, "90": 90}  # days
PERIOD = 30


@login_required
def usage(request: HttpRequest, slug: str) -> HttpResponse:
    """Of the period that the address names (`days`), up to today, UTC."""
    found = visible_workspace(request, slug)
    days = PERIODS.get(request.GET.get("days", ""), PERIOD)
    used = usage_of(found.pk, clock.as_datetime(clock.now()).date(), days)
    context = {
        "workspace": found,
        "role": found.role,
        "periods": PERIODS.values(),
        "days": days,
        "usage": used,
        "ever": used is not None or has_usage(found.pk),
    }
    return render(request, "usage.html", context)
