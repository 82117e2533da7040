"""Configuration for mosquitto 2.0 in place of the embedded broker: the same certificates, the same topic rules."""

import os
import pwd
from pathlib import Path

from host_agent.broker_watch import DROPPED_TOPIC
from host_agent.config import Config
from host_agent.errors import ConfigError

CONFIG_NAME = "mosquitto.conf"
ACL_NAME = "mosquitto.acl"

# The user name is the certificate's common name, and the client id as well: no device can take another's place.
# PUBACK means nothing here (mosquitto keeps what it acknowledged in memory): terminals wait for the agent's receipt.
# The queue for an absent agent holds the full windows of 340 terminals, 48 records of at most 8 KiB each. Beyond
# that mosquitto drops the newest, says so in $SYS alone, and the terminals send it again. No message_size_limit: what
# that forbids is acknowledged and dropped; what max_packet_size forbids ends the sender's connection.
_CONFIG = """\
# made by: shiming agent broker-config mosquitto
per_listener_settings false
user {user}
listener {port} {host}
cafile {ca}
certfile {certificate}
keyfile {key}
{crl}tls_version tlsv1.2
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file {acl}
max_packet_size 65536
max_queued_messages 20000
max_queued_bytes 134217728
max_inflight_messages 100
persistence true
persistence_location {folder}/
autosave_interval 1
log_dest stderr
log_type error
log_type warning
"""

# The agent has no more rights than it needs, so that its canaries need a terminal's: `up/canary` is written by the
# first pattern, `down/canary` read by the last.
_ACL = """\
user {agent_id}
topic read rnr/v1/+/+/up/#
topic read rnr/v1/+/+/state
topic write rnr/v1/+/+/down/#
topic write rnr/v1/+/epoch
topic read {dropped}

pattern write rnr/v1/+/%u/up/#
pattern write rnr/v1/+/%u/state
pattern read rnr/v1/+/%u/down/#
pattern read rnr/v1/+/epoch
"""


def build(config: Config, folder: Path) -> dict[str, str]:
    """File name to content. mosquitto runs as whoever asks for this: the keys are readable for that user."""
    broker = config.broker
    if broker.certificate is None or broker.key is None:
        raise ConfigError("broker.certificate and broker.key: needed for mosquitto's configuration")
    text = _CONFIG.format(
        user=pwd.getpwuid(os.geteuid()).pw_name,
        host=broker.host,
        port=broker.port,
        ca=broker.ca.resolve(),
        certificate=broker.certificate.resolve(),
        key=broker.key.resolve(),
        crl="" if broker.crl is None else f"crlfile {broker.crl.resolve()}\n",
        acl=folder.resolve() / ACL_NAME,
        folder=folder.resolve(),
    )
    return {CONFIG_NAME: text, ACL_NAME: _ACL.format(agent_id=config.agent.id, dropped=DROPPED_TOPIC)}
