"""Teaching: targets, losses, data and the loop. Knows no film beyond its track."""
