"""Every picture that the screen can show: (name, what is said to the panel). Read by draw.py under MicroPython, too."""

PERSON = "测＊＊ ＊＊＊0017"
NUMBER = "17000000001"
ONLINE = (("online", None, None), ("waiting", None, 0))
BUSY_OFFLINE = (("offline", None, None), ("waiting", None, 12), ("clock", None, 2))

STATES = (
    "starting",
    "idle",
    "ready",
    "found",
    "reading",
    "card-lost",
    "card-left",
    "read",
    "read-look",
    "face-look",
    "face-alone",
    "face-closer",
    "face-farther",
    "face-center",
    "face-lighter",
    "face-glare",
    "face-neutral",
    "challenge-mouth",
    "challenge-left",
    "challenge-right",
    "challenge-stay",
    "challenge-back",
    "face-again",
    "passed",
    "cancelling",
)
REFUSALS = (
    "cancelled",
    "card-fault",
    "card-removed",
    "card-unverified",
    "card-unsupported",
    "card-malformed",
    "number-invalid",
    "card-expired",
    "card-not-yet-valid",
    "card-timeout",
    "reader-timeout",
    "clock-untrusted",
    "code-of-a-newer-firmware",
)
AGAIN = ("face-several", "face-timeout", "face-moved-unasked", "face-light-mismatch")
FAULTS = (
    "internal",
    "reader-fault",
    "reader-timeout",
    "reader-unauthorised",
    "reader-self-test",
    "queue-fault",
    "queue-full",
    "config-invalid",
    "face-model-refused",
)


def shots() -> list:
    found = [("switched-on", ())]
    found += [(state, ONLINE + ((state, None, 333 if state.startswith("challenge") else None),)) for state in STATES]
    found += [("again-" + code, ONLINE + (("face-again", code, 2),)) for code in AGAIN]
    found += [("refused-" + code, ONLINE + (("refused", code, 7),)) for code in REFUSALS]
    found += [("fault-" + code, ONLINE + (("fault", code, None),)) for code in FAULTS]
    queued = ("queued", None, 7)
    ready_offline = ("ready-offline", None, None)
    return found + [
        ("idle-offline", BUSY_OFFLINE + (("idle", None, None),)),
        ("ready-offline", BUSY_OFFLINE + (ready_offline,)),
        ("queued-offline-number", BUSY_OFFLINE + (ready_offline, queued)),
        ("fault-no-offline-order", BUSY_OFFLINE + (("fault", "no-offline-order", None),)),
        ("hold-begun", ONLINE + (("hold", None, 80),)),
        ("hold-nearly-done", ONLINE + (("hold", None, 900),)),
        ("not-passed-not-live", ONLINE + (("not-passed", "face-not-live", 3),)),
        ("not-passed-mismatch", ONLINE + (("not-passed", "face-mismatch", 1),)),
        ("queued", ONLINE + (queued,)),
        ("queued-offline", BUSY_OFFLINE + (queued,)),
        ("delivered", ONLINE + (queued, ("stored", None, 7))),
        ("refused-by-agent", ONLINE + (queued, ("refused-by-agent", "nonce-expired", 7))),
        ("suspended", ONLINE + (("suspended", "terminal-suspended", None),)),
        ("locked", ONLINE + (("locked", "terminal-locked", None),)),
    ]
