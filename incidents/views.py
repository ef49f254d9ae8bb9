"""The list of incidents, and one of them: what happened, who acts, what people have done about it."""

from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from incidents import actions, moments, story
from incidents.history import Filters
from incidents.models import MOST_NOTE_CHARACTERS, Incident
from incidents.readings import clean_text
from incidents.story import Story
from tenants.door import signed_in
from tenants.local_time import in_the_clinics_time

PER_PAGE = 25


@signed_in
@require_safe
@in_the_clinics_time
def incident_list(request):
    filters = Filters(request.GET, for_operator=request.user.is_saas_admin)
    mine = Incident.objects.visible_to(request.user, request.membership and request.membership.tenant_id)
    mine = mine.counted() if filters.counts_servers_as_one else mine
    found = filters.apply(mine, now=timezone.now()).select_related("tenant", "channel", "server", "taken_by")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("pagina"))
    pages = page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
    now = timezone.now()
    taken = actions.taken_care_of(incident for incident in page if incident.resolved_at is None)
    for incident in page:
        incident.is_taken = incident.pk in taken
        incident.tone = story.KIND_TONES.get(incident.kind, "danger")
        incident.length = now - incident.started_at
        incident.began = f"{moments.short_date(incident.started_at, seen_from=now)} {moments.time(incident.started_at)}"
        incident.ended = incident.resolved_at and moments.written(incident.resolved_at, seen_from=incident.started_at)
    return render(request, "incidents/list.html", {"filters": filters, "page": page, "pages": pages})


@signed_in
@require_safe
def incident(request, pk: int):
    return _page(request, _find(request, pk))


@signed_in
@require_safe
def incident_now(request, pk: int):
    """What the page asks for while its incident is open: the parts that change, each for its place."""
    return _live(request, _find(request, pk))


@signed_in
@require_POST
def take(request, pk: int):
    return _act(request, pk, actions.take)


@signed_in
@require_POST
def false_alarm(request, pk: int):
    return _act(request, pk, actions.false_alarm)


@signed_in
@require_POST
def note(request, pk: int):
    typed = request.POST.get("nota", "").replace("\r\n", "\n").strip()
    text = "\n".join(clean_text(line, MOST_NOTE_CHARACTERS * 2) for line in typed.split("\n"))
    if text and len(text) <= MOST_NOTE_CHARACTERS:
        return _act(request, pk, actions.note, text)
    error = _("Write at most {n} characters.").format(n=MOST_NOTE_CHARACTERS) if text else _("Write what was seen or done.")
    found = _find(request, pk)
    if not Story(found, request.user, request.membership).may_act:
        return _act(request, pk, actions.note, text)  # the refusal is the action's
    show = _live if request.htmx else _page
    return show(request, found, note_error=error, note_text=text)


def _find(request, pk: int) -> Incident:
    """Another clinic's incident is not found, just as one that does not exist."""
    found = story.visible(request.user, request.membership).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _act(request, pk: int, deed, *what: str):
    _find(request, pk)
    deed(pk, *what, by=request.user, at=timezone.now())
    if not request.htmx:
        return redirect("incident", pk)
    is_note = deed is actions.note
    return _live(request, _find(request, pk), note_saved=is_note, acted=not is_note)


def _page(request, found: Incident, **context: object):
    return _render(request, "incidents/detail.html", found, **context)


def _live(request, found: Incident, **context: object):
    return _render(request, "incidents/_live.html", found, is_live=True, **context)


def _render(request, template: str, found: Incident, **context: object):
    with timezone.override(story.zone_of(found)):
        told = Story(found, request.user, request.membership)
        context |= {"story": told, "incident": found, "most": MOST_NOTE_CHARACTERS}
        return render(request, template, context)
