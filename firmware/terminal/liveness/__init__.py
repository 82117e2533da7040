"""Is a living person in front of the camera, and the same one all the time? Decided from what the face engine sees.

Pure: frames come in as numbers (check.Frame), instructions and a result go out; no camera, no clock, no pictures.

    observation   what the points of a face say: turn, mouth, distance, shape; whether it moved like a flat picture
    gate          is the picture good enough to begin? if not, the one thing the person is told to do
    measure       light, sharpness and colour of a picture
    plan          what will be asked, drawn from the transaction's nonce: the verifier can draw it again
    continuity    the stream of pictures is whole, fresh, and shows one face that never jumps
    attempt       the moves: only what was asked may happen, in its time
    light         does the colour of the face follow the colour that the terminal shines?
    check         all of it, at most three attempts, and the result
"""
