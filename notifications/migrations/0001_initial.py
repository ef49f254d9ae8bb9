import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from tenants import walls


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('incidents', '0001_initial'),
        ('tenants', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('type', models.CharField(choices=[('system_alert', 'System alert')], default='system_alert', max_length=16, verbose_name='type')),
                ('event', models.CharField(choices=[('opened', 'Incident opened'), ('resolved', 'Incident resolved'), ('warning', 'Warning for the operator')], max_length=16, verbose_name='event')),
                ('title', models.CharField(max_length=200, verbose_name='title')),
                ('body', models.TextField(verbose_name='text')),
                ('link', models.CharField(blank=True, default='', max_length=200, verbose_name='link')),
                ('dedupe_key', models.CharField(max_length=80)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='written')),
                ('read_at', models.DateTimeField(null=True, verbose_name='read')),
                ('incident', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='notifications', to='incidents.incident', verbose_name='incident')),
                ('tenant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant', verbose_name='clinic')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notifications', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'notification',
                'verbose_name_plural': 'notifications',
                'ordering': ['-created_at', '-pk'],
                'constraints': [models.UniqueConstraint(fields=('user', 'dedupe_key'), name='each_person_is_told_once'), models.CheckConstraint(condition=models.Q(('incident', None), models.Q(('event', 'warning'), _negated=True), _connector='XOR'), name='only_a_warning_has_no_incident')],
            },
        ),
        walls.tie("notifications_notification", "tenant_id, incident_id", "incidents_incident", "tenant_id, id"),
        walls.wall("notifications_notification", seen_by_a_tenant=walls.OF_MY_TENANT_AND_ME, written_by=walls.SERVICE_WRITES),
    ]
