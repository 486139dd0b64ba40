"""Where archives are, as their owners are told."""


def shown_location(url: str) -> str:
    """The URL of an archive. Of a file on the server only its name: its folder is the operator's alone."""
    return "file:" + url.rpartition("/")[2] if url.startswith("file:") else url
