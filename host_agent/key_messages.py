"""What the agent says to a terminal of its attestation key (PROTOCOL.md section 8): values in, claims out. Pure."""

from host_agent import cbor

KEY_PROFILE = "tag:shiming.example,2026:key-order#1"
EXP, NBF, IAT, UEID, PROFILE, SHA256, ENDS, REPLACES = 4, 5, 6, 256, 265, -70020, -70040, -70042


def build_request(ueid: bytes, kid: bytes, *, iat: int, exp: int, begins: int, ends: int) -> bytes:
    """Make a new key in the place of the one with this kid."""
    return cbor.encode(
        {
            EXP: exp,
            NBF: begins,
            IAT: iat,
            UEID: ueid,
            PROFILE: KEY_PROFILE,
            ENDS: ends,
            REPLACES: kid,
        }
    )


def build_acceptance(ueid: bytes, sha256: bytes, iat: int) -> bytes:
    """The operator has taken over the key of the statement with this hash."""
    return cbor.encode({IAT: iat, UEID: ueid, PROFILE: KEY_PROFILE, SHA256: sha256})
