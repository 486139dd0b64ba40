"""LogLeap: the training-data intake of a machine-learning platform for logs.

What other programs may import from it:

- `logleap.client`: Client, which calls the HTTP API, and its errors
- `logleap.client.logging_handler` (or `logleap.handler`): LogLeapHandler, for Python's `logging`
- `logleap.client.logfiles`: read_log, which reads log files into entries
- `logleap.ports.task`: TrainingTask and TrainingContext, for a training task of your own

These need no extra. All else is internal, and may change with any version.
"""
