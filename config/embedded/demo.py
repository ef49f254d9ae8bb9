"""The demonstration: what is done once, what is kept running, and what the person reads then."""

import socket
import sys
from pathlib import Path

from config.embedded import attached, checks, home, stores
from config.embedded.supervisor import Child, Stopped, Supervisor, ending
from config.embedded.terminal import Problem, say
from demo.fleet import SERVERS
from demo.logins import DEMO_LOGINS

# Done once at each start, in this order: the line on the terminal, the log's name, the command.
STEPS = (
    ("Atualizando o banco de dados…", "migrate", "{python} manage.py migrate --no-input"),
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
    ("beat", "{python} -m celery -A config beat --max-interval 5"),
)


def run(port: int, simulator_port: int) -> int:
    stores.check_given()
    place = home.demo()
    _check_ports(port, simulator_port)
    urls = {"site_url": f"http://127.0.0.1:{port}", "simulator_url": f"http://127.0.0.1:{simulator_port}"}
    words = {"python": sys.executable, "port": port, "simulator_port": simulator_port, **urls}
    with Supervisor(place.lock) as supervisor:
        try:
            env = stores.start(place, supervisor, SITE_URL=urls["site_url"], EVOLUTION_ALLOWED_HOSTS="127.0.0.0/8")
            attached.leave_environment(place.folder, env)
            _start(supervisor, place, env, words)
            say(screen(log=place.log, **urls))
            supervisor.wait_until(lambda: False)
        except Stopped:
            return 0


def _check_ports(port: int, simulator_port: int) -> None:
    # The simulator's own page, then one port for each of its servers.
    simulator_ports = range(simulator_port, simulator_port + len(SERVERS) + 1)
    if port in simulator_ports:
        raise Problem(f"o simulador usa as portas {simulator_port} a {simulator_ports[-1]}; escolha outra com --port.")
    checks.port_is_free(port, "--port")
    for one in simulator_ports:
        checks.port_is_free(one, "--simulator-port")


def _start(supervisor: Supervisor, place: home.Home, env: dict[str, str], words: dict) -> None:
    def child(name: str, command: str) -> Child:
        argv = [word.format(**words) for word in command.split()]
        return Child(name=name, argv=argv, env=env, cwd=home.ROOT, log=place.log / f"{name}.log")

    for line, name, command in STEPS:
        say(line)
        step = child(name, command)
        supervisor.start(step)
        if code := supervisor.finish(step):
            raise Problem(f"{name} falhou ({ending(code)}): {step.last_words()} Registro: {step.log}")
    say("Iniciando a página, o simulador, o worker e o beat…")
    ready = {"web": lambda: _answers(words["port"]), "simulator": lambda: _answers(words["simulator_port"])}
    processes = [child(name, command) for name, command in PROCESSES]
    for process in processes:
        supervisor.start(process)
    for process in processes:
        supervisor.keep(process, ready=ready.get(process.name, lambda: True))


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
    1. No simulador, desconecte um telefone.
    2. No admin, veja o incidente abrir em até 3 minutos.
    3. No simulador, pareie o telefone de novo: o incidente se resolve sozinho.
    Em outro terminal: python3 start.py manage check_channels --all   (verifica tudo agora)
                       python3 start.py manage verify_ledger          (confere os registros)

  Registros em {log}
  Ctrl-C encerra tudo; os dados ficam para a próxima vez.
"""
