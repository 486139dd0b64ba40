"""The comparisons, each of which is run alone by its name: `make bench PARTS=decode`."""
