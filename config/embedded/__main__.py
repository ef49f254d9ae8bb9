"""What start.py hands over to: `run PORT SIMULATOR_PORT`, `empty PORT`, `exec COMMAND...`, `manage ARGUMENTS...`."""

import sys

import environ

from config.embedded import attached, command, demo, home
from config.embedded.terminal import Problem


def main(mode: str, *arguments: str) -> int:
    environ.Env.read_env(home.ROOT / ".env")  # as the settings do: what stands there is given too
    if mode == "manage":
        attached.manage(list(arguments))
    if mode == "exec":
        return command.run(list(arguments))
    if mode == "empty":
        return demo.run_empty(int(*arguments))
    port, simulator_port = arguments
    return demo.run(int(port), int(simulator_port))


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Problem as problem:
        sys.exit(f"Vigia: {problem}")
    except KeyboardInterrupt:  # before the supervisor listens
        sys.exit(130)
    except OSError as error:
        sys.exit(
            f"Vigia: não consigo usar {error.filename or 'um recurso do sistema'} ({error.strerror}). "
            "Copie o projeto para uma pasta sua ou ajuste o dono dos arquivos e tente de novo."
        )
