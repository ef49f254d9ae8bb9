from django.urls import path

from notifications import views

urlpatterns = [
    path("notificacoes/", views.inbox, name="inbox"),
    path("notificacoes/contagem/", views.unread_count, name="unread-count"),
    path("notificacoes/lidas/", views.mark_all_read, name="mark-all-read"),
    path("notificacoes/<int:pk>/", views.follow, name="notification"),
    path("notificacoes/<int:pk>/lida/", views.mark_read, name="mark-read"),
]
