"""Where Cloud Functions looks for its functions: https://docs.cloud.google.com/run/docs/write-functions.

The build installs requirements.txt, and takes this folder as it is: LogLeap itself is imported from `src`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "src"))

from logleap.entrypoints.pubsub.functions import api, sweep, train

__all__ = ["api", "sweep", "train"]
