"""Options of several commands."""

import click

BACKEND = click.option("--backend", metavar="memory|local|gcp", help="Where everything is kept.")
DATA_DIR = click.option("--data-dir", metavar="FOLDER", help="Where the local backend keeps its file.")
