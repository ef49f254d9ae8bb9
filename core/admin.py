"""What Vigia's administration pages share: nothing is deleted, and what the watch writes is read only. And beat's schedule."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django_celery_beat import admin as beat
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget


class KeptAdmin(ModelAdmin):
    """Settings: a person adds and changes them, and archives instead of deleting."""

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


class ReadOnlyAdmin(KeptAdmin):
    """State and history: the service alone writes them."""

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


# --- django-celery-beat's own pages, in the same look ---------------------------------------------------------------


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """The tasks that exist, drawn as all other choices are."""


class PeriodicTaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["regtask"].widget = TaskSelect()
        self.fields["task"].widget = UnfoldAdminTextInputWidget()


# Its only label that no translation reaches; its migrations do not see what is said here.
PeriodicTask._meta.get_field("task").verbose_name = _("Task Name")


def _without(left_out: str, fieldsets) -> list:
    return [(title, kept | {"fields": [name for name in kept["fields"] if name != left_out]}) for title, kept in fieldsets]


class PeriodicTaskAdmin(ModelAdmin, beat.PeriodicTaskAdmin):
    form = PeriodicTaskForm
    change_form_template = None  # its own brings an inline script for the sake of crontabs, and another look
    list_display = ["name", "enabled", "rhythm", "start_time", "last_run_at", "one_off"]
    fieldsets = _without("crontab_translation", beat.PeriodicTaskAdmin.fieldsets)
    readonly_fields = ["last_run_at"]

    @admin.display(description=_("Schedule"))
    def rhythm(self, task: PeriodicTask):
        return task.scheduler


class CrontabScheduleAdmin(ModelAdmin, beat.CrontabScheduleAdmin):
    """Without the reading of a crontab in words: it knows English alone."""

    list_display = ["__str__"]
    fields = ["minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone"]
    readonly_fields = []


_LOOKS = {
    PeriodicTask: PeriodicTaskAdmin,
    IntervalSchedule: beat.IntervalScheduleAdmin,
    CrontabSchedule: CrontabScheduleAdmin,
    SolarSchedule: beat.SolarScheduleAdmin,
    ClockedSchedule: beat.ClockedScheduleAdmin,
}
for model, theirs in _LOOKS.items():
    admin.site.unregister(model)
    admin.site.register(model, theirs if issubclass(theirs, ModelAdmin) else type(theirs.__name__, (ModelAdmin, theirs), {}))
