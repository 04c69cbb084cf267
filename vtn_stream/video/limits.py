"""The largest values that a film may have. The decoding process refuses more, and its parent believes no more."""

__all__ = ["MAX_DAYS", "MAX_FRAMES_PER_S", "MAX_PACKETS", "MAX_PIXELS", "MAX_SIDE", "MAX_STREAMS"]

# 24 hours at 500 frames a second.
MAX_PACKETS = 43_200_000
# On the mean. A camera for the fastest processes takes more, but its films are made to be watched.
MAX_FRAMES_PER_S = 50_000
# From the first timestamp to the last: a surveillance camera's month. Beyond it a timestamp is wrong.
MAX_DAYS = 31
# 16K film is 15360 x 8640. A decoder holds up to 16 such pictures, of 1.5 to 8 bytes a pixel.
MAX_SIDE = 16_384
MAX_PIXELS = 2**27
# A broadcast multiplex has a hundred.
MAX_STREAMS = 256
