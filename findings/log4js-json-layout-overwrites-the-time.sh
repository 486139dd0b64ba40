#!/usr/bin/env bash
# Package:   log4js-json-layout 2.2.3 with log4js 6.9.1 (npm)
# Behaviour: the fields of an object that is logged go to the top level of the record and replace the record's own: a
#            field startTime or level of the object takes the place of the event's time and level, and of two objects
#            with a field of the same name only the last one's value is kept. log4js's own text layout keeps all of it.
# Seen:      {"startTime":"shift 7","categoryName":"default","level":3,"data":"jam at","gate":5}
# Guessed:   the record's own fields win, or the object's are nested or renamed, as other JSON layouts do.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --prefix "$dir" log4js@6.9.1 log4js-json-layout@2.2.3
cat > "$dir/write.cjs" <<'JS'
const log4js = require('log4js')
const lines = []
log4js.addLayout('json', require('log4js-json-layout'))
const both = {
  configure: (_, layouts) => {
    const layoutOf = [layouts.layout('json', {}), layouts.layout('basic')]
    return (event) => { for (const layout of layoutOf) lines.push(layout(event)) }
  }
}
log4js.configure({
  appenders: { both: { type: both } },
  categories: { default: { appenders: ['both'], level: 'info' } }
})
log4js.getLogger().info('jam at', { gate: 4 }, { gate: 5, level: 3, startTime: 'shift 7' })
const [json, text] = lines
console.log(`JSON: ${json}\ntext: ${text}`)
const record = JSON.parse(json)
const replaced = record.startTime === 'shift 7' && record.level === 3 && record.gate === 5
if (!replaced || !text.includes('gate: 4') || !text.includes('INFO')) {
  console.error('changed: the JSON record was expected to lose its time, its level and gate 4')
  process.exit(1)
}
JS
node "$dir/write.cjs"
echo "unchanged"
