"""The URLs of the test site."""

import views
from django.contrib.auth.views import LoginView
from django.urls import path

urlpatterns = [
    path("echo/", views.echo),
    path("upload/", views.upload),
    path("page/", views.page),
    path("stream/", views.stream),
    path("fields/", views.fields),
    path("login/", LoginView.as_view(template_name="login.html")),
    path("account/", views.account),
]
