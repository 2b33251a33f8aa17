"""Adds the commands of this application to `flask`."""

from flask import Flask

from commands.data import backup, purge, restore
from commands.doctor import doctor
from commands.ocr import ocr


def add_commands(app: Flask) -> None:
    for command in (purge, backup, restore, ocr, doctor):
        app.cli.add_command(command)
