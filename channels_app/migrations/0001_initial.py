import core.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from tenants import walls


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Pulse',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('last_tick_at', models.DateTimeField(verbose_name='last tick')),
                ('oldest_overdue_seconds', models.FloatField(verbose_name='oldest overdue look (seconds)')),
                ('channels_watched', models.IntegerField(verbose_name='numbers watched')),
            ],
            options={
                'verbose_name': 'pulse',
                'verbose_name_plural': 'pulse',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_pulse')],
            },
        ),
        migrations.CreateModel(
            name='Server',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('kind', models.CharField(choices=[('evolution', 'Evolution API')], default='evolution', max_length=16, verbose_name='kind')),
                ('base_url', models.CharField(help_text='For example https://evolution.example.com, without /manager.', max_length=255, verbose_name='address')),
                ('api_key', core.fields.EncryptedTextField(blank=True, verbose_name='access key')),
                ('archived_at', models.DateTimeField(blank=True, null=True, verbose_name='archived')),
                ('owner_key', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Coalesce('tenant_id', models.Value(0)), output_field=models.BigIntegerField())),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the operator's own server.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='servers', to='tenants.tenant', verbose_name='clinic')),
            ],
            options={
                'verbose_name': 'server',
                'verbose_name_plural': 'servers',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('server_owner', models.BigIntegerField(editable=False)),
                ('instance_name', models.CharField(max_length=255, verbose_name='instance name')),
                ('name', models.CharField(help_text='What people call this number, for example Reception.', max_length=80, verbose_name='name')),
                ('phone', models.CharField(blank=True, max_length=20, validators=[django.core.validators.RegexValidator('^\\+?[0-9 ()-]{8,20}$', 'Write the number with digits, for example +55 11 90000-0000.')], verbose_name='phone')),
                ('provider', models.CharField(choices=[('evolution_api', 'Evolution API'), ('other', 'Other, not watched')], default='evolution_api', max_length=16, verbose_name='provider')),
                ('own_token', core.fields.EncryptedTextField(blank=True, help_text="Optional; used instead of the server's key.", verbose_name='instance token')),
                ('is_active', models.BooleanField(default=True, verbose_name='watched')),
                ('alerts_enabled', models.BooleanField(default=True, verbose_name='warn when this number disconnects')),
                ('heartbeat_threshold_minutes', models.PositiveSmallIntegerField(default=5, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60)], verbose_name='warn after (minutes)')),
                ('archived_at', models.DateTimeField(blank=True, null=True, verbose_name='archived')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='channels', to='tenants.tenant', verbose_name='clinic')),
                ('server', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='channels', to='channels_app.server', verbose_name='server')),
            ],
            options={
                'verbose_name': 'number',
                'verbose_name_plural': 'numbers',
                'ordering': ['name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Sweep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='start')),
                ('channel', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='channels_app.channel', verbose_name='number')),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='asked by')),
                ('tenant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant', verbose_name='clinic')),
            ],
            options={
                'verbose_name': 'check on demand',
                'verbose_name_plural': 'checks on demand',
                'ordering': ['-started_at'],
            },
        ),
        migrations.CreateModel(
            name='Watch',
            fields=[
                ('channel', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='watch', serialize=False, to='channels_app.channel')),
                ('lease_until', models.DateTimeField(null=True)),
                ('look_no', models.BigIntegerField(db_default=0)),
                ('look_started_at', models.DateTimeField(null=True, verbose_name='last look began')),
                ('connection_status', models.CharField(choices=[('open', 'Connected'), ('connecting', 'Connecting'), ('qr_pending', 'QR pending'), ('disconnected', 'Disconnected'), ('error', 'Server error'), ('unknown', 'Unknown')], db_default='unknown', max_length=16, verbose_name='status')),
                ('cause', models.CharField(db_default='not_looked_at', max_length=32, verbose_name='cause')),
                ('raw_state', models.CharField(db_default='', max_length=32, verbose_name="server's word")),
                ('code', models.IntegerField(null=True, verbose_name='code')),
                ('status_since', models.DateTimeField(null=True, verbose_name='status since')),
                ('cause_since', models.DateTimeField(null=True, verbose_name='cause since')),
                ('last_open_at', models.DateTimeField(null=True, verbose_name='last seen connected')),
                ('paired_at', models.DateTimeField(null=True, verbose_name='first seen paired')),
                ('integration', models.CharField(db_default='', max_length=40)),
                ('owner_jid', models.CharField(db_default='', max_length=80)),
                ('seen_server', models.BigIntegerField(null=True)),
                ('seen_instance', models.CharField(db_default='', max_length=255)),
                ('first_unhealthy_at', models.DateTimeField(null=True, verbose_name='bad since')),
                ('bad_seconds', models.FloatField(db_default=0.0, verbose_name='observed bad seconds')),
                ('threshold_seconds', models.FloatField(null=True)),
                ('good_streak', models.PositiveSmallIntegerField(db_default=0)),
                ('good_since', models.DateTimeField(null=True)),
                ('run_readings', models.JSONField(db_default=models.Value([], models.JSONField()))),
                ('last_health_check', models.DateTimeField(null=True, verbose_name='last check')),
                ('last_verdict_at', models.DateTimeField(null=True, verbose_name='last verdict')),
                ('unseen_since', models.DateTimeField(null=True, verbose_name='unseen since')),
                ('next_look_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='next look')),
                ('requested_at', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'watch',
                'verbose_name_plural': 'watches',
            },
        ),
        migrations.CreateModel(
            name='ConnectionPeriod',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('open', 'Connected'), ('connecting', 'Connecting'), ('qr_pending', 'QR pending'), ('disconnected', 'Disconnected'), ('error', 'Server error'), ('unknown', 'Unknown')], max_length=16, verbose_name='status')),
                ('cause', models.CharField(max_length=32, verbose_name='cause')),
                ('started_at', models.DateTimeField(verbose_name='start')),
                ('ended_at', models.DateTimeField(null=True, verbose_name='end')),
                ('channel', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='periods', to='channels_app.channel', verbose_name='number')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'period',
                'verbose_name_plural': 'periods',
                'ordering': ['-started_at', '-pk'],
                'indexes': [models.Index(fields=['channel', 'started_at'], name='period_of_channel_by_start')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('channel',), name='one_open_period_per_channel'), models.CheckConstraint(condition=models.Q(('ended_at', None), ('ended_at__gte', models.F('started_at')), _connector='OR'), name='period_ends_after_its_start')],
            },
        ),
        migrations.AddConstraint(
            model_name='server',
            constraint=models.UniqueConstraint(fields=('id', 'owner_key'), name='server_and_its_owner'),
        ),
        migrations.AddIndex(
            model_name='channel',
            index=models.Index(fields=['tenant', 'name', 'id'], name='channel_of_tenant_by_name'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.UniqueConstraint(fields=('server', 'instance_name'), name='one_channel_per_instance'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='channel_and_its_tenant'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.CheckConstraint(condition=models.Q(('heartbeat_threshold_minutes__gte', 1), ('heartbeat_threshold_minutes__lte', 60)), name='threshold_from_1_to_60_minutes'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.CheckConstraint(condition=models.Q(('server_owner', 0), ('server_owner', models.F('tenant_id')), _connector='OR'), name='server_is_the_operators_or_its_own'),
        ),
        migrations.AddConstraint(
            model_name='sweep',
            constraint=models.CheckConstraint(condition=models.Q(('channel', None), ('tenant__isnull', False), _connector='OR'), name='sweep_of_a_channel_names_its_tenant'),
        ),
        migrations.AddConstraint(
            model_name='watch',
            constraint=models.CheckConstraint(condition=models.Q(('connection_status__in', ['open', 'connecting', 'qr_pending', 'disconnected', 'error', 'unknown'])), name='watch_status_is_known'),
        ),
        migrations.AddConstraint(
            model_name='watch',
            constraint=models.CheckConstraint(condition=models.Q(('bad_seconds__gte', 0)), name='bad_seconds_not_negative'),
        ),
        walls.tie("channels_app_channel", "server_id, server_owner", "channels_app_server", "id, owner_key"),
        walls.tie("channels_app_watch", "tenant_id, channel_id", "channels_app_channel", "tenant_id, id"),
        walls.tie("channels_app_connectionperiod", "tenant_id, channel_id", "channels_app_channel", "tenant_id, id"),
        walls.tie("channels_app_sweep", "tenant_id, channel_id", "channels_app_channel", "tenant_id, id"),
        walls.own_server_only("channels_app_channel"),
        walls.wall("channels_app_server"),
        walls.wall("channels_app_channel"),
        walls.wall("channels_app_watch", written_by=walls.SERVICE_WRITES),
        walls.wall("channels_app_connectionperiod", written_by=walls.SERVICE_WRITES),
        walls.wall("channels_app_sweep", written_by=walls.SERVICE_WRITES),
        # Six looks at 10,000 channels: 145 bytes of log a row and every update HOT, against 314 and 46 % with full pages and an index
        migrations.RunSQL("alter table channels_app_watch set (fillfactor = 60)", "alter table channels_app_watch reset (fillfactor)"),
    ]
