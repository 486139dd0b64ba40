"""A process that opens the file in a folder, and says so: opener.py FOLDER"""

import sys
from pathlib import Path

from logleap.adapters.local.sqlite.database import Database

database = Database(Path(sys.argv[1]))
database.check()
database.close()
print("opened")
