import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import tenants.models
from django.conf import settings
from django.db import migrations, models
from tenants import walls


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Tenant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('slug', models.SlugField(unique=True, verbose_name='short name in addresses')),
                ('time_zone', models.CharField(default='America/Sao_Paulo', max_length=64, validators=[tenants.models.is_time_zone], verbose_name='time zone')),
                ('is_active', models.BooleanField(default=True, help_text="An inactive clinic's numbers are not watched.", verbose_name='active')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
            ],
            options={
                'verbose_name': 'clinic',
                'verbose_name_plural': 'clinics',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='e-mail')),
                ('name', models.CharField(blank=True, max_length=120, verbose_name='name')),
                ('language', models.CharField(choices=[('pt-br', 'Português'), ('en', 'English')], default='pt-br', max_length=10, verbose_name='language')),
                ('is_saas_admin', models.BooleanField(default=False, help_text='Sees every clinic, and this site.', verbose_name='operator')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
            ],
            options={
                'verbose_name': 'person',
                'verbose_name_plural': 'people',
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='email_is_lower_case')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('tenant_admin', 'Owner'), ('clinic_admin', 'Administrator'), ('staff', 'Staff')], max_length=16, verbose_name='role')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL, verbose_name='person')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='tenants.tenant', verbose_name='clinic')),
            ],
            options={
                'verbose_name': 'membership',
                'verbose_name_plural': 'memberships',
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('user', 'tenant'), name='one_membership_per_user_and_tenant'), models.CheckConstraint(condition=models.Q(('role__in', ['tenant_admin', 'clinic_admin', 'staff'])), name='membership_role_is_known')],
            },
        ),
        walls.wall("tenants_membership", seen_by_a_tenant=walls.OF_MY_TENANT_OR_ME, written_by=walls.OPERATOR_WRITES),
    ]
