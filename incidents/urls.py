from django.urls import path

from incidents import views

urlpatterns = [
    path("incidentes/", views.incident_list, name="incidents"),
    path("incidentes/<int:pk>/", views.incident, name="incident"),
    path("incidentes/<int:pk>/agora/", views.incident_now, name="incident-now"),
    path("incidentes/<int:pk>/cuidar/", views.take, name="incident-take"),
    path("incidentes/<int:pk>/nota/", views.note, name="incident-note"),
    path("incidentes/<int:pk>/alarme-falso/", views.false_alarm, name="incident-false-alarm"),
]
