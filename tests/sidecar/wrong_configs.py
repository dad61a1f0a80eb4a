"""Every way to get a config wrong: the text, and the path and code of each problem in it."""

from tests.sidecar.configs import BUYER, MINIMAL, PAY_TO, TOKEN, facilitators

ACCEPT = f'{{network: base, asset: USDC, pay_to: "{PAY_TO}"}}'
MODEL = '{model: a, input: "$1", output: "$2"}'
SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"""A key that signs by EdDSA: the bytes from 0 to 31."""
JWT = f'{{key_id: us, algorithm: EdDSA, key: "{SEED}"}}'
LOCAL = f'{{address: "{TOKEN}", symbol: T, decimals: 6, name: T, version: "1", usd_peg: true}}'


def accepting(entry: str) -> str:
    """Return the minimal config with other ways to pay."""
    return MINIMAL.replace(f'{{network: base-sepolia, asset: USDC, pay_to: "{PAY_TO}"}}', entry)


def _route(key: str, value: str) -> str:
    return MINIMAL.replace('"POST /research": {price: "$0.05"}', f'"{key}": {value}')


def _priced(more: str) -> str:
    return _route("POST /research", f'{{price: "$0.05", {more}}}')


def _computed(price: str, more: str = "rate_limit: 1/second") -> str:
    return _route("POST /research", f"{{price: {{{price}}}, {more}}}")


def _counted(quantity: str) -> str:
    return _computed(f'base: "$0.01", plus: [{{{quantity}}}]')


def _jwt(old: str, new: str) -> str:
    assert old in JWT
    return facilitators(f"{{url: https://a.example, jwt: {JWT.replace(old, new)}}}")


def _token(old: str, new: str) -> str:
    return accepting(f'{{network: "eip155:31337", asset: {LOCAL.replace(old, new)}, pay_to: "{PAY_TO}"}}')


PRICE = "routes.POST /research.price"
BUYERS = "routes.POST /research.buyers"
NOTHING = [("routes", "required"), ("settlement.facilitators", "required"), ("upstream", "required")]

WRONG = {
    # the file
    "empty file": ("# nothing", [("", "empty"), *NOTHING]),
    "a list": ("- a", [("", "not_a_section"), *NOTHING]),
    "broken yaml": ("upstream: [", [("", "yaml_syntax")]),
    "duplicate key": (MINIMAL + "upstream: http://a", [("upstream", "duplicate_key")]),
    "nothing behind a key": (MINIMAL + "workspace:", [("workspace", "empty")]),
    "nothing behind a section": (MINIMAL + "limits:", [("limits", "empty")]),
    "unknown key": (MINIMAL + "upsteam: http://a", [("upsteam", "unknown_key")]),
    "unknown key inside": (MINIMAL + "limits: {drian: 3s}", [("limits.drian", "unknown_key")]),
    "section is text": (MINIMAL + "limits: small", [("limits", "not_a_section")]),
    "list is text": (MINIMAL.replace('["https://facilitator.example.com"]', "https://f.example"),
                     [("settlement.facilitators", "not_a_list")]),
    "unset variable": (MINIMAL + 'workspace: "${UNSET}"', [("workspace", "env_missing")]),
    "broken reference": (MINIMAL + 'workspace: "${A"', [("workspace", "env_syntax")]),
    # places
    "no upstream": (MINIMAL.replace("upstream", "workspace"), [("upstream", "required")]),
    "upstream typo": (MINIMAL.replace("http://1", "htp://1"), [("upstream", "url_scheme")]),
    "upstream with query": (MINIMAL.replace(":9000", ":9000/?a=1"), [("upstream", "url_query")]),
    "upstream is us": (MINIMAL.replace(":9000", ":8402"), [("upstream", "upstream_loop")]),
    "public url without scheme": (MINIMAL + "public_url: agent.example.com", [("public_url", "url_scheme")]),
    "two listeners on a port": (MINIMAL + "listen: {agent: 127.0.0.1:8402}",
                                [("listen.agent", "port_taken")]),
    "a port alone": (MINIMAL + "listen: {agent: 8404}", [("listen.agent", "listen")]),
    "postgres without a database": (MINIMAL + "storage: postgresql://u@h", [("storage", "storage")]),
    "storage is a path": (MINIMAL + "storage: sidecar.db", [("storage", "storage")]),
    # networks
    "unknown network": (
        MINIMAL + 'networks: {bas: {rpc: ["http://a"]}}', [("networks.bas", "network_unknown")]),
    "solana": (MINIMAL + 'networks: {"solana:x": {rpc: ["http://a"]}}',
               [("networks.solana:x", "network_unsupported")]),
    "a network twice": (MINIMAL + 'networks: {base: {rpc: ["http://a"]}, "eip155:8453": {rpc: ["http://a"]}}',
                        [("networks.eip155:8453", "duplicate_network")]),
    "no rpc": (MINIMAL + "networks: {base: {confirmations: 2}}", [("networks.base.rpc", "required")]),
    "rpc at no address": (MINIMAL + 'networks: {base: {rpc: ["http://256.1.1.1"]}}',
                          [("networks.base.rpc.0", "url")]),
    "rpc of dots": (MINIMAL + 'networks: {base: {rpc: ["http://a/b/../key"]}}',
                    [("networks.base.rpc.0", "url")]),
    "empty rpc": (MINIMAL + "networks: {base: {rpc: []}}", [("networks.base.rpc", "empty")]),
    "confirmations in words": (MINIMAL + 'networks: {base: {rpc: ["http://a"], confirmations: two}}',
                               [("networks.base.confirmations", "count")]),
    # accept
    "nothing accepted": (accepting("").replace("accept: []\n", ""), [("accept", "accept_empty")]),
    "accepted empty": (accepting(""), [("accept", "accept_empty")]),
    "accepted twice": (accepting(f"{ACCEPT}, {ACCEPT}"), [("accept.1", "duplicate_accept")]),
    "accepted under two names": (accepting(f'{ACCEPT}, {ACCEPT.replace("base", "eip155:8453")}'),
                                 [("accept.1", "duplicate_accept")]),
    "address as a number": (accepting(ACCEPT.replace('"', "")), [("accept.0.pay_to", "address_number")]),
    "a digit is wrong": (accepting(ACCEPT.replace("Aed", "AeD")), [("accept.0.pay_to", "address_checksum")]),
    "address too short": (accepting(ACCEPT.replace("Aed", "")), [("accept.0.pay_to", "address")]),
    "zero address": (accepting(ACCEPT.replace(PAY_TO, "0x" + "0" * 40)),
                     [("accept.0.pay_to", "address_zero")]),
    "paid to the token": (accepting(ACCEPT.replace(PAY_TO, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")),
                          [("accept.0.pay_to", "pay_to_is_asset")]),
    "no recipient": (accepting("{network: base, asset: USDC}"), [("accept.0.pay_to", "required")]),
    "unknown token": (accepting(ACCEPT.replace("USDC", "EURC")), [("accept.0.asset", "asset_unknown")]),
    "usdc where none is known": (
        accepting(ACCEPT.replace("base", "eip155:31337")), [("accept.0.asset", "asset_unknown")]),
    "no dollar": (_token("usd_peg: true", "usd_peg: false"),
                  [("accept.0.asset.usd_peg", "asset_not_dollar")]),
    "peg not said": (_token(", usd_peg: true", ""), [("accept.0.asset.usd_peg", "asset_not_dollar")]),
    "too precise": (_token("decimals: 6", "decimals: 18"), [("accept.0.asset.decimals", "decimals")]),
    "version not quoted": (_token('"1"', "1"), [("accept.0.asset.version", "not_text")]),
    "known token, wrong domain": (
        _token(TOKEN, "0x036CbD53842c5426634e7929541eC2318f3dCF7e")
        .replace("eip155:31337", "base-sepolia").replace("name: T", "name: USD Coin").replace('"1"', '"2"'),
        [("accept.0.asset.name", "asset_domain")]),
    # settlement
    "nobody settles": (MINIMAL.replace("settlement:", "workspace: a\n# "),
                       [("settlement.facilitators", "required")]),
    "no facilitators": (MINIMAL.replace('["https://facilitator.example.com"]', "[]"),
                        [("settlement.facilitators", "empty")]),
    "facilitator with a query": (
        MINIMAL.replace(".com", ".com/?key=1"), [("settlement.facilitators.0", "url_query")]),
    "facilitator with a password": (MINIMAL.replace("//f", "//u:p@f"),
                                    [("settlement.facilitators.0", "url_credentials")]),
    "facilitator twice": (MINIMAL.replace('"https', '"https://facilitator.example.com/", "https'),
                          [("settlement.facilitators.1", "duplicate_facilitator")]),
    "facilitator twice, once signed in": (
        facilitators("{url: https://a.example, bearer: abc}, https://a.example"),
        [("settlement.facilitators.1", "duplicate_facilitator")]),
    "facilitator without a url": (
        facilitators("{bearer: abc}"), [("settlement.facilitators.0.url", "required")]),
    "facilitator with a header": (
        facilitators("{url: https://a.example, header: abc}"),
        [("settlement.facilitators.0.header", "unknown_key")]),
    "facilitator is a number": (facilitators("5"), [("settlement.facilitators.0", "url")]),
    "two ways to sign in": (
        facilitators(f"{{url: https://a.example, bearer: abc, jwt: {JWT}}}"),
        [("settlement.facilitators.0", "sign_in_twice")]),
    "signed in without encryption": (
        facilitators("{url: http://a.example, bearer: abc}"),
        [("settlement.facilitators.0", "sign_in_plaintext")]),
    "bearer with a space": (
        facilitators("{url: https://a.example, bearer: Bearer abc}"),
        [("settlement.facilitators.0.bearer", "token")]),
    "bearer as a number": (
        facilitators("{url: https://a.example, bearer: 12345}"),
        [("settlement.facilitators.0.bearer", "not_text")]),
    "no key id": (_jwt("key_id: us, ", ""), [("settlement.facilitators.0.jwt.key_id", "required")]),
    "no algorithm": (
        _jwt("algorithm: EdDSA, ", ""), [("settlement.facilitators.0.jwt.algorithm", "required")]),
    "another algorithm": (
        _jwt("EdDSA", "HS256"), [("settlement.facilitators.0.jwt.algorithm", "algorithm")]),
    "no key": (_jwt(f', key: "{SEED}"', ""), [("settlement.facilitators.0.jwt", "key_or_file")]),
    "a key and its file": (
        _jwt("key: ", "key_file: k.pem, key: "), [("settlement.facilitators.0.jwt", "key_or_file")]),
    "no such key file": (
        _jwt(f'key: "{SEED}"', "key_file: none.pem"),
        [("settlement.facilitators.0.jwt.key_file", "key_file")]),
    "key file as a number": (
        _jwt(f'key: "{SEED}"', "key_file: 7"), [("settlement.facilitators.0.jwt.key_file", "file_name")]),
    "key too short": (_jwt(SEED, SEED[4:]), [("settlement.facilitators.0.jwt.key", "key")]),
    "key as a number": (_jwt(f'"{SEED}"', "7"), [("settlement.facilitators.0.jwt.key", "key")]),
    "key of another algorithm": (
        _jwt("EdDSA", "ES256"), [("settlement.facilitators.0.jwt.key", "key_algorithm")]),
    "signer": (MINIMAL.replace("{facilitators", "{signer: {key_file: k}, facilitators"),
               [("settlement.signer", "unsupported")]),
    # routes
    "no routes": (MINIMAL.replace("routes:", "# "), [("routes", "required")]),
    "empty routes": (_route("", "").replace('"": ', ""), [("routes", "required")]),
    "a route is a price": (_route("GET /a", '"$0.05"'), [("routes.GET /a", "route_value")]),
    "freee": (_route("GET /a", "freee"), [("routes.GET /a", "route_value")]),
    "no price": (_route("GET /a", "{agent: a}"), [("routes.GET /a.price", "required")]),
    "no method": (_route("/a", "free"), [("routes./a", "route_shape")]),
    "HEAD": (_route("HEAD /a", "free"), [("routes.HEAD /a", "route_method")]),
    "our own path": (_route("GET /__402/health", "free"), [("routes.GET /__402/health", "route_reserved")]),
    "our own document": (
        _route("GET /.well-known/x402", "free"), [("routes.GET /.well-known/x402", "route_reserved")]),
    "price as a number": (_route("GET /a", "{price: 0.05}"), [("routes.GET /a.price", "money")]),
    "price in euro": (_route("GET /a", "{price: €1}"), [("routes.GET /a.price", "money")]),
    "price zero": (_route("GET /a", '{price: "$0"}'), [("routes.GET /a.price", "money_zero")]),
    "price above its ceiling": (_priced('price_ceiling: "$0.04"'),
                                [("routes.POST /research.price", "price_above_ceiling")]),
    "price above exposure": (
        MINIMAL.replace("0.05", "1.01"), [("routes.POST /research.price", "price_above_exposure")]),
    "price above a day": (MINIMAL + 'exposure: {per_day: "$0.04"}',
                          [("routes.POST /research.price", "price_above_exposure")]),
    "settle typo": (_priced("settle: later"), [("routes.POST /research.settle", "settle")]),
    "rate of nothing": (_priced("rate_limit: 0/minute"),
                        [("routes.POST /research.rate_limit", "out_of_range")]),
    "payment identifier": (MINIMAL + "payment_identifier: always",
                           [("payment_identifier", "payment_identifier")]),
    "payment identifier is a switch": (
        _priced("payment_identifier: true"),
        [("routes.POST /research.payment_identifier", "payment_identifier")]),
    "margin floor": (_priced("margin_floor: 0.2"), [("routes.POST /research.margin_floor", "share")]),
    "nobody allowed": (_priced("allow: []"), [("routes.POST /research.allow", "empty")]),
    "denied number": (_priced(f"deny: [{BUYER}]"), [("routes.POST /research.deny.0", "address_number")]),
    "timeout without a unit": (_priced("timeout: 60"), [("routes.POST /research.timeout", "duration")]),
    "timeout too long": (_priced("timeout: 20m"), [("routes.POST /research.timeout", "limits_conflict")]),
    # computed prices
    "a price of nothing": (_computed(""), [(PRICE, "price_zero")]),
    "a price that may be nothing": (
        _computed('plus: [{query: n, each: "$1", max: 1}]'), [(PRICE, "price_zero")]),
    "a model for nothing": (_computed('by_model: {a: "$0"}'), [(f"{PRICE}.by_model.a", "money_zero")]),
    "a base as a number": (_computed("base: 0.01"), [(f"{PRICE}.base", "money")]),
    "an unknown part of a price": (_computed('bas: "$0.01"'), [(f"{PRICE}.bas", "unknown_key")]),
    "no maximum": (_counted('query: n, each: "$0.1"'), [(f"{PRICE}.plus.0.max", "required")]),
    "no rate": (_counted("query: n, max: 5"), [(f"{PRICE}.plus.0.each", "required")]),
    "an unknown part of a quantity": (
        _counted('query: n, each: "$0.1", maxi: 5, max: 5'), [(f"{PRICE}.plus.0.maxi", "unknown_key")]),
    "no place": (_counted('each: "$0.1", max: 5'), [(f"{PRICE}.plus.0", "quantity_source")]),
    "two places": (
        _counted('query: n, body: /n, each: "$0.1", max: 5'), [(f"{PRICE}.plus.0", "quantity_source")]),
    "a path without the parameter": (
        _counted('path: n, each: "$0.1", max: 5'), [(f"{PRICE}.plus.0.path", "parameter_unknown")]),
    "no pointer": (_counted('body: n, each: "$0.1", max: 5'), [(f"{PRICE}.plus.0.body", "pointer")]),
    "no name": (_counted('query: "a&b", each: "$0.1", max: 5'), [(f"{PRICE}.plus.0.query", "name")]),
    "least above most": (
        _counted('query: n, each: "$0.1", min: 6, max: 5'), [(f"{PRICE}.plus.0.min", "quantity_range")]),
    "default above most": (
        _counted('query: n, each: "$0.1", max: 5, default: 6'),
        [(f"{PRICE}.plus.0.default", "quantity_range")]),
    "per nothing": (
        _counted('query: n, each: "$0.1", max: 5, per: 0'), [(f"{PRICE}.plus.0.per", "out_of_range")]),
    "counted twice": (
        _counted('query: n, each: "$0.1", max: 5}, {query: n, each: "$0.1", max: 5'),
        [(f"{PRICE}.plus.0", "duplicate_quantity"), (f"{PRICE}.plus.1", "duplicate_quantity")]),
    "more than a book holds": (
        _counted('query: n, each: "$9000000000", max: 999999999'), [(PRICE, "price_too_large")]),
    "all of a price at once": (
        _computed('base: 1, by_model: {a: 2}, plus: [{each: "$1"}]'),
        [(f"{PRICE}.base", "money"), (f"{PRICE}.by_model.a", "money"), (f"{PRICE}.plus.0.max", "required")]),
    "the cheapest request above the ceiling": (
        _computed('base: "$0.10"', 'price_ceiling: "$0.09"'), [(PRICE, "price_above_ceiling")]),
    "the largest request above exposure": (
        _counted('query: n, each: "$0.1", max: 10'), [(PRICE, "price_above_exposure")]),
    "models that are not priced": (
        _computed('by_model: {a: "$0.1", b: "$0.2"}', "models: [a, c]"),
        [("routes.POST /research.models", "models_conflict")]),
    "no models": (_priced("models: []"), [("routes.POST /research.models", "empty")]),
    # buyers
    "a buyer without a price": (
        _priced(f'buyers: {{"{BUYER}": {{}}}}'), [(f"{BUYERS}.{BUYER}.price", "required")]),
    "a buyer's free calls": (
        _priced(f'buyers: {{"{BUYER}": {{price: "$0"}}}}'), [(f"{BUYERS}.{BUYER}.price", "money_zero")]),
    "a buyer with a typo": (
        _priced(f'buyers: {{"{BUYER[:-1]}0": {{price: "$1"}}}}'),
        [(f"{BUYERS}.{BUYER[:-1]}0", "address_checksum")]),
    "a buyer's unknown key": (
        _priced(f'buyers: {{"{BUYER}": {{prise: "$1", price: "$1"}}}}'),
        [(f"{BUYERS}.{BUYER}.prise", "unknown_key")]),
    "a name without wallets": (
        _priced('buyers: {partners: {price: "$1"}}'), [(f"{BUYERS}.partners", "buyer")]),
    "a wallet with wallets": (
        _priced(f'buyers: {{"{BUYER}": {{price: "$1", wallets: ["{PAY_TO}"]}}}}'),
        [(f"{BUYERS}.{BUYER}.wallets", "buyer")]),
    "a buyer with two prices": (
        _priced(f'buyers: {{"{BUYER}": {{price: "$1"}}, p: {{price: "$0.5", wallets: ["{BUYER}"]}}}}'),
        [(f"{BUYERS}.p", "duplicate_buyer")]),
    "a buyer's price above exposure": (
        _priced(f'buyers: {{"{BUYER}": {{price: "$2"}}}}'),
        [(f"{BUYERS}.{BUYER}.price", "price_above_exposure")]),
    "a buyer's price above the ceiling": (
        _priced(f'price_ceiling: "$0.5", buyers: {{"{BUYER}": {{price: "$0.6"}}}}'),
        [(f"{BUYERS}.{BUYER}.price", "price_above_ceiling")]),
    "a buyer's price without a place": (
        _priced(f'buyers: {{"{BUYER}": {{price: {{base: "$0.1", plus: [{{each: "$0.1", max: 1}}]}}}}}}'),
        [(f"{BUYERS}.{BUYER}.price.plus.0", "quantity_source")]),
    # requests
    "no schema": (_priced("request: {}"), [("routes.POST /research.request.schema", "required")]),
    "an unknown rule of requests": (
        _priced("request: {schma: {}, schema: {}}"),
        [("routes.POST /research.request.schma", "unknown_key")]),
    "a schema that is a number": (
        _priced("request: {schema: 5}"), [("routes.POST /research.request.schema", "schema_value")]),
    "a schema file that is not there": (
        _priced("request: {schema: none.json}"), [("routes.POST /research.request.schema", "schema_file")]),
    "a schema with a type that is none": (
        _priced("request: {schema: {type: thing}}"),
        [("routes.POST /research.request.schema", "schema_invalid")]),
    "a schema from elsewhere": (
        _priced('request: {schema: {$ref: "https://example.com/a.json"}}'),
        [("routes.POST /research.request.schema", "schema_reference")]),
    "a fallback of nothing": (_priced('fallback_cost: "$0"'),
                              [("routes.POST /research.fallback_cost", "money_zero")]),
    "success elsewhere": (_priced("success: {status: [200, 404]}"),
                          [("routes.POST /research.success.status.1", "status")]),
    "no success": (_priced("success: {status: []}"), [("routes.POST /research.success.status", "empty")]),
    "no pointer in an answer": (_priced("success: {body: {error: absent}}"),
                   [("routes.POST /research.success.body.error", "pointer")]),
    "a fraction in an answer": (_priced('success: {body: {"/score": 0.5}}'),
                                [("routes.POST /research.success.body./score", "wanted")]),
    "a list in an answer": (_priced('success: {body: {"/status": [done]}}'),
                            [("routes.POST /research.success.body./status", "wanted")]),
    "a buffer above the read-ahead": (
        _priced('success: {body: {"/error": absent}, buffer: 2MiB}'),
        [("routes.POST /research.success.buffer", "limits_conflict")]),
    "unjudged": (_priced("success: {unjudged: refund}"),
                 [("routes.POST /research.success.unjudged", "unjudged")]),
    "success typo": (_priced("success: {statsu: [200]}"),
                     [("routes.POST /research.success.statsu", "unknown_key")]),
    # limits
    "a batch of none": (MINIMAL + "limits: {flush_batch: 0}", [("limits.flush_batch", "out_of_range")]),
    "a batch too large": (MINIMAL + "limits: {flush_batch: 1001}", [("limits.flush_batch", "out_of_range")]),
    "a flush too rare": (MINIMAL + "limits: {flush_every: 31s}", [("limits.flush_every", "out_of_range")]),
    "a flush without a unit": (MINIMAL + "limits: {flush_every: 5}", [("limits.flush_every", "duration")]),
    "too many settled at once": (
        MINIMAL + "limits: {flush_concurrency: 101}", [("limits.flush_concurrency", "out_of_range")]),
    "rates": (MINIMAL + "limits: {per_buyer: 100, per_address: 50/fortnight}",
              [("limits.per_address", "rate"), ("limits.per_buyer", "rate")]),
    "body too large": (MINIMAL + "limits: {paid_body: 11MiB}", [("limits.paid_body", "out_of_range")]),
    "size without a unit": (MINIMAL + "limits: {paid_body: 1000000}", [("limits.paid_body", "size")]),
    "settle too long": (MINIMAL + "limits: {settle: 61s}", [("limits.settle", "out_of_range")]),
    "payment above headers": (
        MINIMAL + "limits: {payment_header: 64KiB}", [("limits.payment_header", "limits_conflict")]),
    "no calls": (MINIMAL + "limits: {open_calls: 0}", [("limits.open_calls", "out_of_range")]),
    # costs, fees, operator
    "cost of an unknown route": (MINIMAL + 'costs: {per_call: {"POST /reserch": "$0.01"}}',
                                 [("costs.per_call.POST /reserch", "route_unknown")]),
    "cost of a free route": (_route("GET /a", "free") + 'costs: {per_call: {"GET /a": "$0.01"}}',
                             [("costs.per_call.GET /a", "route_free")]),
    "a tool without a name": (MINIMAL + 'costs: {tools: {"": "$0.01"}}', [("costs.tools.", "label")]),
    "a tool's cost as a number": (MINIMAL + "costs: {tools: {a: 0.01}}", [("costs.tools.a", "money")]),
    "negative tariff": (MINIMAL + 'costs: {per_call: {"POST /research": "-$0.01"}}',
                        [("costs.per_call.POST /research", "money")]),
    "override twice": (MINIMAL + f"costs: {{overrides: [{MODEL}, {MODEL.replace('a,', 'p/A,')}]}}",
                       [("costs.overrides.1", "duplicate_override")]),
    "fee of a stranger": (MINIMAL + 'fees: {facilitator: {"https://other.example": "$0"}}',
                          [("fees.facilitator.https://other.example", "facilitator_unknown")]),
    "more than all": (MINIMAL + 'fees: {platform: "200%"}', [("fees.platform", "out_of_range")]),
    "short token": (MINIMAL + "operator: {token: hunter2}", [("operator.token", "token_short")]),
    # sandbox
    "sandbox with real money": (accepting(ACCEPT) + "sandbox: true", [("sandbox", "sandbox_network")]),
    "sandbox on": (MINIMAL + "sandbox: on", [("sandbox", "switch")]),
}  # fmt: skip
