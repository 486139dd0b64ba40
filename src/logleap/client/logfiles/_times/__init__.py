"""Times as logs write them: their forms, zones and years, and the one UTC time that each of them means."""
