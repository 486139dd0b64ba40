"""Files of this machine: what the adapters that write some share."""
