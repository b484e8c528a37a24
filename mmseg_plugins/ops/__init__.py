"""Pure tensor functions: no state, no configuration, no registry."""
