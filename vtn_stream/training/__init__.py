"""Training, from annotations and films to a checkpoint and its card: `teach` is the table of contents."""
