"""Where each address leads."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

admin.site.site_header = admin.site.site_title = "Vigia"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),  # until the pages are there, the admin is the face
    path("admin/", admin.site.urls),
]
