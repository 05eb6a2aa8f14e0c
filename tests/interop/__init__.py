"""Our scans, written and read by other people's programs, each in an environment of its own."""
