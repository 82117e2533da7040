"""The check of liveness against scripted people and attackers, with and without pictures. The players: tools/face."""
