"""Where each address leads."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

admin.site.site_header = admin.site.site_title = "Vigia"
admin.site.login = secure_admin_login(admin.site.login)  # one door: the pages' own

urlpatterns = [
    path("", include("tenants.urls")),
    path("", include("channels_app.urls")),
    path("", include("incidents.urls")),
    path("", include("notifications.urls")),
    path("conta/", include("allauth.urls")),
    path("idioma/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
