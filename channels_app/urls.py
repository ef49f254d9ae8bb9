from django.urls import path

from channels_app.views import my_whatsapp, overview

urlpatterns = [
    path("configuracoes/whatsapp-pessoal", my_whatsapp.page, name="my-whatsapp"),
    path("saas/whatsapp", overview.page, name="overview"),
]
