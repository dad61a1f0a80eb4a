# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Test USDC of the sandbox
@license Apache-2.0
@notice
    A dollar token with EIP-3009 that refuses in the words of Circle's FiatToken, because facilitators
    read the reason of a revert. It is placed in genesis as runtime code: nothing here may need a
    constructor, so there are constants and storage, and no immutables. No permit, pause or blocklist.
@dev
    Vyper has no overloading. The three signature-as-bytes forms of EIP-3009 are dispatched by their
    selector in __default__, on a copy of the call data made by the identity precompile.
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

event AuthorizationUsed:
    authorizer: indexed(address)
    nonce: indexed(bytes32)

event AuthorizationCanceled:
    authorizer: indexed(address)
    nonce: indexed(bytes32)

event AuthorizationAlreadyUsed:
    authorizer: indexed(address)
    nonce: indexed(bytes32)

interface Wallet:
    def isValidSignature(digest: bytes32, signature: Bytes[SIGNATURE_MAX]) -> bytes4: view

# The contract reads at most this much of a contract wallet's signature.
SIGNATURE_MAX: constant(uint256) = 4096
CALL_MAX: constant(uint256) = 4 + 32 * 8 + SIGNATURE_MAX

IDENTITY: constant(address) = 0x0000000000000000000000000000000000000004
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
# keccak256 of EIP-3009's types: {Transfer,Receive}WithAuthorization(address from,address to,uint256 value,
# uint256 validAfter,uint256 validBefore,bytes32 nonce) without the break, and
# CancelAuthorization(address authorizer,bytes32 nonce).
TRANSFER_WITH_AUTHORIZATION_TYPEHASH: public(constant(bytes32)) = (
    0x7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267
)
RECEIVE_WITH_AUTHORIZATION_TYPEHASH: public(constant(bytes32)) = (
    0xd099cc98ef71107a616c4f0f941f04c322d8e254fe26b3c6668db87aae413de8
)
CANCEL_AUTHORIZATION_TYPEHASH: public(constant(bytes32)) = (
    0x158b0a9edf7a828aad02f63cd515c68ef2f50ba807396f6d12842833a1597429
)
# Selectors of the forms whose last argument is the signature as bytes: transferWithAuthorization and
# receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes),
# cancelAuthorization(address,bytes32,bytes).
TRANSFER_BYTES: constant(bytes4) = 0xcf092995
RECEIVE_BYTES: constant(bytes4) = 0x88b7ab63
CANCEL_BYTES: constant(bytes4) = 0xb7b72899
# Half of the order of secp256k1: of the two valid values of s only the lower one is accepted (EIP-2).
S_MAX: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

name: public(constant(String[4])) = "USDC"
symbol: public(constant(String[4])) = "USDC"
version: public(constant(String[1])) = "2"
decimals: public(constant(uint8)) = 6

totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
authorizationState: public(HashMap[address, HashMap[bytes32, bool]])

# Some dollar tokens let a used authorization pass without moving anything. Nobody can call this on: the
# chain writes the slot, in the mode that is made for it.
forgiving: bool


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._transfer(msg.sender, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    assert spender != empty(address), "ERC20: approve to the zero address"
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@external
def transferFrom(owner: address, receiver: address, amount: uint256) -> bool:
    allowed: uint256 = self.allowance[owner][msg.sender]
    assert amount <= allowed, "ERC20: transfer amount exceeds allowance"
    self._transfer(owner, receiver, amount)
    self.allowance[owner][msg.sender] = allowed - amount
    return True


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    return self._domain_separator()


@external
def transferWithAuthorization(
    owner: address, receiver: address, amount: uint256, valid_after: uint256, valid_before: uint256,
    nonce: bytes32, v: uint8, r: bytes32, s: bytes32,
):
    self._authorized_transfer(
        TRANSFER_WITH_AUTHORIZATION_TYPEHASH, owner, receiver, amount, valid_after, valid_before, nonce,
        concat(r, s, convert(v, bytes1)),
    )


@external
def receiveWithAuthorization(
    owner: address, receiver: address, amount: uint256, valid_after: uint256, valid_before: uint256,
    nonce: bytes32, v: uint8, r: bytes32, s: bytes32,
):
    assert receiver == msg.sender, "FiatTokenV2: caller must be the payee"
    self._authorized_transfer(
        RECEIVE_WITH_AUTHORIZATION_TYPEHASH, owner, receiver, amount, valid_after, valid_before, nonce,
        concat(r, s, convert(v, bytes1)),
    )


@external
def cancelAuthorization(authorizer: address, nonce: bytes32, v: uint8, r: bytes32, s: bytes32):
    self._cancel(authorizer, nonce, concat(r, s, convert(v, bytes1)))


@external
def __default__():
    assert len(msg.data) <= CALL_MAX, "sandbox token: call data too long"
    call: Bytes[CALL_MAX] = raw_call(IDENTITY, msg.data, max_outsize=CALL_MAX, is_static_call=True)
    assert len(call) > 4, "sandbox token: unknown function"
    selector: bytes4 = convert(slice(call, 0, 4), bytes4)
    body: Bytes[CALL_MAX] = slice(call, 4, len(call) - 4)
    if selector == CANCEL_BYTES:
        authorizer: address = empty(address)
        number: bytes32 = empty(bytes32)
        proof: Bytes[SIGNATURE_MAX] = b""
        authorizer, number, proof = abi_decode(body, (address, bytes32, Bytes[SIGNATURE_MAX]))
        self._cancel(authorizer, number, proof)
        return

    assert selector in [TRANSFER_BYTES, RECEIVE_BYTES], "sandbox token: unknown function"
    owner: address = empty(address)
    receiver: address = empty(address)
    amount: uint256 = 0
    valid_after: uint256 = 0
    valid_before: uint256 = 0
    nonce: bytes32 = empty(bytes32)
    signature: Bytes[SIGNATURE_MAX] = b""
    owner, receiver, amount, valid_after, valid_before, nonce, signature = abi_decode(
        body, (address, address, uint256, uint256, uint256, bytes32, Bytes[SIGNATURE_MAX])
    )
    typehash: bytes32 = TRANSFER_WITH_AUTHORIZATION_TYPEHASH
    if selector == RECEIVE_BYTES:
        typehash = RECEIVE_WITH_AUTHORIZATION_TYPEHASH
        assert receiver == msg.sender, "FiatTokenV2: caller must be the payee"
    self._authorized_transfer(typehash, owner, receiver, amount, valid_after, valid_before, nonce, signature)


@internal
def _authorized_transfer(
    typehash: bytes32, owner: address, receiver: address, amount: uint256, valid_after: uint256,
    valid_before: uint256, nonce: bytes32, signature: Bytes[SIGNATURE_MAX],
):
    assert block.timestamp > valid_after, "FiatTokenV2: authorization is not yet valid"
    assert block.timestamp < valid_before, "FiatTokenV2: authorization is expired"
    if self.authorizationState[owner][nonce]:
        assert self.forgiving, "FiatTokenV2: authorization is used or canceled"
        log AuthorizationAlreadyUsed(authorizer=owner, nonce=nonce)
        return

    message: bytes32 = keccak256(
        abi_encode(typehash, owner, receiver, amount, valid_after, valid_before, nonce)
    )
    self._require_signed(owner, message, signature)
    self.authorizationState[owner][nonce] = True
    log AuthorizationUsed(authorizer=owner, nonce=nonce)
    self._transfer(owner, receiver, amount)


@internal
def _cancel(authorizer: address, nonce: bytes32, signature: Bytes[SIGNATURE_MAX]):
    assert not self.authorizationState[authorizer][nonce], "FiatTokenV2: authorization is used or canceled"
    message: bytes32 = keccak256(abi_encode(CANCEL_AUTHORIZATION_TYPEHASH, authorizer, nonce))
    self._require_signed(authorizer, message, signature)
    self.authorizationState[authorizer][nonce] = True
    log AuthorizationCanceled(authorizer=authorizer, nonce=nonce)


@internal
@view
def _require_signed(signer: address, message: bytes32, signature: Bytes[SIGNATURE_MAX]):
    digest: bytes32 = keccak256(concat(b"\x19\x01", self._domain_separator(), message))
    if signer.is_contract:
        answer: bytes4 = staticcall Wallet(signer).isValidSignature(digest, signature)
        assert answer == 0x1626ba7e, "FiatTokenV2: invalid signature"
        return

    assert len(signature) == 65, "ECRecover: invalid signature length"
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    assert s <= S_MAX, "ECRecover: invalid signature 's' value"
    assert v == 27 or v == 28, "ECRecover: invalid signature 'v' value"
    recovered: address = ecrecover(digest, v, r, s)
    assert recovered != empty(address), "ECRecover: invalid signature"
    assert recovered == signer, "FiatTokenV2: invalid signature"


@internal
@view
def _domain_separator() -> bytes32:
    # chain.id is read at run time: the same code signs differently on another chain.
    return keccak256(abi_encode(DOMAIN_TYPE, keccak256(name), keccak256(version), chain.id, self))


@internal
def _transfer(sender: address, receiver: address, amount: uint256):
    assert sender != empty(address), "ERC20: transfer from the zero address"
    assert receiver != empty(address), "ERC20: transfer to the zero address"
    held: uint256 = self.balanceOf[sender]
    assert amount <= held, "ERC20: transfer amount exceeds balance"
    self.balanceOf[sender] = held - amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=sender, receiver=receiver, value=amount)
