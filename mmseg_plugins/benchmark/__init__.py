"""What the tools that measure speed are made of; nothing here takes part in a training."""
