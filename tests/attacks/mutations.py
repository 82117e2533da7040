"""Takes checks away, one at a time, in a copy of the tree: exactly the attack that each was made for must then succeed.

`python -m tests.attacks.mutations [NAME...] [--list]`, a name being that of an attack. Exit code 1: a check that is not
missed, or one whose absence another attack notices as well.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = (
    "host_agent",
    "firmware",
    "tools",
    "tests/attacks",
    "tests/host_agent",
    "tests/cpython",
    "tests/fuzz/paths.py",
)
SINGLE = ("pyproject.toml", "tests/__init__.py", "tests/conftest.py", "tests/fuzz/__init__.py")
FAILED = re.compile(r"^(?:FAILED|ERROR) tests/attacks/test_(\w+)\.py", re.MULTILINE)
DEADLINE_S = 300
MEMORY = Path("/dev/shm")  # where there is one: on a disk the stores' fsync takes most of the time


@dataclass(frozen=True, slots=True)
class Mutation:
    """`there` stands in the file once; `gone` is what is left of it without the check."""

    attack: str
    file: str
    there: str
    gone: str


POLICY = "host_agent/policy.py"
MUTATIONS = (
    Mutation("seq_rewind", POLICY, "if chain.at_seq not in (None, context.token_sha256):", "if False:"),
    Mutation("chain_fork", POLICY, "if chain.has_other_with_prev:", "if False:"),
    Mutation("prev_substitution", POLICY, "chain.before not in (None, evidence.prev) or ", ""),
    Mutation("late_substitution", POLICY, " or chain.prev_of_next not in (None, context.token_sha256)", ""),
    Mutation("nonce_reuse", POLICY, "if order.is_answered:", "if False:"),
    Mutation("invented_nonce", POLICY, 'return "nonce-unknown"', "return None"),
    Mutation("foreign_nonce", POLICY, "if order.device != device.id or order.order_id", "if order.order_id"),
    Mutation("channel_swap", POLICY, "if evidence.results.channel != order.channel else", "if False else"),
    Mutation("cti_reuse", POLICY, 'return "cti-reused" if context.is_cti_known else None', "return None"),
    Mutation("cross_device_replay", POLICY, "if context.publisher != device.id or evidence.ueid", "if evidence.ueid"),
    Mutation("backdated_key", POLICY, "max(signed_at, earliest)", "signed_at"),
    Mutation("unverified_boot", POLICY, "(evidence.oemboot and evidence.dbgstat", "(evidence.dbgstat"),
    Mutation("debug_build", POLICY, "evidence.oemboot and evidence.dbgstat >= DBGSTAT_DISABLED", "evidence.oemboot"),
    Mutation("firmware_downgrade", POLICY, "        or firmware_code(evidence, context.firmware)\n", ""),
    Mutation("order_kept_back", POLICY, 'return "nonce-expired" if evidence.iat > last_s else None', "return None"),
    Mutation("match_missing", POLICY, 'if policy.require == "match" and not', "if False and not"),
    Mutation("face_threshold_lowered", POLICY, 'return "match-threshold-low" if', "return None if"),
    Mutation("face_model_unlisted", POLICY, "if min_permille is None:", "if False:"),
    Mutation("suspended_device", "host_agent/registry.py", 'return "device-suspended"', "return None"),
    Mutation(
        "malleated_signature", "host_agent/store.py", "WHERE payload_sha256 = ?", "WHERE payload_sha256 <> ? AND 0"
    ),
    Mutation("oversize", "host_agent/cbor.py", "if len(data) > max_bytes:", "if False:"),
    Mutation("critical_header", "host_agent/envelope.py", " or CRIT in header:", ":"),
    Mutation("short_signature", "host_agent/envelope.py", "if len(signature) != SIGNATURE_BYTES:", "if False:"),
    Mutation(
        "coordinate_beyond_the_field", "host_agent/keys.py", "if max(point.x, point.y) >= FIELD_PRIME:", "if False:"
    ),
    Mutation("revocation_rolled_back", "host_agent/revocation.py", "if _number(listed) < self._number:", "if False:"),
    Mutation("revoked_device_connects", "host_agent/broker.py", "in (Status.REVOKED, Status.RETIRED):", "in ():"),
    Mutation("retained_order", "host_agent/broker.py", "if place and len(data", "if len(data"),
    Mutation("canary_replay", "host_agent/canary.py", " or payload != _payload(kind, flight.nonce)", ""),
    Mutation("history_reordered", "host_agent/history.py", "if place != (number, prev):", "if False:"),
    Mutation("history_truncated", "host_agent/history.py", "if known is None or known.length == 0:", "if True:"),
    Mutation(
        "rotation_to_anothers_key",
        "host_agent/rotation.py",
        "    envelope.check_signature(proof, rotation.to_prove(), rotation.public_key)\n",
        "",
    ),
    Mutation(
        "backend_receipt_for_another", "host_agent/forwarder.py", "receipt.about(row.sha256)", "receipt.answers[0]"
    ),
    Mutation("expired_card", "tools/backend/appraisal.py", "today > identity.valid_to:", "False:"),
    Mutation(
        "foreign_receipt",
        "firmware/terminal/agent_messages.py",
        'if _take(claims, 256, bytes) != ueid:\n            raise ReceiptInvalid("receipt for another terminal")',
        "",
    ),
    Mutation(
        "receipt_answers_twice",
        "firmware/terminal/agent_messages.py",
        "len({receipt.token_sha256 for receipt in receipts}) == len(receipts)",
        "len(receipts)",
    ),
    Mutation("receipt_of_wrong_size", "firmware/terminal/agent_messages.py", "<= RECEIPTS_MAX:", "<= 99:"),
    Mutation(
        "foreign_order",
        "firmware/terminal/agent_messages.py",
        'if _take(claims, 256, bytes) != ueid:\n            raise OrderInvalid("order for another terminal")',
        "",
    ),
    Mutation(
        "preissued_as_online",
        POLICY,
        "if (evidence.freshness.kind is FreshnessKind.PREISSUED) != order.is_preissued:",
        "if False:",
    ),
    Mutation("unknown_epoch", POLICY, 'return "epoch-unknown"', "return None"),
    Mutation("epoch_from_later", POLICY, "if epoch_iat is not None and epoch_iat > made_at + SKEW_S:", "if False:"),
    Mutation("stale_epoch", POLICY, 'return "epoch-stale" if epoch_iat is None or', "return None if True or"),
    Mutation("reserve_beyond_its_cap", "host_agent/reserve.py", "if orders and orders_there + orders >", "if 0 >"),
    Mutation("epoch_by_a_terminal", "host_agent/broker.py", "return action is not Action.PUBLISH", "return True"),
    Mutation(
        "foreign_sheet",
        "firmware/terminal/agent_messages.py",
        'if _take(claims, 256, bytes) != ueid:\n            raise OrderInvalid("sheet for another terminal")',
        "",
    ),
    Mutation("expired_sheet", "firmware/terminal/reserve.py", "if sheet.expires_at <= self._clock.now():", "if False:"),
    Mutation(
        "sheet_entry_reuse", "firmware/terminal/reserve.py", "if not self._queue.has_order(order_id):", "if True:"
    ),
    Mutation("sheet_entry_after_its_end", POLICY, "context.reserve.grace_s if", "2**40 if"),
    Mutation("order_replay", "firmware/terminal/orders.py", "if not self._queue.has_order(order.id) and", "if"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    mutation: Mutation
    failed: frozenset[str]
    seconds: float

    @property
    def is_exact(self) -> bool:
        return self.failed == {self.mutation.attack}


@contextmanager
def copied_tree() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="shiming-mutations-", dir=MEMORY if MEMORY.is_dir() else None) as name:
        tree = Path(name)
        for part in (*COPIED, *SINGLE):
            target = tree / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, target, ignore=shutil.ignore_patterns("__pycache__", "*.net"))
            else:
                shutil.copy(ROOT / part, target)
        yield tree


def failing(tree: Path, attacks: Sequence[str] = ()) -> frozenset[str]:
    """The attacks that succeed in this tree; of these, or of all."""
    files = [f"tests/attacks/test_{attack}.py" for attack in attacks] or ["tests/attacks"]
    # The tests of the book itself are no attacks.
    left_out = [f"--ignore=tests/attacks/test_{name}.py" for name in ("book", "mutations")]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
    command += [f"--basetemp={tree / 'tmp'}", *left_out, *files]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return frozenset(FAILED.findall(done.stdout))


def remove(tree: Path, mutation: Mutation, attacks: Sequence[str] = ()) -> Finding:
    """Without the check, for as long as the tests run."""
    path = tree / mutation.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(mutation.there) != 1:
        raise ValueError(f"{mutation.file}: the check against {mutation.attack} is not there as it was")
    began = time.monotonic()
    path.write_text(whole.replace(mutation.there, mutation.gone), encoding="utf-8")
    try:
        return Finding(mutation, failing(tree, attacks), time.monotonic() - began)
    finally:
        path.write_text(whole, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.attacks.mutations", description="Example: python -m tests.attacks.mutations seq_rewind"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="attacks whose check is to go; all if not given")
    parser.add_argument("--list", action="store_true", help="print what would be taken away")
    options = parser.parse_args()
    unknown = set(options.names) - {mutation.attack for mutation in MUTATIONS}
    if unknown:
        parser.error(f"no mutation for: {', '.join(sorted(unknown))}")
    chosen = [one for one in MUTATIONS if not options.names or one.attack in options.names]
    if options.list:
        for one in chosen:
            print(f"{one.attack:28} {one.file}: {one.there.strip()!r} -> {one.gone!r}")
        return 0
    return _report(chosen)


def _report(chosen: Sequence[Mutation]) -> int:
    exact = 0
    with copied_tree() as tree:
        if failed := failing(tree):
            print(f"with every check in place these fail: {', '.join(sorted(failed))}")
            return 1
        print("with every check in place: every attack is refused", flush=True)
        for number, one in enumerate(chosen, 1):
            found = remove(tree, one)
            exact += found.is_exact
            verdict = "exactly it" if found.is_exact else f"NOT EXACT: {', '.join(sorted(found.failed)) or 'nothing'}"
            line = (
                f"{number:3}/{len(chosen)}  {one.attack:28} without its check in {one.file:36} {found.seconds:5.1f} s"
            )
            print(f"{line}  succeeds: {verdict}", flush=True)
    print(f"{exact} of {len(chosen)} checks are missed by exactly one attack")
    return 0 if exact == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
