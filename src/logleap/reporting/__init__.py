"""What a data set's entries are like, computed in one pass and in bounded memory."""
