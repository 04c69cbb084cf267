"""Pictures and pages of what was found. Knows numpy and the timeline only."""
