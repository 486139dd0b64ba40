#!/usr/bin/env bash
# Package:   @opentelemetry/sdk-logs and exporter-logs-otlp-http 0.223.1 (npm)
# Behaviour: if the server refuses a batch of log records with 400, 413 or 500, the batch is dropped, and nothing says
#            so: nothing is printed unless the program has set a diagnostic logger, and forceFlush() and shutdown(),
#            which wait for the export, resolve as after a success.
# Seen:      one request each, both promises resolved, no output.
# Guessed:   forceFlush() rejects, or an error is printed, as Python's exporter prints one.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --prefix "$dir" \
  @opentelemetry/api@1.9.0 @opentelemetry/{api-logs,sdk-logs,exporter-logs-otlp-http}@0.223.1
cat > "$dir/export.mjs" <<'JS'
import http from 'node:http'
import { LoggerProvider, BatchLogRecordProcessor } from '@opentelemetry/sdk-logs'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http'

for (const status of [400, 413, 500]) {
  let requests = 0
  const server = http.createServer((request, answer) => {
    request.resume().on('end', () => {
      requests += 1
      answer.writeHead(status, { 'content-type': 'application/json' }).end('{"message": "refused"}')
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const exporter = new OTLPLogExporter({ url: `http://127.0.0.1:${server.address().port}/v1/logs` })
  const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] })
  provider.getLogger('conveyor').emit({ body: 'jam at gate 4' })
  const outcome = (promise) => promise.then(() => 'resolved', () => 'rejected')
  const flush = await outcome(provider.forceFlush())
  const shutdown = await outcome(provider.shutdown())
  console.log(`${status}: ${requests} request, forceFlush ${flush}, shutdown ${shutdown}`)
  server.close()
}
JS
node "$dir/export.mjs" > "$dir/seen" 2>&1
cat "$dir/seen"
for status in 400 413 500; do
  echo "$status: 1 request, forceFlush resolved, shutdown resolved"
done | diff - "$dir/seen" || { echo "changed: other lines were expected" >&2; exit 1; }
echo "unchanged"
