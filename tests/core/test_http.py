"""One request out: bounded in time and bytes, to checked addresses only, and every failure one of few kinds.

The servers are real sockets. D is the look's deadline; what must end by it is given several times as long, since
the machine that runs the tests may be busy, yet far less than the servers would go on.
"""

import errno
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import responses

from core import http, resolver, wire
from tests.support.certificates import Authority
from tests.support.raw_server import Visit, ok, raw_server

D = 0.4
AT_MOST = 5 * D
BODY = b'{"instance":{"instanceName":"alpha","state":"open"}}'


@pytest.fixture(autouse=True)
def own_network(settings):
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8", "::1"]
    settings.EVOLUTION_LOCALHOST_ALIAS = ""
    http.forget()
    yield
    http.forget()


@pytest.fixture
def names(monkeypatch):
    """What the system's resolver answers: a name's addresses, or an exception to raise, or a function to call."""
    book = {}

    def getaddrinfo(host, port, *args, **kwargs):
        answer = book[host]
        answer = answer() if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(families[":" in a], socket.SOCK_STREAM, 6, "", (a, port or 0)) for a in answer]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return book


def ask(server_or_url, *, seconds=5.0, operator_owned=True, headers=None, **options):
    url = server_or_url if isinstance(server_or_url, str) else server_or_url.url + "/"
    return http.get(url, headers=headers or {"apikey": "secret"}, seconds=seconds, operator_owned=operator_owned, **options)


def timed(server_or_url, **options):
    """Ask, and return the failure and the seconds it took."""
    started = time.monotonic()
    with pytest.raises(http.Failure) as failure:
        ask(server_or_url, **options)
    return failure.value, time.monotonic() - started


def keep_answering(visit: Visit, answer: bytes = ok(BODY)) -> None:
    while visit.request():
        visit.send(answer)


# --- What an answer is -------------------------------------------------------------------------------------------


def test_an_answer_carries_status_body_type_and_time():
    with raw_server(lambda v: v.answer(ok(BODY, b"Content-Type: application/json"))) as server:
        answer = ask(server)

    assert (answer.status, answer.body, answer.content_type) == (200, BODY, "application/json")
    assert 0 < answer.took_seconds < 5
    assert answer.retry_after is None


def test_the_request_is_sent_as_it_is_written():
    with raw_server(lambda v: v.answer(ok(b""))) as server:
        ask(server.url + "/a%2Fb/loja%20centro/%7Eself?instanceName=x%26y")

    head = server.requests[0]
    assert head.startswith(b"GET /a%2Fb/loja%20centro/%7Eself?instanceName=x%26y HTTP/1.1\r\n")
    assert b"\r\nAccept-Encoding: identity\r\n" in head
    assert b"\r\napikey: secret\r\n" in head


def test_the_tests_of_others_can_replace_the_network():
    with responses.RequestsMock() as fake:
        fake.get("https://evo.example.com/x", body=BODY, headers={"Retry-After": "7"})
        answer = ask("https://evo.example.com/x")

    assert (answer.status, answer.body, answer.retry_after) == (200, BODY, timedelta(seconds=7))


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("30", timedelta(seconds=30)),
        (" 0 ", timedelta()),
        ("99999999999999999999999999", http.LONGEST_WAIT),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Tue, 99 Foo 2026 99:99:99 GMT", None),
        ("Wed, 01 Jan 2020 00:00:00 GMT", timedelta()),
        ("Fri, 01 Jan 2999 00:00:00 GMT", http.LONGEST_WAIT),
    ],
)
def test_a_retry_after_is_read_with_tolerance(header, wait):
    with raw_server(lambda v: v.answer(ok(b"", b"Retry-After: " + header.encode()))) as server:
        assert ask(server).retry_after == wait


def test_a_retry_after_may_be_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    with raw_server(lambda v: v.answer(ok(b"", b"Retry-After: " + soon.encode()))) as server:
        assert timedelta(seconds=60) < ask(server).retry_after < timedelta(seconds=121)


# --- One deadline for all of it ----------------------------------------------------------------------------------


def hang_before_the_answer(visit):
    visit.request()
    visit.wait_for_the_client_to_go()


def drip_the_status_line(visit):
    visit.request()
    visit.drip(b"H")


def drip_the_headers(visit):
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    visit.drip(b"x")


def drip_the_body(visit):
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    visit.drip(b"x")


def drip_chunks(visit):
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    visit.drip(b"1\r\nx\r\n")


def drip_an_error_body(visit):
    visit.request()
    visit.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 1000\r\n\r\n")
    visit.drip(b"x")


def continue_for_ever(visit):
    visit.request()
    visit.drip(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize(
    "script",
    [
        hang_before_the_answer,
        drip_the_status_line,
        drip_the_headers,
        drip_the_body,
        drip_chunks,
        drip_an_error_body,
        continue_for_ever,
    ],
)
def test_a_server_that_takes_its_time_is_left_at_the_deadline(script):
    with raw_server(script) as server:
        failure, took = timed(server, seconds=D)

    assert (type(failure), failure.detail) == (http.Unreachable, "timeout")
    assert D * 0.9 < took < AT_MOST


def test_a_server_that_is_silent_in_the_tls_handshake_is_left_at_the_deadline():
    with raw_server(lambda v: v.wait_for_the_client_to_go()) as server:
        failure, took = timed(server.url.replace("http", "https"), seconds=D)

    assert failure.detail == "timeout"
    assert D * 0.9 < took < AT_MOST


def test_a_server_that_drips_the_tls_handshake_is_left_at_the_deadline():
    def drip_a_long_record(visit):
        visit.send(b"\x16\x03\x03\x40\x00\x02")
        visit.drip(b"\x00")

    with raw_server(drip_a_long_record) as server:
        failure, took = timed(server.url.replace("http", "https"), seconds=D)

    assert failure.detail == "timeout"
    assert took < AT_MOST


def test_a_server_that_never_accepts_is_left_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        failure, took = timed(f"http://127.0.0.1:{address[1]}/", seconds=D)
        for filler in fillers:
            filler.close()

    assert failure.detail == "timeout"
    assert took < AT_MOST


def test_a_name_that_hangs_is_left_at_the_deadline_and_asked_once(names):
    asked, release = [], threading.Event()
    names["slow.example"] = lambda: asked.append(1) or release.wait(20) or ["127.0.0.1"]

    first, took = timed("http://slow.example/", seconds=D)
    second, _ = timed("http://slow.example/", seconds=D)
    release.set()

    assert first.detail == second.detail == "timeout"
    assert took < AT_MOST
    assert len(asked) == 1


def test_no_time_left_means_no_request():
    with raw_server(keep_answering) as server:
        failure, _ = timed(server, seconds=0)

    assert failure.detail == "timeout"
    assert server.connections == 0


# --- A limit for the bytes ---------------------------------------------------------------------------------------


def endless_body(visit):
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        visit.send(b"x" * 65536)


def endless_header(visit):
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        visit.send(b"x" * 65536)


def endless_headers(visit):
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        visit.send(b"X-Many: x\r\n" * 1000)


def endless_continue(visit):
    visit.request()
    while True:
        visit.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def endless_trailers(visit):
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    while True:
        visit.send(b"X-Many: x\r\n" * 1000)


@pytest.mark.parametrize("script", [endless_body, endless_header, endless_headers, endless_continue, endless_trailers])
def test_an_answer_without_end_is_cut_off(script):
    with raw_server(script) as server:
        failure, took = timed(server, seconds=20)

    assert isinstance(failure, (http.TooLarge, http.BadAnswer))
    assert took < 10


def test_a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not():
    with raw_server(lambda v: v.answer(ok(b"x" * (100 if v.number == 1 else 101)))) as server:
        assert len(ask(server, max_bytes=100).body) == 100
        with pytest.raises(http.TooLarge):
            ask(server, max_bytes=100)


def test_an_error_is_read_to_four_kilobytes_only():
    answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
    with raw_server(lambda v: v.answer(answer)) as server:
        assert ask(server).body == b"x" * http.ERROR_BYTES


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"identity, gzip", b"x-unknown"])
def test_an_encoding_that_was_not_asked_for_is_refused_undecoded(encoding):
    with raw_server(lambda v: v.answer(ok(b"\x1f\x8b" + b"\0" * 50, b"Content-Encoding: " + encoding))) as server:
        failure, _ = timed(server)

    assert (type(failure), failure.detail) == (http.BadAnswer, "encoded")


# --- Broken servers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"<html>no head at all</html>",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nab",
        b"HTTP/1.1 200 OK\r\nX" * 200,
    ],
    ids=lambda answer: ascii(answer[:60]),
)
def test_what_is_no_answer_is_a_failure_of_ours(answer):
    with raw_server(lambda v: v.answer(answer)) as server, pytest.raises(http.Failure):
        ask(server)


def test_a_reset_is_told_apart_from_a_refusal():
    def reset(visit):
        visit.request()
        visit.reset()

    with raw_server(reset) as server:
        assert timed(server)[0].detail == "reset"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert timed(f"http://127.0.0.1:{nobody.getsockname()[1]}/")[0].detail == "refused"


@pytest.mark.parametrize(
    "url",
    [
        "http://a..b/",
        "http://" + "a" * 300 + "/",
        "http://[::1/",
        "nonsense",
        "http://2130706433/",
        "http://127.0.0.1:99999/",
        "gopher://x/",
    ],
)
def test_an_impossible_url_is_a_failure_of_ours(url):
    with pytest.raises((http.Failure, http.AddressRefused)):
        ask(url, seconds=2)


def test_a_header_that_cannot_be_sent_is_a_failure_of_ours_and_sends_nothing():
    with raw_server(keep_answering) as server:
        for value in ("zero\u200bwidth", "two\r\nlines"):
            with pytest.raises(http.Failure):
                ask(server, headers={"apikey": value})

    assert server.requests == []


# --- Redirects, cookies, the environment --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_handed_over_and_the_key_goes_nowhere(status):
    with raw_server(keep_answering) as other:
        answer = b"HTTP/1.1 %d Moved\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n" % (status, other.url.encode())
        with raw_server(lambda v: v.answer(answer)) as server:
            assert ask(server).status == status

    assert other.connections == 0


def test_a_cookie_is_not_kept():
    with raw_server(lambda v: keep_answering(v, ok(BODY, b"Set-Cookie: who=victim"))) as server:
        ask(server)
        ask(server)

    assert len(server.requests) == 2
    assert b"ookie" not in server.requests[1]


def test_the_environment_changes_nothing(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with raw_server(keep_answering) as proxy, raw_server(keep_answering) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        ask(server)

    assert proxy.connections == 0
    assert b"Authorization" not in server.requests[0]


# --- Kept connections --------------------------------------------------------------------------------------------


def test_a_connection_is_kept_and_used_again():
    with raw_server(keep_answering) as server:
        for _ in range(5):
            ask(server)

    assert server.connections == 1


def close_before_the_second_answer(visit):
    visit.answer(ok(BODY))
    visit.request()


def reset_before_the_second_answer(visit):
    visit.answer(ok(BODY))
    visit.request()
    visit.reset()


@pytest.mark.parametrize("first_connection", [close_before_the_second_answer, reset_before_the_second_answer])
def test_a_kept_connection_that_died_is_replaced_once(first_connection):
    with raw_server(lambda v: first_connection(v) if v.number == 1 else keep_answering(v)) as server:
        ask(server)
        assert ask(server).body == BODY

    assert server.connections == 2


def test_a_fresh_connection_that_dies_is_not_tried_again():
    with raw_server(lambda v: v.request()) as server:
        assert timed(server)[0].detail == "reset"

    assert server.connections == 1


def test_the_second_attempt_is_the_last_and_uses_no_kept_connection():
    together = threading.Barrier(3)

    def die_in_the_second_request(visit):
        visit.request()
        if visit.number <= 3:
            together.wait(10)
            visit.send(ok(BODY))
            visit.request()

    with raw_server(die_in_the_second_request) as server:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: ask(server), range(3)))
        failure, _ = timed(server)

    assert failure.detail == "reset"
    assert server.connections == 4


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_an_answer_that_had_begun_is_not_asked_for_again(begun):
    def cut_the_second(visit):
        visit.answer(ok(BODY))
        visit.answer(begun)

    with raw_server(cut_the_second) as server:
        ask(server)
        timed(server)

    assert len(server.requests) == 2


@pytest.mark.parametrize("pause", [0, 0.1], ids=["in one piece", "a little later"])
def test_an_extra_answer_does_not_reach_the_next_look(pause):
    extra = ok(b"for somebody else")

    def answer_twice(visit):
        while visit.request():
            if pause:
                visit.send(ok(BODY))
                time.sleep(pause)
                visit.send(extra)
            else:
                visit.send(ok(BODY) + extra)

    with raw_server(answer_twice) as server:
        for _ in range(3):
            assert ask(server).body == BODY
            time.sleep(pause * 3)

    assert server.connections == 3


def test_a_connection_opened_for_the_operator_is_not_used_for_a_tenant():
    with raw_server(keep_answering) as server:
        ask(server, operator_owned=True)
        with pytest.raises(http.AddressRefused):
            ask(server, operator_owned=False)

    assert len(server.requests) == 1


def test_many_threads_ask_many_servers_at_once():
    with raw_server(keep_answering) as one, raw_server(keep_answering) as two, ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda n: ask(one if n % 2 else two, seconds=20).body, range(400)))

    assert answers == [BODY] * 400


def test_a_forked_child_opens_its_own_connections():
    with raw_server(keep_answering) as server:
        ask(server)
        child = os.fork()
        if child == 0:
            try:
                ask(server)
                os._exit(0)
            except BaseException:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        ask(server)

    assert os.waitstatus_to_exitcode(status) == 0
    assert server.connections == 2


# --- Certificates ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority():
    return Authority()


def test_a_certificate_of_a_trusted_authority_is_accepted_and_the_connection_kept(authority, tmp_path):
    http.tls_context().load_verify_locations(cadata=authority.pem)
    with raw_server(keep_answering, tls=authority.server_context(tmp_path)) as server:
        assert ask(server).body == BODY
        assert ask(server).body == BODY

    assert server.connections == 1


def test_an_extra_answer_over_tls_does_not_reach_the_next_look(authority, tmp_path):
    http.tls_context().load_verify_locations(cadata=authority.pem)
    with raw_server(lambda v: keep_answering(v, ok(BODY) + ok(b"other")), tls=authority.server_context(tmp_path)) as server:
        assert [ask(server).body for _ in range(3)] == [BODY] * 3


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"names": ("evo.example.com",)}, "mismatch"),
        ({"for_days": (-10, -1)}, "expired"),
        ({"for_days": (1, 10)}, "not yet valid"),
    ],
    ids=["another name", "expired", "not yet valid"],
)
def test_a_certificate_that_does_not_fit_is_refused_and_the_key_is_not_sent(authority, tmp_path, options, word):
    http.tls_context().load_verify_locations(cadata=authority.pem)
    with raw_server(keep_answering, tls=authority.server_context(tmp_path, **options)) as server:
        failure, _ = timed(server)

    assert isinstance(failure, http.BadCertificate)
    assert word in failure.detail
    assert server.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(authority, tmp_path, monkeypatch):
    (tmp_path / "ca.pem").write_text(authority.pem)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(variable, str(tmp_path / "ca.pem"))
    with raw_server(keep_answering, tls=authority.server_context(tmp_path)) as server, pytest.raises(http.BadCertificate):
        ask(server)


def test_plain_http_on_the_tls_port_is_a_matter_of_the_certificate():
    with raw_server(lambda v: v.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server, pytest.raises(http.BadCertificate):
        ask(server.url.replace("http", "https"))


# --- Names and addresses -----------------------------------------------------------------------------------------


def test_the_name_goes_into_the_certificate_check_and_the_checked_address_is_dialled(authority, tmp_path, names):
    http.tls_context().load_verify_locations(cadata=authority.pem)
    names["evo.example.com"] = ["127.0.0.1"]
    with raw_server(keep_answering, tls=authority.server_context(tmp_path, names=("evo.example.com",))) as server:
        assert ask(f"https://evo.example.com:{server.port}/").body == BODY

    assert b"\r\nHost: evo.example.com:%d\r\n" % server.port in server.requests[0]


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]]
)
def test_a_tenants_name_that_leads_inside_is_refused_whatever_else_it_says(names, answers):
    names["evil.example"] = answers
    with raw_server(keep_answering) as server, pytest.raises(http.AddressRefused) as refusal:
        ask(f"http://evil.example:{server.port}/", operator_owned=False)

    assert refusal.value.host == "evil.example"
    assert server.connections == 0


def test_a_tenants_localhost_is_refused(settings):
    settings.EVOLUTION_LOCALHOST_ALIAS = "127.0.0.1"
    with raw_server(keep_answering) as server, pytest.raises(http.AddressRefused):
        ask(f"http://localhost:{server.port}/", operator_owned=False)


def test_the_operators_localhost_leads_to_the_alias(settings, names):
    settings.EVOLUTION_LOCALHOST_ALIAS = "docker.internal"
    names["docker.internal"] = ["127.0.0.1"]
    with raw_server(keep_answering) as server:
        assert ask(f"http://localhost:{server.port}/").status == 200


def test_a_name_that_changes_its_address_is_checked_at_each_connection(names):
    names["rebind.example"] = ["1.1.1.1"]
    resolver.resolve("rebind.example", seconds=5)
    http.forget()
    names["rebind.example"] = ["127.0.0.1"]

    with raw_server(keep_answering) as server, pytest.raises(http.AddressRefused):
        ask(f"http://rebind.example:{server.port}/", operator_owned=False)


def test_a_name_is_resolved_once_and_what_was_checked_is_what_is_dialled(names):
    answers = iter([["127.0.0.1"], ["169.254.169.254"], ["169.254.169.254"]])
    names["rebind.example"] = lambda: next(answers)
    with raw_server(lambda v: v.answer(ok(BODY, b"Connection: close"))) as server:
        assert [ask(f"http://rebind.example:{server.port}/").status for _ in range(3)] == [200] * 3

    assert len(list(answers)) == 2


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no such name"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "resolver gone"),
        (UnicodeError("label too long"), "no such name"),
        (RuntimeError("surprise"), "resolver gone"),
    ],
)
def test_a_name_without_an_address_has_its_own_detail(names, error, detail):
    names["gone.example"] = error

    assert timed("http://gone.example/")[0].detail == detail


@pytest.mark.parametrize("addresses", [["127.0.0.1", "::1"], ["::1", "127.0.0.1"]])
def test_where_this_machine_has_no_way_to_one_address_the_other_one_says_what_is_wrong(names, monkeypatch, addresses):
    names["two.example"] = addresses
    really_connect = wire._connect

    def connect_without_ipv6(address, port, seconds):
        if ":" in address:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return really_connect(address, port, seconds)

    monkeypatch.setattr(wire, "_connect", connect_without_ipv6)

    assert timed("http://two.example:9/")[0].detail == "refused"


@pytest.mark.parametrize("answers", [["127.0.0.2", "127.0.0.1"], ["::1", "127.0.0.1"]], ids=["IPv4 twice", "IPv6 dead"])
def test_the_address_that_lives_is_used_and_remembered(names, answers):
    names["two.example"] = answers
    with raw_server(lambda v: v.answer(ok(BODY, b"Connection: close"))) as server:
        assert ask(f"http://two.example:{server.port}/").status == 200

    assert resolver.resolve("two.example", seconds=1)[0] == "127.0.0.1"
