"""A stream compressed as a whole: some readers take the first member of several for all there is."""

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Part = bytes | memoryview

_GZIP_LEVEL = 4
_ZSTD_LEVEL = 3


def gzip(parts: Iterable[Part]) -> Iterator[bytes]:
    """The parts as one member of gzip."""
    compressor = zlib.compressobj(_GZIP_LEVEL, wbits=16 + zlib.MAX_WBITS)
    for part in parts:
        yield compressor.compress(part)
    yield compressor.flush()


def zstandard(parts: Iterable[Part]) -> Iterator[bytes]:
    """The parts as one frame of zstd."""
    compressor = zstd.ZstdCompressor(_ZSTD_LEVEL)
    for part in parts:
        yield compressor.compress(part)
    yield compressor.flush()


CODINGS: Mapping[str, Callable[[Iterable[Part]], Iterator[bytes]]] = MappingProxyType(
    {"zstd": zstandard, "gzip": gzip}
)
"""By the name of the content coding, the preferred first."""
