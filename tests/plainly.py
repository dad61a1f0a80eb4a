"""How tests ask servers on this machine: past no proxy, and without a machine's certificates.

Nothing here speaks TLS, and reading the certificates, as each new client does, takes ten times as long as a
request.
"""

import ssl
from collections.abc import Mapping
from typing import Any, Final

PLAINLY: Final[Mapping[str, Any]] = {"trust_env": False, "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}
