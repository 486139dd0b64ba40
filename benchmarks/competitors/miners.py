"""Runs in the competitors' environment: groups lines with another template miner.

python miners.py MINER MASK < REQUESTS

Each line of REQUESTS is a JSON list of messages; each line of the answer is a JSON list: the seconds of CPU
time, and the group of each message. MINER is `drain3` or `tipping`; MASK is an expression, or empty for none.
"""

import json
import sys
import time
from collections.abc import Callable


def drain3(messages: list[str], mask: str) -> list[object]:
    from drain3 import TemplateMiner  # type: ignore[import-not-found]
    from drain3.masking import MaskingInstruction  # type: ignore[import-not-found]
    from drain3.template_miner_config import TemplateMinerConfig  # type: ignore[import-not-found]

    config = TemplateMinerConfig()
    config.profiling_enabled = False
    config.masking_instructions = [MaskingInstruction(mask, "*")] if mask else []
    miner = TemplateMiner(config=config)
    return [miner.add_log_message(message)["cluster_id"] for message in messages]


def tipping(messages: list[str], mask: str) -> list[object]:
    import tipping as library  # type: ignore[import-not-found]

    found = library.parse(
        messages, special_blacks=[mask] if mask else None, return_templates=False, return_masks=False
    )
    return list(found[0] if isinstance(found, tuple) else found)


MINERS: dict[str, Callable[[list[str], str], list[object]]] = {"drain3": drain3, "tipping": tipping}

if __name__ == "__main__":
    for line in sys.stdin:
        messages = json.loads(line)
        start = time.process_time()
        groups = MINERS[sys.argv[1]](messages, sys.argv[2])
        print(json.dumps([time.process_time() - start, groups]), flush=True)
