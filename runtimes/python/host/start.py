"""Starts the host. A script, and no `python -m`: that would import modules from the working folder, where a version's files may lie."""

from pilothouse_host.main import run

run()
