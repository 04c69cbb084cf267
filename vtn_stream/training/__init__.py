"""Teaching, from annotations and films to a checkpoint and its card: `lesson` is the table of contents."""
