"""What a clinic's admins may set about a number."""

from django import forms
from django.forms.models import construct_instance
from django.utils.translation import gettext_lazy as _

from channels_app.models import LEAST_MINUTES, MOST_MINUTES, Channel

MINUTES_SENTENCE = _("Write a number of minutes from 1 to 60.")


class _Setting(forms.ModelForm):
    """One setting of a number, saved alone: the others stay as somebody else may just have left them."""

    def _post_clean(self) -> None:
        # Not the model's clean(): it asks for the server, and a clinic does not see the operator's.
        construct_instance(self, self.instance)

    def save(self) -> Channel:
        self.instance.save(update_fields=list(self.fields))
        return self.instance


class AlertsForm(_Setting):
    class Meta:
        model = Channel
        fields = ("alerts_enabled",)


class ThresholdForm(_Setting):
    heartbeat_threshold_minutes = forms.IntegerField(
        min_value=LEAST_MINUTES,
        max_value=MOST_MINUTES,
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), MINUTES_SENTENCE),
    )

    class Meta:
        model = Channel
        fields = ("heartbeat_threshold_minutes",)
