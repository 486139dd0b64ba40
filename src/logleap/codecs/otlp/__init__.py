"""OTLP's log records: https://opentelemetry.io/docs/specs/otlp/."""
