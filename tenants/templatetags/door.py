"""What the pages of signing in need: a form's control dressed as Bootstrap's, its error beside it, and whom to ask for help."""

from django import template
from django.conf import settings
from django.forms import CheckboxInput
from django.forms.boundfield import BoundField

register = template.Library()


@register.simple_tag
def control(field: BoundField, describes: str = "") -> str:
    """Draw a field's control. Its error stands below as `<id>-error`, its help as `<id>-help`."""
    css = "form-check-input" if isinstance(field.field.widget, CheckboxInput) else "form-control"
    field.field.widget.attrs.pop("placeholder", None)  # the label says it
    texts = [describes, f"{field.id_for_label}-help" if field.help_text else ""]
    attributes = {"class": css}
    if field.errors:
        attributes |= {"class": f"{css} is-invalid", "aria-invalid": "true"}
        texts.append(f"{field.id_for_label}-error")
    return field.as_widget(attrs=attributes | {"aria-describedby": " ".join(filter(None, texts)) or None})


@register.simple_tag
def support() -> dict[str, str]:
    """Whom to talk to, as far as the settings say it."""
    return {"name": settings.SUPPORT_NAME, "contact": settings.SUPPORT_CONTACT}
