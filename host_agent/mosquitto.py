"""Configuration for mosquitto 2.0 in place of the embedded broker: the same certificates, the same topic rules."""

import os
import pwd
from pathlib import Path

from host_agent.config import Config
from host_agent.errors import ConfigError

CONFIG_NAME = "mosquitto.conf"
ACL_NAME = "mosquitto.acl"

# The user name is the certificate's common name, and the client id as well: no device can take another's place.
# PUBACK means nothing here (mosquitto keeps what it acknowledged in memory): terminals wait for the agent's receipt.
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
max_queued_messages 100000
max_inflight_messages 100
persistence true
persistence_location {folder}/
autosave_interval 1
log_dest stderr
log_type error
log_type warning
"""

_ACL = """\
user {agent_id}
topic readwrite rnr/#

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
    return {CONFIG_NAME: text, ACL_NAME: _ACL.format(agent_id=config.agent.id)}
