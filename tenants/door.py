"""Signing in: one door for clinics and operators, for the pages and the admin."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings


class Adapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request) -> bool:
        return False  # people are entered by the operator, later invited by their clinic

    def login(self, request, user) -> None:
        super().login(request, user)
        lasts = settings.OPERATOR_SESSION if user.is_saas_admin else settings.CLINIC_SESSION
        request.session.set_expiry(lasts)
