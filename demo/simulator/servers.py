"""A simulated server, and the moods it can be in."""

from dataclasses import dataclass, field

from demo.simulator.phones import Phone

SLOW_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Mood:
    button: str  # what the control page offers
    seen_as: str  # what it says afterwards
    tone: str = "danger"
    rare: bool = False  # the page offers it behind "Outras situações"


MOODS: dict[str, Mood] = {
    "up": Mood("Voltar ao normal", "No ar", "success"),
    "down": Mood("Derrubar", "Fora do ar"),
    "slow": Mood("Deixar lento", "Lento", "warning"),
    "hanging": Mood("Congelar", "Não responde"),
    "database_down": Mood("Derrubar o banco", "Banco de dados fora", rare=True),
    "wrong_key": Mood("Trocar a chave", "Recusa a chave"),
    "nonsense": Mood("Responder outra coisa", "Não parece um Evolution", rare=True),
    "loading": Mood("Reiniciar sem carregar", "Carregando os números", "info", rare=True),
    "sessions_down": Mood("Derrubar as sessões", "Sessões fora", rare=True),
    "bad_gateway": Mood("Proxy com erro 502", "Proxy com erro", rare=True),
    "asked_to_wait": Mood("Pedir espera (429)", "Pede espera", "warning", rare=True),
}


@dataclass(slots=True)
class Server:
    number: int
    name: str
    key: str  # the global one
    phones: dict[str, Phone] = field(default_factory=dict)
    mood: str = "up"
    seconds: float = SLOW_SECONDS  # how slow it is while `slow`; how long it asks to wait while `asked_to_wait`
    base_url: str = ""  # empty until its port is bound

    def phone_at(self, name: str) -> Phone | None:
        """Return the phone whose instance exists."""
        phone = self.phones.get(name)
        return phone if phone and phone.exists else None

    def loaded(self, name: str) -> bool:
        """Return whether its memory holds the instance."""
        phone = self.phone_at(name)
        return bool(phone and phone.memory) and self.mood != "loading"

    def takes_global(self, key: str | None) -> bool:
        return self.mood != "wrong_key" and key == self.key
