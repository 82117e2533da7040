"""Whether the tokens of one key are all there: `seq` without a hole, each with the hash of the one before. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NO_PREVIOUS = bytes(32)


@dataclass(frozen=True, slots=True)
class Token:
    seq: int
    prev: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong from one sequence number to another."""

    code: str
    first: int
    last: int
    message: str


@dataclass(frozen=True, slots=True)
class End:
    """Where the chain must at least have come to, by a statement that the key itself has signed."""

    seq: int
    sha256: bytes


def prove(
    tokens: Iterable[Token],
    first: int,
    last: int,
    end: End | None = None,
    given_up: Sequence[tuple[int, int]] = (),
) -> list[Finding]:
    """Nothing: the chain is whole from `first` to `last`. `given_up`: first and last number of what the signer itself
    has said, signed, that it does not have any more."""
    at: dict[int, list[Token]] = defaultdict(list)
    for token in tokens:
        at[token.seq].append(token)
    findings = [*_gaps(at, first, last, given_up), *_doubles(at), *_forks(at), *_breaks(at, first)]
    if end is not None and first <= end.seq <= last:
        findings += _wrong_end(at, end)
    return sorted(findings, key=lambda finding: (finding.first, finding.code))


def _gaps(at: dict[int, list[Token]], first: int, last: int, given_up: Sequence[tuple[int, int]]) -> Iterable[Finding]:
    start = first
    for begin, end in sorted([*((seq, seq) for seq in at), *given_up, (last + 1, last + 1)]):
        stop = min(begin, last + 1)
        if start < stop:
            what = f"number {start} is missing" if start == stop - 1 else f"numbers {start} to {stop - 1} are missing"
            yield Finding("chain-gap", start, stop - 1, what)
        start = max(start, end + 1)


def _doubles(at: dict[int, list[Token]]) -> Iterable[Finding]:
    """Two tokens with one number: the counter went back, or (with the same one before them) the chain forked."""
    for seq, tokens in at.items():
        if len(tokens) > 1 and len({token.prev for token in tokens}) > 1:
            yield Finding("chain-regressed", seq, seq, f"{len(tokens)} tokens have the number {seq}")


def _forks(at: dict[int, list[Token]]) -> Iterable[Finding]:
    after: dict[bytes, list[int]] = defaultdict(list)
    for seq, tokens in at.items():
        for token in tokens:
            after[token.prev].append(seq)
    for seqs in after.values():
        if len(seqs) > 1:
            what = f"{len(seqs)} tokens follow the same one, with the numbers {', '.join(map(str, sorted(seqs)))}"
            yield Finding("chain-fork", min(seqs), max(seqs), what)


def _breaks(at: dict[int, list[Token]], first: int) -> Iterable[Finding]:
    for seq, tokens in at.items():
        before = {token.sha256 for token in at.get(seq - 1, [])} or ({NO_PREVIOUS} if seq == 1 else set())
        if before and seq > first and any(token.prev not in before for token in tokens):
            yield Finding("chain-broken", seq, seq, f"number {seq} does not follow number {seq - 1}")


def _wrong_end(at: dict[int, list[Token]], end: End) -> Iterable[Finding]:
    if end.seq and at.get(end.seq) and end.sha256 not in {token.sha256 for token in at[end.seq]}:
        yield Finding(
            "chain-broken", end.seq, end.seq, f"number {end.seq} is not the one named when the key was replaced"
        )
