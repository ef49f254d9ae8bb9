"""A redirect is never followed: whatever it points to, no connection is opened there, and the key stays home."""

import pytest

from tests.hostile.conftest import look
from tests.hostile.words import OPEN, refuses
from tests.support.raw_server import raw_server

pytestmark = pytest.mark.usefixtures("outside")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304, 305])
@pytest.mark.parametrize(
    "where", ["{other}/instance/connectionState/alpha", "//127.0.0.1:{port}/", "{other}", "file:///dev/zero"]
)
def test_the_place_a_redirect_points_to_sees_nobody(status, where, ground, dialled):
    with raw_server(lambda visit: visit.request()) as other:
        location = where.format(other=other.url, port=other.port).encode()
        with ground.http(refuses(status, OPEN, b"Location: " + location, b"Refresh: 0;url=" + location)) as server:
            look(server.url)

    assert (other.connections, other.requests) == (0, [])
    assert dialled == [("127.0.0.1", server.port)]


@pytest.mark.parametrize("where", ["169.254.169.254/latest/meta-data/", "1.1.1.1/", "127.0.0.2/", "[::1]/"])
@pytest.mark.parametrize("header", ["Location", "Refresh", "Content-Location", "Link", "Alt-Svc"])
def test_no_header_makes_us_dial_another_address(header, where, ground, dialled):
    with ground.http(refuses(302, OPEN, f"{header}: http://{where}".encode())) as server:
        look(server.url)

    assert dialled == [("127.0.0.1", server.port)]
