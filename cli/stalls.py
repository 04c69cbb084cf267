"""When it is said that nothing comes: soon, then once a minute."""

__all__ = ["Stalls"]

FIRST_S, EVERY_S = 5.0, 60.0


class Stalls:
    def __init__(self) -> None:
        self._waited_s = 0.0
        self._due_s = FIRST_S

    def is_news(self, waited_s: float) -> bool:
        """waited_s: for how long nothing has come; it is counted from zero again where something came."""
        if waited_s < self._waited_s:
            self._due_s = FIRST_S
        self._waited_s = waited_s
        if waited_s < self._due_s:
            return False
        self._due_s = waited_s + EVERY_S
        return True
