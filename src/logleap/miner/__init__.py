"""The log model: templates mined from a data set's entries, and what later entries are held against.

Pure: the standard library alone, no input or output but through what it is given. The steps, in order:
`mask`, `tokens`, `distinct`, `mine`, `describe`; `train` joins them, `model` is what comes out, `match` finds
the template of a message.
"""
