"""A secret at rest: encrypted in the database, revealed only where it is used, and never by accident.

The database, fixtures, forms, logs and tracebacks see the ciphertext or a mask. A value that cannot be
decrypted raises `UndecryptableSecret`; it never becomes an empty or half-read key.
"""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django import forms
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

MASK = "••••"


class UndecryptableSecret(Exception):
    """The stored ciphertext fits none of FIELD_ENCRYPTION_KEYS."""

    def __init__(self) -> None:
        super().__init__(
            "A stored secret fits none of FIELD_ENCRYPTION_KEYS: put the key it was written with back into the list."
        )


class Secret:
    """A sealed text. `str`, `repr` and formatting show a mask; `reveal()` is the one way in."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    @classmethod
    def seal(cls, text: str) -> "Secret":
        return cls(_box(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode()).decode())

    def reveal(self) -> str:
        """Return the plain text, or raise `UndecryptableSecret`."""
        return _open(self.token, _box(tuple(settings.FIELD_ENCRYPTION_KEYS)))

    def __str__(self) -> str:
        return MASK

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)


class WriteOnlyInput(forms.PasswordInput):
    """Never renders what is stored; an empty answer keeps it (see `EncryptedTextField.save_form_data`)."""

    def __init__(self, attrs: dict | None = None) -> None:
        super().__init__({"autocomplete": "new-password", **(attrs or {})}, render_value=False)


class WriteOnlyField(forms.CharField):
    """An empty answer is no change, in the form's eyes as well."""

    widget = WriteOnlyInput

    def has_changed(self, initial, data) -> bool:
        return bool(data)


class EncryptedTextField(models.TextField):
    """Holds a `Secret`, or "" where there is none. A plain `str` that is assigned gets sealed when it is saved."""

    description = _("Encrypted text")

    def from_db_value(self, value, expression, connection):
        return Secret(value) if value else value

    def get_prep_value(self, value):
        if not value or isinstance(value, Secret):
            return value.token if value else value
        return Secret.seal(str(value)).token

    def to_python(self, value):
        return value  # a form's plain text and a Secret both pass as they are

    def value_to_string(self, obj) -> str:
        return ""  # fixtures carry no secret, not even an encrypted one

    def formfield(self, **kwargs):
        # The admin proposes its textarea for every text field: ours comes last.
        ours = {"form_class": WriteOnlyField, "widget": WriteOnlyInput, "required": False}
        return super().formfield(
            **{**kwargs, **ours, "help_text": self.help_text or _("Leave empty to keep the stored value.")}
        )

    def save_form_data(self, instance, data) -> None:
        if data:  # left empty: keep what is stored
            super().save_form_data(instance, data)


@lru_cache(maxsize=8)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


# A sweep reveals the same few server keys thousands of times. The keys themselves are no local of a frame that can
# raise: an error report shows those.
@lru_cache(maxsize=4096)
def _open(token: str, box: MultiFernet) -> str:
    try:
        return box.decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise UndecryptableSecret from error
