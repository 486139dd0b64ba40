"""From a message to its tokens: severity, masks, words."""
