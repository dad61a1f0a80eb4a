"""How the chain may misbehave, as a table. Pure; the node does what a mode says.

Each is something that real chains and tokens do, and that a seller must survive with books that agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ChainMode:
    """What becomes of a transaction. The default is an honest chain; all counts are of blocks.

    `wait`: it is mined only after so many. `undo`: once there are so many, its own and those above, they
    are replaced by empty ones. `back`: after so many it is mined again, for good; never if None.
    `rival`: somebody else broadcasts the same authorization first. `forgiving`: the token lets a used
    authorization pass in silence.
    """

    tells: str
    wait: int = 0
    undo: int = 0
    back: int | None = None
    rival: bool = False
    forgiving: bool = False


HONEST: Final = "honest"

MODES: Final[Mapping[str, ChainMode]] = {
    HONEST: ChainMode("mines each transaction at once, for good"),
    "delay": ChainMode("mines a transaction only three blocks later", wait=3),
    "reorg": ChainMode("replaces its last two blocks; the transaction comes back later", undo=2, back=3),
    "reorg-lost": ChainMode("replaces its last two blocks; the transaction never comes back", undo=2),
    "frontrun": ChainMode("lets somebody else broadcast each authorization first", rival=True),
    "silent-nonce": ChainMode(
        "the same, and the token lets a used authorization pass in silence", rival=True, forgiving=True
    ),
}
"""The modes by name; the first is the default."""
