"""What the miner refuses."""


class ModelError(ValueError):
    """The bytes are not a log model that this version reads. The text tells the field and the remedy."""


class ModelTooNew(ModelError):
    """A later version of LogLeap wrote it."""


class ModelTooOld(ModelError):
    """An earlier version of LogLeap wrote it, which would make another model of the same entries."""


class ModelDamaged(ModelError):
    """It was cut or edited: it is not JSON, its digest does not match, or a field is missing or wrong."""


class BaselineUnusable(ValueError):
    """A training cannot begin with this baseline. The text tells why, and the remedy."""


class MasksRefused(ValueError):
    """Masks of one's own that are outside the syntax that all engines read alike."""
