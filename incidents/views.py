"""The list of incidents, and one of them."""

from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, render

from incidents.models import Incident


@login_required
def incident_list(request):
    return render(request, "incidents/list.html")


@login_required
def incident(request, pk: int):
    return render(request, "incidents/detail.html", {"incident": get_object_or_404(Incident, pk=pk)})
