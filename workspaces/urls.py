from django.urls import path

from workspaces import audit_views, people_views, views

urlpatterns = [
    path("", views.home, name="home"),
    path("pinned/", views.pinned, name="pinned"),
    path("w/<slug:slug>/", views.workspace, name="workspace"),
    path("w/<slug:slug>/people/", people_views.people, name="people"),
    path("w/<slug:slug>/settings/", views.settings, name="settings"),
    path("w/<slug:slug>/limits/", views.limits, name="limits"),
    path("w/<slug:slug>/audit/", audit_views.workspace_audit, name="workspace_audit"),
    path("audit/", audit_views.audit, name="audit"),
    path("account/tokens/", people_views.tokens, name="tokens"),
    path("invitations/<uuid:invitation_id>/", people_views.answer_invitation, name="answer_invitation"),
    path("invitation/<slug:secret>/", people_views.invitation, name="invitation"),
]
