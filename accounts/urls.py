from django.urls import path

from accounts import account_views, device_views, views

urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-in/link/<str:secret>/", views.sign_in_by_link, name="sign_in_link"),
    path("device/", device_views.device, name="device"),
    path("account/", account_views.account, name="account"),
    path("account/sessions/<slug:session_id>/end/", account_views.end_one, name="end_session"),
    path("sign-out/", views.SignOut.as_view(), name="sign_out"),
    path("sign-out/everywhere/", views.sign_out_everywhere, name="sign_out_everywhere"),
]
