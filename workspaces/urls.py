from django.urls import path

from workspaces import views

urlpatterns = [
    path("", views.home, name="home"),
    path("pinned/", views.pinned, name="pinned"),
    path("w/<slug:slug>/", views.workspace, name="workspace"),
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-in/link/", views.SignInByLink.as_view(), name="sign_in_link"),
    path("sign-out/", views.SignOut.as_view(), name="sign_out"),
]
