"""The shared vectors that concern the host: encoding, signatures, the worked example and its negatives."""

import base64

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import attestation, cbor, envelope, keys, sealed
from host_agent.envelope import Envelope
from host_agent.errors import TokenRefused
from tests.host_agent.terminal_double import MODELS, liveness, match
from tests.shared import SHARED, load_vectors
from tools.backend import appraisal

PROFILE = "tag:example.org,2026:rnr-evidence#1"


# --- CBOR


def test_deterministic_cbor_is_accepted():
    for case in load_vectors("cbor/deterministic.json")["accept"]:
        data = bytes.fromhex(case["hex"])
        assert cbor.encode(cbor.decode(data)) == data, case["diag"]


def test_other_cbor_is_refused():
    for case in load_vectors("cbor/deterministic.json")["reject"]:
        with pytest.raises(TokenRefused):
            cbor.decode(bytes.fromhex(case["hex"]))
            pytest.fail(case["why"])


# --- COSE_Sign1 and ECDSA


def _lenient(name: str) -> tuple[Envelope, ec.EllipticCurvePublicKey]:
    """The public examples keep their kid in the unprotected header: `parse` refuses them, `verify` must not."""
    vector = load_vectors(f"cose/{name}.json")
    message = cbor2.loads(bytes.fromhex(vector["output"]["cbor"]))
    parts = message.value if isinstance(message, cbor2.CBORTag) else message
    key = vector["input"]["sign0"]["key"]
    public_key = keys.public_from_xy(_base64(key["x"]), _base64(key["y"]))
    protected = b"" if parts[0] == b"\xa0" else parts[0]  # RFC 9052 section 4.4: an empty map counts as empty
    return Envelope(b"", protected, b"", None, parts[2], parts[3]), public_key


def _base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("name", ["sign1-tests/sign-pass-01", "sign1-tests/sign-pass-03", "RFC8152/Appendix_C_2_1"])
def test_public_signatures_verify(name):
    envelope.verify(*_lenient(name))


@pytest.mark.parametrize("name", ["sign1-tests/sign-fail-02", "sign1-tests/sign-fail-06"])
def test_public_signatures_that_must_fail_do(name):
    with pytest.raises(TokenRefused) as caught:
        envelope.verify(*_lenient(name))
    assert caught.value.code == "signature-invalid"


def test_wycheproof_signatures_are_judged_as_published():
    seen = {"valid": 0, "invalid": 0}
    for group in load_vectors("wycheproof/ecdsa_secp256r1_sha256_p1363_test.odd.json")["testGroups"]:
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        public_key = keys.public_from_xy(point[1:33], point[33:])
        for case in group["tests"]:
            try:
                envelope.check_signature(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]), public_key)
                result = "valid"
            except TokenRefused:
                result = "invalid"
            assert case["result"] in (result, "acceptable"), case["tcId"]
            seen[result] += 1
    assert seen["valid"] > 20 and seen["invalid"] > 20, seen


# --- the worked example of the profile


@pytest.fixture(scope="module")
def example():
    return load_vectors("profile-example/evidence-1.json")


@pytest.fixture(scope="module")
def terminal_key(example):
    return ec.derive_private_key(int(example["terminal_key"]["d"], 16), ec.SECP256R1())


@pytest.fixture(scope="module")
def backend_key(example):
    return ec.derive_private_key(int(example["backend_key"]["d"], 16), ec.SECP256R1())


def completed(payload: bytes) -> bytes:
    """The example's claims with those that our own profile demands on top, so that only the example's fault is left.
    Of the face our profile says more than its one score and threshold."""
    claims = cbor.decode(payload)
    claims[-70003] |= {3: liveness(), 4: match(), 13: MODELS, 7: 1, 9: "order-1", 10: "sam", 11: [True, 1], 12: 2000}
    claims[-70006] = [False, 3, 2]
    claims[-70007] = [1, None]
    claims[-70008] = 1
    return cbor.encode(claims)


def test_the_example_is_signed_again_to_the_same_bytes(example, terminal_key):
    token = envelope.sign(
        bytes.fromhex(example["payload"]),
        example["terminal_key"]["kid"].encode(),
        terminal_key,
        attestation.EVIDENCE_TYP,
    )
    assert token.hex() == example["token"]


def test_the_example_verifies(example, terminal_key):
    parsed = envelope.parse(bytes.fromhex(example["token"]))
    envelope.verify(parsed, terminal_key.public_key())
    assert parsed.sha256.hex() == example["token_sha256"] and parsed.typ == attestation.EVIDENCE_TYP
    evidence = attestation.parse_evidence(completed(parsed.payload), PROFILE)
    assert (evidence.seq, evidence.iat, evidence.dbgstat) == (1001, 1767225600, 2)


def test_the_example_opens(example, backend_key):
    steps = example["encrypt_steps"]
    assert sealed.KDF_CONTEXT.hex() == steps["kdf_context"]
    evidence = attestation.parse_evidence(completed(bytes.fromhex(example["payload"])), PROFILE)
    assert evidence.identity is not None and evidence.identity.hex() == steps["cose_encrypt"]
    kid = example["backend_key"]["kid"].encode()
    assert sealed.unseal(evidence.identity, _bound_to(evidence), backend_key, kid).hex() == example["pii_plaintext"]


def _bound_to(evidence: attestation.Evidence) -> bytes:
    return cbor.encode([evidence.profile, evidence.ueid, evidence.cti, evidence.seq])


# The stage at which each negative is refused, and its code.
NEGATIVES = {
    "flip one payload bit": ("verify", "signature-invalid"),
    "flip one signature bit": ("verify", "signature-invalid"),
    "signature r=s=0": ("verify", "signature-invalid"),
    "signature 63 bytes": ("verify", "signature-invalid"),
    "DER instead of r||s": ("verify", "signature-invalid"),
    'context string "Signature" instead of "Signature1"': ("verify", "signature-invalid"),
    "alg moved to unprotected": ("parse", "token-malformed"),
    "alg none (0)": ("parse", "token-malformed"),
    "alg EdDSA with an ECDSA signature": ("parse", "token-malformed"),
    "unknown crit header": ("parse", "token-malformed"),
    "tag 17 (Mac0) instead of 18": ("parse", "token-malformed"),
    "untagged": ("parse", "token-malformed"),
    "trailing byte": ("parse", "token-malformed"),
    "iat null": ("claims", "claims-malformed"),
    "iat as float 1767225600.0": ("claims", "token-malformed"),
    "nonce missing": ("claims", "claims-malformed"),
    "nonce 7 bytes (minimum is 8)": ("claims", "claims-malformed"),
    "ueid 34 bytes (maximum is 33)": ("claims", "claims-malformed"),
    "dbgstat enabled: valid signature, policy must reject": ("policy", "device-debug"),
    "other profile: valid signature, policy must reject": ("claims", "profile-unknown"),
    "sequence number changed so the encryption external_aad no longer matches": ("open", "seal-invalid"),
    "signature s replaced by n-s": ("duplicate", None),
}


def _negatives() -> list:
    if not (SHARED / "vectors/profile-example/evidence-1-negative.json").exists():
        return []
    return load_vectors("profile-example/evidence-1-negative.json")["cases"]


def _expected(why: str) -> tuple[str, str | None]:
    return next(verdict for start, verdict in NEGATIVES.items() if why.startswith(start))


def _judge(token: bytes, example, terminal_key, backend_key) -> tuple[str, str | None]:
    """The steps of a verifier, one after the other."""
    stage = "parse"
    try:
        parsed = envelope.parse(token)
        stage = "verify"
        envelope.verify(parsed, terminal_key.public_key())
        stage = "claims"
        evidence = attestation.parse_evidence(completed(parsed.payload), PROFILE)
        stage = "policy"
        if not evidence.oemboot or evidence.dbgstat < appraisal.DBGSTAT_DISABLED_SINCE_BOOT:
            raise TokenRefused("device-debug")
        stage = "open"
        assert evidence.identity is not None
        kid = example["backend_key"]["kid"].encode()
        sealed.unseal(evidence.identity, _bound_to(evidence), backend_key, kid)
    except TokenRefused as refused:
        return stage, refused.code
    original = envelope.parse(bytes.fromhex(example["token"]))
    return ("duplicate" if parsed.payload_sha256 == original.payload_sha256 else "accepted"), None


@pytest.mark.parametrize("case", _negatives(), ids=lambda case: case["why"][:40])
def test_a_negative_is_refused_at_its_stage(case, example, terminal_key, backend_key):
    assert _judge(bytes.fromhex(case["token"]), example, terminal_key, backend_key) == _expected(case["why"])


def test_every_negative_was_there():
    cases = load_vectors("profile-example/evidence-1-negative.json")["cases"]
    assert len(cases) == len(NEGATIVES) == 22
