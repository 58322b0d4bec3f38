"""URLs: the dashboard, the admin, the API."""

from django.contrib import admin
from django.urls import include, path

from realtime_project.api import api
from realtime_project.health import health

urlpatterns = [
    path("", include("workspaces.urls")),
    path("", include("agents.urls")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("healthz", health, name="health"),
]
