"""The face on the device: nets of integers run in place, what prepares their pictures and reads their results."""
