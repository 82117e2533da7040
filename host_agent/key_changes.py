"""Key rotations on their way: the terminal is asked for a key, and told once the operator has taken it over.

The operator decides in between, with `shiming agent device rotate` (`device_cli`): nothing here changes the registry.
"""

import hashlib
import time
from collections.abc import Callable
from enum import StrEnum

from host_agent import key_messages
from host_agent.ingest import Signer
from host_agent.key_tables import KeyChange
from host_agent.orders import OrderRefused
from host_agent.registry import Device, Registry, state_code
from host_agent.rotation import OVERLAP_MAX_S
from host_agent.rounds import Rounds
from host_agent.store import Store

LAPSED_S = 60  # a statement has lapsed for good: no acceptance can have slipped in at the last moment


class Stage(StrEnum):
    ASKED = "asked"
    EXPIRED = "expired"  # without an answer
    STATED = "stated"  # the operator's turn
    LAPSED = "lapsed"  # nobody took it over while the old key would have been valid
    ACCEPTED = "accepted"  # the terminal's turn
    USED = "used"


class KeyChanges:
    """All state is in store and registry: a new process goes on where the last one was killed."""

    def __init__(self, store: Store, registry: Registry, signer: Signer, publish: Callable[[str, bytes], None]) -> None:
        self._store = store
        self._registry = registry
        self._signer = signer
        self._publish = publish
        self._rounds = Rounds("key requests", self._send_all, self._send_some)
        self.run = self._rounds.run

    def ask(self, device_id: str, delay_s: int, overlap_s: int) -> tuple[KeyChange, Stage]:
        """Both keys are to be valid for `overlap_s`, `delay_s` from now on. Until then a terminal may answer."""
        device = self._device(device_id)
        if code := state_code(device.status):
            raise OrderRefused(code)
        if delay_s < 0 or not 0 < overlap_s <= OVERLAP_MAX_S:
            raise OrderRefused("request-malformed", "both keys are valid together for at most 31 days")
        now = int(time.time())
        begins = now + delay_s
        ends = begins + overlap_s
        request = key_messages.build_request(device.ueid, device.kid, iat=now, exp=ends, begins=begins, ends=ends)
        change = KeyChange(device.id, device.kid, self._signer.sign(request), ends)
        with self._store.transaction():
            before = self._store.key_change(device.id)
            if before is not None and self._is_open(before, device, now):
                raise OrderRefused("rotation-pending", f"{device.id} has a statement that is being dealt with")
            self._store.ask_for_key(change)
        return change, Stage.ASKED

    def look(self, device_id: str) -> tuple[KeyChange, Stage]:
        device = self._device(device_id)
        change = self._store.key_change(device.id)
        if change is None:
            raise OrderRefused("rotation-unasked", f"{device.id} was not asked for a new key")
        return change, stage_of(change, device, int(time.time()))

    def wake(self, device_id: str) -> None:
        """The terminal came online, is asked for a key, or may have changed. From the event loop's thread."""
        self._rounds.wake(device_id)

    def _send_all(self) -> None:
        self._send(self._store.key_changes())

    def _send_some(self, devices: set[str]) -> None:
        for device_id in devices:
            self._send(self._store.key_changes(device_id))

    def _device(self, device_id: str) -> Device:
        device = self._registry.device(device_id)
        if device is None:
            raise OrderRefused("device-unknown")
        return device

    def _is_open(self, change: KeyChange, device: Device, now: int) -> bool:
        """Its statement may still be taken over, or has been and is not in use."""
        stage = stage_of(change, device, now - LAPSED_S)
        return stage in (Stage.STATED, Stage.ACCEPTED)

    def _send(self, changes: list[KeyChange]) -> None:
        now = int(time.time())
        for change in changes:
            device = self._registry.device(change.device)
            if device is None or state_code(device.status) is not None:
                continue
            message = self._message(change, device, now)
            if message is not None:
                self._publish(f"rnr/v1/{device.tenant}/{device.id}/down/key", message)

    def _message(self, change: KeyChange, device: Device, now: int) -> bytes | None:
        match stage_of(change, device, now):
            case Stage.ASKED:
                return change.request
            case Stage.ACCEPTED if change.statement is not None and change.begins is not None and change.begins <= now:
                sha256 = hashlib.sha256(change.statement).digest()
                return self._signer.sign(key_messages.build_acceptance(device.ueid, sha256, now))
        return None


def stage_of(change: KeyChange, device: Device, now: int) -> Stage:
    if change.used_at is not None:
        return Stage.USED
    if change.new_kid is None or change.ends is None:
        return Stage.ASKED if now < change.exp else Stage.EXPIRED
    if device.key(change.new_kid) is not None:
        return Stage.ACCEPTED
    return Stage.STATED if now < change.ends else Stage.LAPSED
