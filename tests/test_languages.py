"""Portuguese is complete, says what was agreed, and what is compiled is what is written."""

import ast
import gettext
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as now

from incidents.causes import CAUSES
from incidents.models import Incident

ROOT = Path(settings.BASE_DIR)
CATALOGUE = Path("locale/pt_BR/LC_MESSAGES/django.po")
NO_TEXTS_OF_OURS = [".*", "var", "tests", "bench", "docs", "static", "staticfiles", "__pycache__"]
FILLED_IN = re.compile(r"\{\w*\}|%\(\w+\)[sd]")

TITLES = {
    "connected": "Conectado",
    "not_verifiable": "Número da API oficial",
    "not_looked_at": "Ainda não verificado",
    "reconnecting": "Reconectando ao WhatsApp",
    "stuck_connecting": "Reconexão travada",
    "starting": "Conexão sendo carregada",
    "awaiting_scan": "Aguardando a leitura do QR code",
    "logged_out": "O sistema foi desconectado deste WhatsApp",
    "logged_out_by_command": "A conexão foi encerrada pelo sistema",
    "banned": "O WhatsApp bloqueou ou restringiu este número",
    "qr_expired": "O QR code expirou",
    "never_paired": "Número ainda não conectado",
    "network_lost": "O servidor está sem contato com o WhatsApp",
    "replaced": "Duas conexões disputam este número",
    "reason_unknown": "Desconectado, motivo não informado",
    "not_loaded": "O servidor não carregou este número",
    "server_unreachable": "O servidor de mensagens está fora do ar",
    "server_error": "O servidor de mensagens está com erro",
    "key_rejected": "O servidor recusou a chave de acesso",
    "instance_missing": "Este número não está mais no servidor",
    "wrong_address": "O endereço não é de um servidor Evolution",
    "invalid_answer": "Resposta inesperada do servidor",
    "unknown_state": "Resposta inesperada do servidor",
    "certificate": "Certificado do servidor inválido",
    "address_refused": "Endereço não permitido",
    "zombie": "Parece conectado, mas não envia",
    "unstable": "Conexão instável",
    "wrong_number": "Conectado com outro número",
}
KINDS = {
    "disconnected": "Desconexão",
    "qr_pending": "QR pendente",
    "error": "Falha no servidor",
    "connecting": "Reconexão lenta",
    "unstable": "Instabilidade",
    "server_down": "Servidor fora",
}
ROLES_OF_TEXTS = ["title", "clinic_step", "button_step", "operator_step", "bare_operator_step"]
SENTENCES = [
    pytest.param(getattr(cause, role), id=f"{cause.code}-{role}")
    for cause in CAUSES.values()
    for role in ROLES_OF_TEXTS
    if isinstance(getattr(cause, role), Promise)  # the rest is empty, or only filled in
]
FOR_CLINICS = [sentence for sentence in SENTENCES if not sentence.id.endswith("operator_step")]


# --- Complete ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("xgettext"), reason="xgettext is missing: install Debian's gettext")
def test_the_catalogue_holds_every_text_of_the_code_and_no_other(tmp_path):
    shutil.copytree(ROOT, tmp_path, ignore=shutil.ignore_patterns(*NO_TEXTS_OF_OURS), dirs_exist_ok=True)

    make = [sys.executable, "-m", "django", "makemessages", "-l", "pt_BR", "--no-location", "--no-wrap"]
    subprocess.run(make, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, check=True, capture_output=True)

    found, kept = ids_of(tmp_path / CATALOGUE), ids_of(ROOT / CATALOGUE)
    assert (found - kept, kept - found) == (set(), set()), "run makemessages, translate, run compilemessages"


def test_every_text_is_translated_and_none_is_doubtful_or_left_over():
    entries = read(ROOT / CATALOGUE)

    assert len(entries) > 200
    assert [entry for entry in entries if entry.is_fuzzy or entry.is_obsolete or not all(entry.texts)] == []


def test_a_translation_fills_in_the_same_words():
    def differs(entry) -> bool:
        originals = [entry.id, entry.plural or entry.id]
        return any(filled_in(text) != filled_in(original) for text, original in zip(entry.texts, originals, strict=False))

    assert [entry for entry in read(ROOT / CATALOGUE) if differs(entry)] == []


def test_what_is_compiled_is_what_is_written():
    with (ROOT / CATALOGUE).with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog

    compiled.pop("")  # the header
    assert compiled == {key: text for entry in read(ROOT / CATALOGUE) for key, text in entry.compiled()}, "run compilemessages"


# --- In the agreed words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CAUSES)
def test_a_cause_has_the_agreed_title(code):
    with translation.override("pt-br"):
        assert str(CAUSES[code].title) == TITLES[code]


@pytest.mark.parametrize("kind", Incident.Kind)
def test_a_kind_of_incident_has_the_agreed_label(kind):
    with translation.override("pt-br"):
        assert str(kind.label) == KINDS[kind]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_cause_reads_otherwise_in_portuguese_and_fills_in_the_same_words(sentence):
    english, portuguese = said(sentence, "en"), said(sentence, "pt-br")

    assert portuguese != english
    assert filled_in(portuguese) == filled_in(english)


@pytest.mark.parametrize("sentence", FOR_CLINICS)
def test_a_clinic_never_reads_the_engines_words(sentence):
    assert re.findall(r"(?i)\b(?:canal|canais|instância|sessão|sessões|gateway)", said(sentence, "pt-br")) == []


def test_our_word_wins_over_djangos():
    with translation.override("pt-br"):
        assert now("Unknown") == "Não verificado"


def test_who_asks_for_no_language_is_spoken_to_in_portuguese():
    assert settings.LANGUAGE_CODE == "pt-br"


# --- Helpers -------------------------------------------------------------------------------------------------------


def said(sentence: Promise, language: str) -> str:
    with translation.override(language):
        return str(sentence)


def filled_in(text: str) -> list[str]:
    return sorted(FILLED_IN.findall(text))


@dataclass
class Entry:
    """One text of a .po file: its id (with the context before it, if any) and its translations, two where it has a plural."""

    context: str = ""
    id: str = ""
    plural: str = ""
    texts: list[str] = field(default_factory=list)
    is_fuzzy: bool = False
    is_obsolete: bool = False

    def compiled(self) -> list[tuple]:
        """Its keys and texts as `gettext` keeps them."""
        key = f"{self.context}\x04{self.id}" if self.context else self.id
        if self.plural:
            return [((key, number), text) for number, text in enumerate(self.texts)]
        return [(key, self.texts[0])]


def read(path: Path) -> list[Entry]:
    """Every entry but the header."""
    return [
        entry for block in re.split(r"\n{2,}", path.read_text().strip()) if (entry := _entry(block)).id or entry.is_obsolete
    ]


def ids_of(path: Path) -> set[tuple[str, str, str]]:
    return {(entry.context, entry.id, entry.plural) for entry in read(path) if not entry.is_obsolete}


def _entry(block: str) -> Entry:
    entry = Entry(is_obsolete="#~" in block, is_fuzzy=bool(re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE)))
    for keyword, quoted in re.findall(r'^(msg\w+(?:\[\d\])?) ((?:".*"\n?)+)', block, re.MULTILINE):
        text = "".join(ast.literal_eval(line) for line in quoted.splitlines())
        match keyword:
            case "msgctxt":
                entry.context = text
            case "msgid":
                entry.id = text
            case "msgid_plural":
                entry.plural = text
            case _:
                entry.texts.append(text)
    return entry
