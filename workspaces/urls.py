from django.urls import path

from workspaces import people_views, views

urlpatterns = [
    path("", views.home, name="home"),
    path("pinned/", views.pinned, name="pinned"),
    path("w/<slug:slug>/", views.workspace, name="workspace"),
    path("w/<slug:slug>/people/", people_views.people, name="people"),
    path("w/<slug:slug>/limits/", views.limits, name="limits"),
    path("account/tokens/", people_views.tokens, name="tokens"),
    path("invitation/<slug:secret>/", people_views.invitation, name="invitation"),
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-in/link/", views.SignInByLink.as_view(), name="sign_in_link"),
    path("sign-out/", views.SignOut.as_view(), name="sign_out"),
]
