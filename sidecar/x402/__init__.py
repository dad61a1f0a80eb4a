"""The x402 wire, without I/O."""
