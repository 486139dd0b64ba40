#!/usr/bin/env bash
# Package:   pino 10.4.0 (npm)
# Behaviour: stdTimeFunctions.unixTime rounds to the nearest second, so that half of the records carry a time that
#            has not come yet when they are written.
# Seen:      a record written 0.6 s into a second carries the next second.
# Guessed:   whole seconds are cut off, as `date +%s` does, so that a record is never from the future.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --prefix "$dir" pino@10.4.0
cat > "$dir/write.cjs" <<'JS'
const pino = require('pino')
let record
const log = pino({ timestamp: pino.stdTimeFunctions.unixTime }, { write: (line) => { record = JSON.parse(line) } })
function wait(from, to) {
  let part
  do { part = Date.now() % 1000 } while (part < from || part > to)
}
let ahead = 0
for (const [from, to] of [[550, 800], [50, 400]]) {
  wait(from, to)
  log.info('conveyor started')
  const now = Date.now() / 1000
  console.log(`clock ${now.toFixed(3)}  record's time ${record.time}  ahead by ${(record.time - now).toFixed(3)} s`)
  if (record.time > now) ahead += 1
}
if (ahead !== 1) {
  console.error('changed: the record of the second half should be ahead, that of the first half should not')
  process.exit(1)
}
JS
node "$dir/write.cjs"
echo "unchanged"
