"""The dashboard's page of an agent."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from agents.changes import agent_stream
from agents.models import Agent
from streams import log
from workspaces.access import visible_workspaces


@login_required
def agent(request: HttpRequest, agent_id: uuid.UUID) -> HttpResponse:
    visible = visible_workspaces(request.user.pk)
    found = Agent.objects.filter(pk=agent_id, workspace__in=visible.values("pk")).first()
    span = log.spans([agent_stream(agent_id)]).get(agent_stream(agent_id))
    if found is None or span is None:
        raise Http404
    role = visible.get(pk=found.workspace_id).role
    return render(request, "agent.html", {"agent": found, "role": role, "seq": span.head, "oldest": span.oldest})
