from django.urls import path

from agents import usage_views, views

urlpatterns = [
    path("a/<uuid:agent_id>/", views.agent, name="agent"),
    path("w/<slug:slug>/usage/", usage_views.usage, name="usage"),
]
