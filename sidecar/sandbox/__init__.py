"""An embedded chain, facilitator, agent and buyer; shares no object with the sidecar."""
