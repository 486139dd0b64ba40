"""How single values stand in the file."""


def lookup(text: str) -> str | bytes:
    """A text to look for that anyone may have sent: one that is no valid Unicode is found nowhere."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")  # SQLite takes bytes for a BLOB, which equals no TEXT
    return text
