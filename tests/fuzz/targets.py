"""Every target by name. Those of the firmware are portable, `font` only on MicroPython; the host's are for CPython."""

from collections import namedtuple

from tests.fuzz import assets, frames, numbers, texts, wire

# `check` raises on a finding; `seeds` gives the inputs to begin with, most of them well-formed
Target = namedtuple("Target", ("check", "seeds", "size_max"))

FIRMWARE = {
    "stream": Target(frames.check_stream, frames.stream_seeds, 1400),
    "answer": Target(frames.check_answer, frames.answer_seeds, 1300),
    "block": Target(texts.check_block, texts.block_seeds, 258),
    "document": Target(texts.check_document, texts.document_seeds, 400),
    "validity": Target(texts.check_validity, texts.validity_seeds, 40),
    "number": Target(numbers.check_number, numbers.seeds, 64),
    "cbor": Target(wire.check_cbor, wire.cbor_seeds, 512),
    "cose": Target(wire.check_cose, wire.cose_seeds, 512),
    "messages": Target(wire.check_messages, wire.messages_seeds, 512),
    "mqtt": Target(wire.check_mqtt, wire.mqtt_seeds, 600),
    "words": Target(assets.check_words, assets.words_seeds, 300),
}
if assets.font is not None:
    FIRMWARE["font"] = Target(assets.check_font, assets.font_seeds, 300)


def load() -> dict:
    from tests.fuzz import custody, host

    return dict(
        FIRMWARE,
        **{
            "host-number": Target(host.check_numbers, numbers.seeds, 64),
            "host-identity": Target(host.check_identity, host.identity_seeds, 800),
            "host-cose": Target(host.check_cose, wire.cose_seeds, 512),
            "host-cbor": Target(host.check_cbor, wire.cbor_seeds, 512),
            "host-tokens": Target(host.check_tokens, host.token_seeds, 1024),
            "host-custody": Target(custody.check_custody, custody.custody_seeds, 2048),
        },
    )
