"""Options of several commands."""

import click

BACKEND_METAVAR = "memory|local|gcp|package.module:function"
BACKEND = click.option("--backend", metavar=BACKEND_METAVAR, help="Where everything is kept (default local).")
DATA_DIR = click.option("--data-dir", metavar="FOLDER", help="The folder of the local backend.")
