"""The operator's page: the whole fleet."""

from django.contrib.auth.decorators import login_required
from django.shortcuts import render


@login_required
def page(request):
    return render(request, "channels_app/overview.html")
