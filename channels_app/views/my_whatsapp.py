"""The clinic's page: each number with its state, the way back, and seven days of history."""

from django.contrib.auth.decorators import login_required
from django.shortcuts import render


@login_required
def page(request):
    return render(request, "channels_app/my_whatsapp.html")
