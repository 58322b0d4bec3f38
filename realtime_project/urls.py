"""URLs: the dashboard, the admin, the API."""

from django.contrib import admin
from django.urls import include, path

from realtime_project.api import api
from realtime_project.favicon import favicon
from realtime_project.health import health
from realtime_project.monitoring import monitoring

urlpatterns = [
    path("", include("workspaces.urls")),
    path("", include("agents.urls")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("healthz", health, name="health"),
    path("metrics", monitoring, name="metrics"),
    path("favicon.ico", favicon),
]
