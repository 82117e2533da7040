"""What a person decides about the end of data: identity data of registrations, and seal keys whose period is over.

The order matters: while the seal key of a token exists, any copy of the token can be opened. So a registration's data
count as destroyed only after its seal key is; before that, destroying is refused.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host_agent import attestation, envelope, keys, sealed
from host_agent.errors import ConfigError, ShimingError, TokenRefused
from host_agent.registry import Registry
from tools.backend.config import Config
from tools.backend.deletion import Decision, Deletion, build_deletion, build_destruction
from tools.backend.retention import destroy
from tools.backend.seal_keys import SealKeys
from tools.backend.store import Books

CTI_BYTES = 16
TEXT_MAX = 256


class SealKeyAlive(ShimingError):
    code = "seal-key-alive"


class AttestationUnknown(ShimingError):
    code = "attestation-unknown"


@contextmanager
def opened(config: Config) -> Iterator[Books]:
    if not config.database.is_file():
        raise ConfigError(f"database: there is none at {config.database}")
    books = Books(config.database, config.retention_key)
    try:
        yield books
    finally:
        books.close()


def shred(config: Config, ctis: list[str], who: str, why: str) -> int:
    """How many had identity data; those that are destroyed already keep their first record."""
    decision = _decision(who, why)
    seal_keys = SealKeys(keys.load_private(config.seal_key), config.earlier_seal_keys)
    registry = Registry.load(config.registry)
    with opened(config) as books:
        deletions = [_deletion(books, _cti(cti), registry, seal_keys, decision) for cti in ctis]
        return books.shred({deletion.cti: _sign(config, registry, build_deletion(deletion)) for deletion in deletions})


def _deletion(books: Books, cti: bytes, registry: Registry, seal_keys: SealKeys, decision: Decision) -> Deletion:
    token = books.registered(cti)
    if token is None:
        raise AttestationUnknown()
    signed = envelope.parse(token)
    kid = sealed.recipient_of(attestation.parse_evidence(signed.payload).identity or b"")
    if kid in seal_keys:
        raise SealKeyAlive(f"{cti.hex()}: its token is sealed to the key {kid.hex()}, which still exists")
    return Deletion(registry.backend.id, decision, cti, signed.sha256, kid)


def destroy_seal_key(config: Config, kid: str, who: str, why: str) -> Path:
    """The record is signed and kept first: what is interrupted then can be done again."""
    decision = _decision(who, why)
    present = keys.load_private(config.seal_key)
    if kid == keys.kid_of(present.public_key()).hex():
        raise SealKeyAlive("this is the present seal key: terminals use it")
    try:
        path = SealKeys(present, config.earlier_seal_keys).file_of(bytes.fromhex(kid))
    except ValueError:
        path = None
    if path is None:
        raise TokenRefused("key-unknown", "there is no earlier seal key with this id")
    registry = Registry.load(config.registry)
    with opened(config) as books:
        record = build_destruction(registry.backend.id, decision, bytes.fromhex(kid))
        books.note_destroyed_seal_key(bytes.fromhex(kid), _sign(config, registry, record))
    destroy(path)
    return path


def _decision(who: str, why: str) -> Decision:
    if not 0 < len(who) <= TEXT_MAX or not 0 < len(why) <= TEXT_MAX:
        raise ConfigError(f"--by and --reason: 1 to {TEXT_MAX} characters")
    return Decision(int(time.time()), who, why)


def _cti(text: str) -> bytes:
    try:
        cti = bytes.fromhex(text)
    except ValueError:
        cti = b""
    if len(cti) != CTI_BYTES:
        raise ConfigError(f"{text}: a number of an attestation has 32 hexadecimal digits")
    return cti


def _sign(config: Config, registry: Registry, payload: bytes) -> bytes:
    return envelope.sign(payload, registry.backend.sign.kid, keys.load_private(config.sign_key))
