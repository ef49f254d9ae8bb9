"""People, clinics, servers and channels, made in a word."""

from itertools import count

from django.utils.text import slugify

from channels_app.models import Channel, Server
from tenants.models import Membership, Tenant, User

_numbers = count(1)


def clinic(name: str = "Clínica", **fields: object) -> Tenant:
    return Tenant.objects.create(name=name, slug=f"{slugify(name)}-{next(_numbers)}", **fields)


def person(**fields: object) -> User:
    return User.objects.create_user(f"person{next(_numbers)}@example.com", "a long password", **fields)


def operator(**fields: object) -> User:
    return person(is_saas_admin=True, **fields)


def admin_of(*tenants: Tenant, role: str = Membership.Role.CLINIC_ADMIN, **fields: object) -> User:
    user = person(**fields)
    for tenant in tenants:
        Membership.objects.create(user=user, tenant=tenant, role=role)
    return user


def staff_of(*tenants: Tenant) -> User:
    return admin_of(*tenants, role=Membership.Role.STAFF)


def server(tenant: Tenant | None = None, **fields: object) -> Server:
    fields = {
        "name": "Evolution principal",
        "base_url": f"https://evolution-{next(_numbers)}.example.com",
        "api_key": "a-key",
    } | fields
    return Server.objects.create(tenant=tenant, **fields)


def channel(tenant: Tenant, on: Server | None = None, **fields: object) -> Channel:
    on = on or server()
    fields = {"name": "Recepção", "instance_name": f"instance-{next(_numbers)}"} | fields
    return Channel.objects.create(tenant=tenant, server=on, server_owner=on.owner_key, **fields)
