"""What an incident is about, as its sentences name it: a number, or a server as a whole."""

from core import addresses
from incidents.advice import Subject
from incidents.models import Incident


def of(incident: Incident) -> Subject:
    """Return the number, or the server where it is a server's incident. No query where tenant, channel and server are at hand.

    A server that its reader may not see, being the operator's, goes without a name.
    """
    channel, tenant = incident.channel, incident.tenant
    server = getattr(channel, "server", None) if channel else incident.server
    return Subject(
        channel_id=channel.pk if channel else 0,
        tenant_id=tenant.pk if tenant else 0,
        tenant_slug=tenant.slug if tenant else "",
        tenant_name=tenant.name if tenant else "",
        name=channel.name if channel else str(server or ""),
        server_name=server.name if server else "",
        server_host=addresses.host(server.base_url) if server else "",
        server_is_the_operators=(channel.server_owner if channel else incident.owner_key) == 0,
        alerts_enabled=channel.alerts_enabled if channel else True,
    )
