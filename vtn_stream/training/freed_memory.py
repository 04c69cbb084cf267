"""Asks the C library to keep the memory that is freed, for the next large tensor."""

import ctypes

__all__ = ["keep_freed_memory"]

# mallopt(3) of glibc: when to give memory back, how much to take at once, how many blocks of their own.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """For the rest of this process. glibc gives the memory of each large tensor back, and takes new pages for the next:
    of a step through an image network 180,000, or a fourth of its time (1.67 instead of 1.29 CPU s for 16 frames of
    efficientnet_lite0). Other C libraries do not have the setting, and nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # TypeError: Windows
        return
    for setting, value in ((_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**26), (_MMAP_MAX, 0)):
        mallopt(setting, value)
