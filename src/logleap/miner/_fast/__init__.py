"""The compiled part of the miner; without a C compiler Python does the same, with the same result."""

try:
    from logleap.miner._fast._scan import Scanner, cut, order, ordered
except ImportError:
    COMPILED = False
else:
    COMPILED = True

__all__ = ["COMPILED", "Scanner", "cut", "order", "ordered"]
