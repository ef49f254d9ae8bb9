"""The loop that one writes first, to compare with: one `requests.get` and one `save()` after the other."""

import requests

from channels_app.models import Watch
from core import clock


def look_at(names: list[str], *, seconds: float) -> None:
    for watch in Watch.objects.filter(channel__instance_name__in=names).select_related("channel__server"):
        channel, server = watch.channel, watch.channel.server
        try:
            answer = requests.get(
                f"{server.base_url}/instance/connectionState/{channel.instance_name}",
                headers={"apikey": server.api_key.reveal()},
                timeout=seconds,
            )
            state = answer.json()["instance"]["state"]
        except requests.RequestException:
            state = "error"
        watch.connection_status = {"close": "disconnected"}.get(state, state)
        watch.last_health_check = clock.database_now()
        watch.save()
