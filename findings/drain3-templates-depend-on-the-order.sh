#!/usr/bin/env bash
# Package:   drain3 0.9.11 and drain3-improved 0.10.0 (PyPI)
# Behaviour: the templates depend on the order in which the lines come: a template loses the words in which the lines
#            so far differ, so that an early line decides which later lines still fit. The same lines in another order
#            give another number of templates. Two trainings on the same data set agree only if they read it in the
#            same order.
# Seen:      the same 2,401 different lines: 7, 8 and 9 templates in three orders, alike in both packages.
# Guessed:   other numbers for the templates, but the same templates.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/mine.py" <<'PY'
import itertools
import sys

from drain3 import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig

WORDS = ("open", "shut", "idle", "busy", "warm", "cold", "slow")
lines = [f"robot arm {' '.join(words)}" for words in itertools.product(WORDS, repeat=4)]
orders = {f"step {step}": [lines[n * step % len(lines)] for n in range(len(lines))] for step in (1, 1009, 401)}
assert all(sorted(order) == sorted(lines) for order in orders.values())


def templates(order):
    miner = TemplateMiner(config=TemplateMinerConfig())
    for line in order:
        miner.add_log_message(line)
    return frozenset(cluster.get_template() for cluster in miner.drain.clusters)


found = {name: templates(order) for name, order in orders.items()}
for name, mined in found.items():
    print(f"{name}: {len(mined)} templates, for example {min(mined)!r}")
assert templates(orders["step 401"]) == found["step 401"], "the same order should give the same templates"
sys.exit(0 if [len(mined) for mined in found.values()] == [7, 8, 9] else "changed: other numbers of templates")
PY
for package in drain3==0.9.11 drain3-improved==0.10.0; do
  echo "$package"
  python3 -m venv --clear "$dir/venv"
  "$dir/venv/bin/pip" install -qq "$package"
  "$dir/venv/bin/python" "$dir/mine.py"
done
echo "unchanged"
