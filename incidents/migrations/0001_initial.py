import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import incidents.models
from django.conf import settings
from django.db import migrations, models
from tenants import walls


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('channels_app', '0001_initial'),
        ('tenants', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner_key', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Coalesce('tenant_id', models.Value(0)), output_field=models.BigIntegerField())),
                ('kind', models.CharField(choices=[('disconnected', 'Disconnection'), ('qr_pending', 'QR pending'), ('error', 'Server failure'), ('connecting', 'Slow reconnection')], max_length=16, verbose_name='kind')),
                ('cause', models.CharField(max_length=32, verbose_name='cause')),
                ('started_at', models.DateTimeField(verbose_name='start')),
                ('opened_at', models.DateTimeField(verbose_name='opened')),
                ('resolved_at', models.DateTimeField(null=True, verbose_name='end')),
                ('duration_seconds', models.GeneratedField(db_persist=True, expression=incidents.models.WholeSeconds(django.db.models.expressions.CombinedExpression(models.F('resolved_at'), '-', models.F('started_at'))), output_field=models.IntegerField(null=True))),
                ('resolution', models.CharField(blank=True, choices=[('recovered', 'Recovered'), ('switched_off', 'Watch switched off'), ('archived', 'Archived'), ('moved', 'Moved to another server or instance'), ('tenant_inactive', 'Clinic inactive'), ('not_verifiable', 'Can no longer be verified')], default='', max_length=16, verbose_name='resolution')),
                ('notified_at', models.DateTimeField(null=True, verbose_name='somebody was told')),
                ('readings', models.JSONField(default=list, verbose_name='readings before it opened')),
                ('channel', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to='channels_app.channel', verbose_name='number')),
                ('server', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to='channels_app.server', verbose_name='server')),
                ('tenant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to='tenants.tenant', verbose_name='clinic')),
            ],
            options={
                'verbose_name': 'incident',
                'verbose_name_plural': 'incidents',
                'ordering': ['-started_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='IncidentEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('opened', 'Opened'), ('cause_changed', 'Cause changed'), ('told', 'People were told'), ('resolved', 'Resolved')], max_length=16, verbose_name='kind')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('cause', models.CharField(blank=True, default='', max_length=32, verbose_name='cause')),
                ('event', models.CharField(blank=True, default='', max_length=16, verbose_name='what was told')),
                ('told', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None, verbose_name='who was told')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='incidents.incident', verbose_name='incident')),
                ('tenant', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
                'ordering': ['at', 'pk'],
            },
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['channel', 'started_at'], name='incident_of_channel_by_start'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('resolved_at', None)), fields=('channel',), name='one_open_incident_per_channel'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('resolved_at', None)), fields=('server',), name='one_open_incident_per_server'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='incident_and_its_tenant'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('channel__isnull', False), ('server', None), ('tenant__isnull', False)), models.Q(('channel', None), ('server__isnull', False)), _connector='OR'), name='incident_of_a_channel_or_of_a_server'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('opened_at__gte', models.F('started_at'))), name='incident_opened_after_start'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('resolved_at', None), ('resolved_at__gte', models.F('started_at')), _connector='OR'), name='incident_resolved_after_start'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('resolved_at', None), models.Q(('resolution', ''), _negated=True), _connector='XOR'), name='resolved_says_how'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['disconnected', 'qr_pending', 'error', 'connecting'])), name='incident_kind_is_known'),
        ),
        walls.tie("incidents_incident", "tenant_id, channel_id", "channels_app_channel", "tenant_id, id"),
        walls.tie("incidents_incident", "server_id, owner_key", "channels_app_server", "id, owner_key"),
        walls.tie("incidents_incidentevent", "tenant_id, incident_id", "incidents_incident", "tenant_id, id"),
        walls.wall("incidents_incident", written_by=walls.SERVICE_WRITES),
        walls.wall("incidents_incidentevent", written_by=walls.SERVICE_WRITES),
    ]
