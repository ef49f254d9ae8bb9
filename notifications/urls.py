from django.urls import path

from notifications import views

urlpatterns = [
    path("notificacoes/", views.inbox, name="inbox"),
]
