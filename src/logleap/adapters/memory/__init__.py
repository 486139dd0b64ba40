"""Everything in this process's memory: nothing to install, lost on exit."""
