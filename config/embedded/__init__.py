"""The embedded stores and the process runner behind `start.py`: for demonstration and tests, never for production.

`__main__` is what start.py hands over to: `demo` runs the demonstration, `command` any command beside throw-away stores.
`stores` gives them PostgreSQL and Valkey, embedded or given, in a folder of their own (`home`); `checks` comes before.
`supervisor` starts, watches and restarts children; `watchdog`, a process apart, stops all of them however we end.
"""
