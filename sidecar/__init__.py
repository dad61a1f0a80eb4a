"""The payment sidecar: sells the calls of an HTTP agent and books what they earn and cost."""
