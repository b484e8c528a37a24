# The student's parts through torch.compile; checkpoints stay as they are. See
# docs/speed_options.md.
# (MMEngine takes a variable `compile` for its own, which compiles the whole step.)
compile_student = dict(compile=dict(type='CompileHook'))
