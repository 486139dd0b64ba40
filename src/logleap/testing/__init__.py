"""For the authors of training tasks (`training_context`) and of backends (docs/backends.md).

The suites in `contracts` and the fixtures in `plugin` need pytest and hypothesis: the extra `testing`.
"""

from logleap.testing.training import training_context

__all__ = ["training_context"]
