"""The test authority: keys, certificates and the registry for demo and tests, never for production."""
