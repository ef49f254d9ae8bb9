from django.urls import path, re_path

from tenants import views

# allauth's pages that this product has no use for: addresses and people are entered by the operator.
CLOSED = ["signup/", "email/", "confirm-email/", "password/set/"]

urlpatterns = [
    path("", views.home, name="home"),
    path("clinica/", views.switch_clinic, name="switch-clinic"),
    path("tema/", views.theme, name="theme"),
    *(path(f"conta/{page}", views.closed) for page in CLOSED),
    re_path(r"^conta/confirm-email/.+/$", views.closed),
]
