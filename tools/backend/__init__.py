"""The reference registration backend: verifies on its own, opens the sealed identity, keeps the operator's books.

A real operator replaces it and uses the same library: `host_agent.envelope`, `attestation` and `sealed`.
"""
