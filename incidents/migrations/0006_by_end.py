from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # made while incidents are being written

    dependencies = [
        ('incidents', '0005_index_of_follows'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='incident',
            index=models.Index(fields=['resolved_at'], include=['channel', 'tenant'], name='incident_by_end'),
        ),
    ]
