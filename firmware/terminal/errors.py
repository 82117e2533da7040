"""The terminal's errors. A class exists because somebody catches it or because its code leaves the device.

Codes are stable: they stand in signed claims and on the screen. Their words are in `host_agent/catalogue.toml`.
"""


class TerminalError(Exception):
    code = "internal"


# --- encoding, signing, sealing


class CborError(TerminalError):
    code = "cbor-malformed"


class CoseError(TerminalError):
    code = "cose-malformed"


class SignatureInvalid(CoseError):
    code = "signature-invalid"


class SealInvalid(CoseError):
    code = "seal-invalid"


class KeyInvalid(CoseError):
    code = "key-invalid"


# --- reader: the module itself is at fault


class ReaderError(TerminalError):
    code = "reader-fault"


class ReaderTimeout(ReaderError):
    code = "reader-timeout"


class ReaderUnauthorised(ReaderError):
    code = "reader-unauthorised"


class ReaderSelfTest(ReaderError):
    code = "reader-self-test"


# --- card: what lies on the reader


class CardError(TerminalError):
    code = "card-fault"


class CardRemoved(CardError):
    code = "card-removed"


class CardUnverified(CardError):
    code = "card-unverified"


class CardUnsupported(CardError):
    code = "card-unsupported"


class CardMalformed(CardError):
    code = "card-malformed"


class NumberInvalid(CardError):
    code = "number-invalid"


class CardExpired(CardError):
    code = "card-expired"


class CardNotYetValid(CardError):
    code = "card-not-yet-valid"


class CardTimeout(CardError):
    code = "card-timeout"


class Cancelled(TerminalError):
    """By the button, before anything was signed."""

    code = "cancelled"


# --- order, storage, link, configuration


class OrderInvalid(TerminalError):
    code = "order-invalid"


class NoOfflineOrder(TerminalError):
    code = "no-offline-order"


class ReceiptInvalid(TerminalError):
    code = "receipt-invalid"


class QueueError(TerminalError):
    code = "queue-fault"


class QueueFull(QueueError):
    code = "queue-full"


class QueueOverdue(QueueFull):
    """The oldest record is too old: nothing more is taken on until it is delivered."""

    code = "queue-overdue"


class MqttError(TerminalError):
    code = "mqtt-malformed"


class LinkDown(TerminalError):
    code = "link-down"


class ConfigInvalid(TerminalError):
    code = "config-invalid"


class AssetInvalid(TerminalError):
    code = "asset-invalid"
