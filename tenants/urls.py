from django.urls import path

from tenants import views

urlpatterns = [
    path("", views.home, name="home"),
    path("clinica/", views.switch_clinic, name="switch-clinic"),
    path("tema/", views.theme, name="theme"),
]
