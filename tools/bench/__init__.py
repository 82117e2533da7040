"""Measurements, each a module to be run by hand."""
