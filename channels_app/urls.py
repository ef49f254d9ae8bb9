from django.urls import path

from channels_app.views import bulk, channel, check, health, my_whatsapp, overview

urlpatterns = [
    path("configuracoes/whatsapp-pessoal", my_whatsapp.page, name="my-whatsapp"),
    path("configuracoes/whatsapp-pessoal/<int:pk>/agora", my_whatsapp.now, name="number-now"),
    path("configuracoes/whatsapp-pessoal/<int:pk>/verificar", my_whatsapp.check, name="number-check"),
    path("configuracoes/whatsapp-pessoal/<int:pk>/avisos", my_whatsapp.set_alerts, name="number-alerts"),
    path("configuracoes/whatsapp-pessoal/<int:pk>/limite", my_whatsapp.set_threshold, name="number-threshold"),
    path("saas/whatsapp", overview.page, name="overview"),
    path("saas/whatsapp/agora", overview.live, name="overview-live"),
    path("saas/whatsapp/verificar", overview.check_all, name="check-all"),
    path("saas/whatsapp/rondas/<int:pk>", overview.sweep, name="sweep"),
    path("saas/whatsapp/numeros.csv", overview.table, name="overview-csv"),
    path("saas/whatsapp/lote", bulk.preview, name="bulk"),
    path("saas/whatsapp/lote/confirmar", bulk.confirm, name="bulk-confirm"),
    path("saas/whatsapp/<int:pk>", channel.page, name="channel"),
    path("saas/whatsapp/<int:pk>/agora", channel.state, name="channel-now"),
    path("saas/whatsapp/<int:pk>/verificar", channel.check, name="channel-check"),
    path("numeros/<int:pk>/verificar/", check.ask, name="check-channel"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("healthz/sweep", health.sweep, name="healthz-sweep"),
]
