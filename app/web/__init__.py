"""What every view shares: errors, the gate, the root, blueprints, sending, tracing."""
