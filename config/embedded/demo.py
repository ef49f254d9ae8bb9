"""The demonstration, or an empty Vigia: what is done once, what is kept running, and what the person reads then."""

import contextlib
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from getpass import getpass
from pathlib import Path
from typing import NamedTuple

from config.embedded import attached, checks, home, stores
from config.embedded.supervisor import Child, Stopped, Supervisor, ending
from config.embedded.terminal import Problem, say
from demo.fleet import SERVERS
from demo.logins import DEMO_LOGINS

# Done once at each start, in this order: the line on the terminal, the log's name, the command.
MIGRATE = ("Atualizando o banco de dados…", "migrate", "{python} manage.py migrate --no-input")
STEPS = (
    MIGRATE,
    ("Criando os dados de demonstração…", "seed_demo", "{python} manage.py seed_demo --simulator-url {simulator_url}"),
)

# Kept running: the name in messages and logs, the command.
PROCESSES = (
    ("simulator", "{python} manage.py simulate_evolution --port {simulator_port}"),
    # No control socket: its default place is one file per user, which a second gunicorn would take over.
    (
        "web",
        "{python} -m gunicorn config.wsgi --worker-class gthread --threads 8 --workers 1 --bind 127.0.0.1:{port}"
        " --graceful-timeout 2 --no-control-socket",
    ),
    ("worker", "{python} -m celery -A config worker -Q watch -c 2 --without-gossip --without-mingle"),
    ("errands", "{python} -m celery -A config worker -Q errands -c 1 -n errands@%h --without-gossip --without-mingle"),
    ("beat", "{python} -m celery -A config beat --max-interval 5"),
)


OPERATOR_PASSWORD = "OPERATOR_PASSWORD"  # what add_operator reads it from: arguments are visible to everybody
NONE_YET = 3  # what add_operator --check ends with where there is no operator


def run(port: int, simulator_port: int) -> int:
    stores.check_given()
    place = home.kept("demo")
    _check_ports(port, simulator_port)
    urls = {"site_url": f"http://127.0.0.1:{port}", "simulator_url": f"http://127.0.0.1:{simulator_port}"}
    words = {"python": sys.executable, "port": port, "simulator_port": simulator_port, **urls}
    with Supervisor(place.lock) as supervisor:
        try:
            run = _begin(supervisor, place, words)
            for step in STEPS:
                run.step(*step)
            say("Iniciando a página, o simulador, o worker e o beat…")
            run.keep(PROCESSES)
            say(screen(log=place.log, **urls))
            supervisor.wait_until(lambda: False)
        except Stopped:
            return 0


def run_empty(port: int) -> int:
    """Without invented data and without the simulator. The first time the operator's e-mail and password are asked for."""
    stores.check_given()
    place = home.kept("empty")
    checks.port_is_free(port, "--port")
    words = {"python": sys.executable, "port": port, "site_url": f"http://127.0.0.1:{port}"}
    with Supervisor(place.lock) as supervisor:
        try:
            run = _begin(supervisor, place, words, VIGIA_EMPTY="1")
            run.step(*MIGRATE)
            if run.ends("operator", "{python} manage.py add_operator --check").code == NONE_YET:
                _ask_for_the_operator(run)
            say("Iniciando a página, o worker e o beat…")
            run.keep([process for process in PROCESSES if process[0] != "simulator"])
            say(empty_screen(words["site_url"], place.log))
            supervisor.wait_until(lambda: False)
        except Stopped:
            return 0


def _begin(supervisor: Supervisor, place: home.Home, words: dict, **defaults: str) -> "_Run":
    env = stores.start(place, supervisor, SITE_URL=words["site_url"], EVOLUTION_ALLOWED_HOSTS="127.0.0.0/8", **defaults)
    attached.leave_environment(place.folder, env)
    return _Run(supervisor, place, env, words)


def _ask_for_the_operator(run: "_Run") -> None:
    if not sys.stdin.isatty():
        raise Problem("ainda não há operador: rode start.py --empty num terminal, que pede o e-mail e a senha dele uma vez.")
    say("Ainda não há operador. Ele vê todas as clínicas e cadastra as demais pessoas.")
    while True:
        with _interruptible():
            try:
                email = input("  E-mail do operador: ").strip()
                password = getpass("  Senha: ")
            except EOFError:
                raise Stopped(signal.SIGINT) from None
        if not email or email.startswith("-"):
            continue
        argv = ["{python}", "manage.py", "add_operator", email.replace("{", "{{").replace("}", "}}")]
        ended = run.ends("operator", argv, **{OPERATOR_PASSWORD: password})
        if ended.code == 0:
            return
        say(f"  {ended.last_words.removeprefix('CommandError: ')}")


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let signals end a wait for the keyboard, which does not look whether somebody asked us to stop."""

    def stop(number: int, _frame: object) -> None:
        raise Stopped(number)

    ours = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


def _check_ports(port: int, simulator_port: int) -> None:
    # The simulator's own page, then one port for each of its servers.
    simulator_ports = range(simulator_port, simulator_port + len(SERVERS) + 1)
    if port in simulator_ports:
        raise Problem(f"o simulador usa as portas {simulator_port} a {simulator_ports[-1]}; escolha outra com --port.")
    checks.port_is_free(port, "--port")
    for one in simulator_ports:
        checks.port_is_free(one, "--simulator-port")


class _Ended(NamedTuple):
    code: int
    last_words: str
    log: Path


class _Run:
    """One run's children, with the words their commands need."""

    def __init__(self, supervisor: Supervisor, place: home.Home, env: dict[str, str], words: dict) -> None:
        self._supervisor, self._place, self._env, self._words = supervisor, place, env, words

    def step(self, line: str, name: str, command: str) -> None:
        say(line)
        ended = self.ends(name, command)
        if ended.code:
            raise Problem(f"{name} falhou ({ending(ended.code)}): {ended.last_words} Registro: {ended.log}")

    def ends(self, name: str, command: str | list[str], **variables: str) -> _Ended:
        child = self._child(name, command, **variables)
        self._supervisor.start(child)
        code = self._supervisor.finish(child)
        return _Ended(code, child.last_words() if code else "", child.log)

    def keep(self, processes: Iterable[tuple[str, str]]) -> None:
        ready = {name: partial(_answers, self._words.get(port)) for name, port in _PORTS.items()}
        children = [self._child(*process) for process in processes]
        for child in children:
            self._supervisor.start(child)
        for child in children:
            self._supervisor.keep(child, ready=ready.get(child.name, lambda: True))

    def _child(self, name: str, command: str | list[str], **variables: str) -> Child:
        given = command.split() if isinstance(command, str) else command
        argv = [word.format(**self._words) for word in given]
        return Child(name=name, argv=argv, env={**self._env, **variables}, cwd=home.ROOT, log=self._place.log / f"{name}.log")


_PORTS = {"web": "port", "simulator": "simulator_port"}


def _answers(port: int) -> bool:
    """Return whether an HTTP server says anything there: gunicorn takes connections before it can serve them."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            return bool(connection.recv(1))
    except OSError:
        return False


def screen(*, site_url: str, simulator_url: str, log: Path) -> str:
    width = max(len(email) for email, _, _ in DEMO_LOGINS)
    logins = "\n".join(f"    {email:<{width}}  senha {password}  ({who})" for email, password, who in DEMO_LOGINS)
    return f"""
Vigia está no ar. Demonstração: dados fictícios.

  Página      {site_url}/
  Admin       {site_url}/admin/
  Simulador   {simulator_url}/   (servidor Evolution de mentira)

  Entre com
{logins}

  Experimente
    1. Entre como ana@aurora.example: "Meu WhatsApp" mostra os números da clínica. Deixe a página aberta.
    2. No simulador, desconecte no celular um número da Clínica Aurora que está conectado. Em até 2 minutos a página diz
       sozinha que ele caiu, por quê e o que fazer ("Verificar agora" não espera); um minuto depois abre o incidente.
    3. "Avisos" ganha uma linha: ela leva ao incidente. Diga "Estou cuidando disso".
    4. No simulador, pareie o telefone de novo: a página volta a "Conectado" e o incidente se resolve sozinho.
    5. Entre como operador@vigia.example: a frota inteira numa página, "Verificar tudo agora", filtros e CSV.
       Derrube um servidor no simulador: é um só incidente, e cada clínica recebe um só aviso.
    Em outro terminal: python3 start.py manage check_channels --all   (verifica tudo agora)
                       python3 start.py manage verify_ledger          (confere os registros)

  Registros em {log}
  Ctrl-C encerra tudo; os dados ficam para a próxima vez.
"""


def empty_screen(site_url: str, log: Path) -> str:
    return f"""
Vigia está no ar, sem dados de demonstração.

  Página      {site_url}/
  Admin       {site_url}/admin/

  Para começar, no admin: cadastre uma clínica, as pessoas dela, um servidor Evolution e os números.

  Registros em {log}
  Ctrl-C encerra tudo; os dados ficam para a próxima vez.
"""
