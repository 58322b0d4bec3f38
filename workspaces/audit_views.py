"""The dashboard's audit log pages: a workspace's for its owners, all entries for superusers."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now

from accounts.audit import EARLIEST, LATEST, PAGE, TEXT_LENGTH, Action, Search
from accounts.audit_export import as_csv, as_list
from streams.protocol.messages import BIGINT
from workspaces.models import Workspace
from workspaces.views import owned_workspace

EXPORT = 10_000  # entries in one file; the API has more

FORMATS = {"csv": (as_csv, "text/csv; charset=utf-8"), "json": (as_list, "application/json")}


DAYS = [MinValueValidator(EARLIEST.date()), MaxValueValidator(LATEST.date())]


def _named(action: Action) -> str:
    return action.replace("_", " ")


class FilterForm(forms.Form):
    """Filters the entries. Days are in UTC."""

    action = forms.ChoiceField(required=False, choices=[("", "anything"), *((one, _named(one)) for one in Action)])
    person = forms.CharField(required=False, max_length=TEXT_LENGTH)
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"type": "date"}), validators=DAYS)
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"type": "date"}), validators=DAYS)
    before = forms.IntegerField(required=False, min_value=1, max_value=BIGINT, widget=forms.HiddenInput)

    def search(self, workspace: Workspace | None) -> Search:
        given = self.cleaned_data
        return Search(
            workspace_id=workspace.pk if workspace else None,
            actor=given["person"] or None,
            action=Action(given["action"]) if given["action"] else None,
            since=_midnight(given["since"]) if given["since"] else None,
            until=_midnight(given["until"]) + timedelta(days=1) if given["until"] else None,
        )


def _midnight(day: Any) -> datetime:
    return datetime.combine(day, time.min, UTC)


@login_required
def workspace_audit(request: HttpRequest, slug: str) -> HttpResponse:
    return _audit(request, owned_workspace(request, slug))


@login_required
def audit(request: HttpRequest) -> HttpResponse:
    if not getattr(request.user, "is_superuser", False):
        raise PermissionDenied
    return _audit(request, None)


def _audit(request: HttpRequest, workspace: Any) -> HttpResponse:
    form = FilterForm(request.GET)
    if not form.is_valid():
        return render(request, "audit.html", _context(request, workspace, form, []), status=400)
    search = form.search(workspace)
    if request.GET.get("format") in FORMATS:
        return _file(search, request.GET["format"])
    found = search.entries(form.cleaned_data["before"], PAGE + 1)
    return render(request, "audit.html", _context(request, workspace, form, found))


def _context(request: HttpRequest, workspace: Any, form: FilterForm, found: list[Any]) -> dict[str, Any]:
    shown = [(entry, _named(Action(entry.action))) for entry in found[:PAGE]]
    query = request.GET.copy()
    query.pop("before", None)
    older = query.copy()
    if len(found) > PAGE:
        older["before"] = str(found[PAGE - 1].pk)
    return {
        "workspace": workspace,
        "role": workspace.role if workspace else None,
        "form": form,
        "entries": shown,
        "query": query.urlencode(),
        "older": older.urlencode() if len(found) > PAGE else "",
        "most": EXPORT,
    }


def _file(search: Search, name: str) -> HttpResponse:
    encode, content_type = FORMATS[name]
    response = HttpResponse(encode(search.entries(limit=EXPORT)), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="audit-{now():%Y-%m-%d}.{name}"'
    response["Cache-Control"] = "no-store"
    return response
