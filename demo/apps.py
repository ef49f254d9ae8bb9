"""What exists only for demonstration and tests: installed with DEBUG alone."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "demo"
    label = "demo"
