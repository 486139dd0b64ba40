#!/usr/bin/env bash
# Package:   promtool of prometheus 2.42.0+ds-5+deb12u1 (Debian 12)
# Behaviour: a unit test that expects no alert (exp_alerts: []) passes for an alert name that no rule has. A typing
#            error in the name turns the test that guards against false alarms into one that can never fail.
# Seen:      `alertname: QueueStaled` passes while QueueStalled fires; the right name fails.
# Guessed:   an alert name that occurs in none of the rule files is an error of the test.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# apt-get drops its rights for a download, and then needs to write here.
chmod 755 . && { chown _apt . 2> apt.log || true; }
apt-get download -qq prometheus=2.42.0+ds-5+deb12u1
dpkg -x prometheus_*.deb .
cat > rules.yml <<'YAML'
groups:
  - name: intake
    rules:
      - {alert: QueueStalled, expr: queue_messages > 0, for: 5m}
YAML
outcome() {
  cat > test.yml <<YAML
rule_files: [rules.yml]
tests:
  - interval: 1m
    input_series: [{series: queue_messages, values: "3x10"}]
    alert_rule_test: [{eval_time: 8m, alertname: $1, exp_alerts: []}]
YAML
  if usr/bin/promtool test rules test.yml > log 2>&1; then echo passes; else echo fails; fi
}
right=$(outcome QueueStalled)
misspelt=$(outcome QueueStaled)
echo "'no alert is expected' $right for QueueStalled, and $misspelt for QueueStaled"
[ "$right $misspelt" = "fails passes" ] || { echo "changed: expected 'fails' and 'passes'" >&2; exit 1; }
echo "unchanged"
