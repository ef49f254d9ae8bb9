"""The demonstration's data: made once, and left as people leave it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from channels_app.models import Channel, Server
from demo import fleet
from demo.logins import DEMO_LOGINS, PASSWORD
from demo.management.commands import seed_demo
from tenants import scope
from tenants.models import Membership, Tenant, User

pytestmark = pytest.mark.django_db

HERE = "http://127.0.0.1:8081"


@pytest.fixture(autouse=True)
def _as_service():
    with scope.use(scope.SERVICE):
        yield


@pytest.fixture
def seed(settings):
    settings.DEBUG = True

    def run(simulator_url: str = HERE) -> str:
        told = StringIO()
        call_command(seed_demo.Command(), simulator_url=simulator_url, stdout=told)
        return told.getvalue()

    return run


def everything() -> list[list]:
    return [list(model.objects.order_by("pk").values_list()) for model in (Tenant, User, Membership, Server, Channel)]


def test_three_clinics_two_servers_and_a_dozen_numbers_are_made(seed):
    seed()

    assert Tenant.objects.count() == 3
    assert set(Server.objects.values_list("tenant", "base_url")) == {
        (None, "http://127.0.0.1:8082"),
        (None, "http://127.0.0.1:8083"),
    }
    assert Channel.objects.watched().count() == len(fleet.PHONES) >= 12
    assert set(Channel.objects.values_list("heartbeat_threshold_minutes", "server_owner")) == {(1, 0)}


def test_every_printed_login_opens(seed):
    seed()

    for email, password, _who in DEMO_LOGINS:
        assert User.objects.get(email=email).check_password(password)
    assert User.objects.get(is_saas_admin=True).email == DEMO_LOGINS[0][0]


def test_there_are_admins_staff_and_one_admin_of_two_clinics(seed):
    seed()

    admins = {tenant.slug: Membership.objects.admins().filter(tenant=tenant).count() for tenant in Tenant.objects.all()}
    assert admins == {"clinica-aurora": 2, "odonto-horizonte": 2, "fisio-beira-rio": 2}
    assert Membership.objects.filter(role="staff").values("tenant").distinct().count() == 2
    assert Membership.objects.filter(user__email="gisele@rede.example").count() == 2


def test_a_second_run_changes_nothing(seed):
    seed()
    before = everything()

    assert seed() == "Everything is there already.\n"
    assert everything() == before


def test_what_a_person_has_edited_stays(seed):
    seed()
    Tenant.objects.filter(slug="clinica-aurora").update(name="Clínica Aurora e Filhos")
    Server.objects.filter(base_url="http://127.0.0.1:8082").update(
        name="Servidor da sala", base_url="https://evolution.example"
    )
    Channel.objects.filter(instance_name="aurora-agenda").update(
        heartbeat_threshold_minutes=30, is_active=False, server=Server.objects.last()
    )
    Membership.objects.filter(user__email="ana@aurora.example").update(role="staff")
    ana = User.objects.get(email="ana@aurora.example")
    ana.set_password("another-password")
    ana.save()
    before = everything()

    seed()

    assert everything() == before


def test_a_clinic_that_lost_a_number_of_the_demonstration_gets_it_again(seed):
    seed()
    Channel.objects.filter(instance_name="aurora-exames").update(instance_name="another-clinic-s")

    assert seed() == "1 rows created.\n"


def test_the_servers_follow_the_simulator_to_another_port(seed):
    seed()

    seed("http://127.0.0.1:9001")

    assert set(Server.objects.values_list("base_url", flat=True)) == {"http://127.0.0.1:9002", "http://127.0.0.1:9003"}


def test_without_debug_it_refuses_in_one_sentence():
    with pytest.raises(CommandError, match="DEBUG=1"):
        call_command(seed_demo.Command(), simulator_url=HERE)

    assert not User.objects.filter(email=DEMO_LOGINS[0][0]).exists()


def test_an_address_that_is_none_is_refused(seed):
    with pytest.raises(CommandError, match="--simulator-url"):
        seed("simulator:8081")


def test_the_passwords_hold_what_the_settings_ask_for():
    from django.contrib.auth.password_validation import validate_password

    validate_password(PASSWORD)


def test_the_simulator_and_the_data_tell_of_the_same_phones():
    simulated = {(server.number, name) for server in fleet.servers() for name in server.phones}

    assert simulated == {(phone.server, phone.name) for phone in fleet.PHONES}
    assert {server.number: server.key for server in fleet.servers()} == {server.number: server.key for server in fleet.SERVERS}
