from django.urls import path

from agents import views

urlpatterns = [path("a/<uuid:agent_id>/", views.agent, name="agent")]
