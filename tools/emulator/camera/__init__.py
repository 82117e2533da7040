"""The emulated camera: people and attackers who see the terminal's screen and answer it, and the pictures of them.

head      a head in 3D: the 468 points of the face mesh, shaped by a number; poses; projection
actor     what stands before the camera at a moment, and people who do what the screen says
attacks   those who try to pass with a picture, a film, or another's face
portrait  paints a head by code: no picture of a real person is in this repository
camera    pictures at so many a second into one buffer, as a sensor gives them
"""
