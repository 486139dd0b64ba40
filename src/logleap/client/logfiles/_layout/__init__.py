"""Where and how the lines of a file carry their times, found by those at its beginning."""
