"""What ends a data set: archiving, deleting, retention; and the sweep that completes what broke off."""
