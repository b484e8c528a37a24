# The backbone's blocks keep their input alone and are computed once more in the backward pass: less
# memory, more time, equal results. See docs/speed_options.md.
checkpointing = dict(checkpointing=dict(type='CheckpointingHook'))
