"""Room: the memory that all calls together may take. Knows no call."""


class Room:
    """What all calls together may hold in memory while they wait for a settlement."""

    def __init__(self, bytes_max: int) -> None:
        self._free = bytes_max

    def take(self, size: int) -> bool:
        """Take *size* bytes; False if there is no room for them."""
        if size > self._free:
            return False
        self._free -= size
        return True

    def give(self, size: int) -> None:
        """Give *size* bytes back."""
        self._free += size
