"""How well the face step does: errors of the comparison on pictures, sessions of honest people and of attackers."""
