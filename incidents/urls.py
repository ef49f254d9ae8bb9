from django.urls import path

from incidents import views

urlpatterns = [
    path("incidentes/", views.incident_list, name="incidents"),
    path("incidentes/<int:pk>/", views.incident, name="incident"),
]
