"""URLs: the dashboard, the admin, the API."""

from django.contrib import admin
from django.urls import include, path

from realtime_project import views
from realtime_project.api import api

urlpatterns = [
    path("", include("accounts.urls")),
    path("", include("workspaces.urls")),
    path("", include("agents.urls")),
    path("", include("notifications.urls")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("healthz", views.health, name="health"),
    path("metrics", views.metrics, name="metrics"),
    path("favicon.ico", views.favicon),
]
