"""The real boards on paper: pin maps, wiring, parts, power, flash and sizes, made from one file a board and checked."""
