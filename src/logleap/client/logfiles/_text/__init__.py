"""From the bytes of a file to blocks of lines: unpacked, decoded, cleaned."""
