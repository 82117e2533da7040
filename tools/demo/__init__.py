"""`shiming demo`: backend, broker, agent and emulated terminals, and customers who come to them."""
