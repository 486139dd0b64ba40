"""Log models as the rest of the service sees them: files that runs of one task save, under fixed names."""

LOG_MODEL = "log-model"
"""The task that trains log models."""

MODEL_FILE = "log-model.json"
"""The artifact that holds the log model, as canonical JSON."""
