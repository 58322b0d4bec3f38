from django.urls import path

from notifications import views

urlpatterns = [
    path("w/<slug:slug>/webhooks/", views.webhooks, name="webhooks"),
    path("w/<slug:slug>/webhooks/<uuid:webhook_id>/", views.webhook, name="webhook"),
]
