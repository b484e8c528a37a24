# Convolutions and matrix products in bfloat16; weights, losses, pseudo labels and statistics stay
# in float32. What it gains and costs, and how any leaf takes it: docs/speed_options.md.
bf16 = dict(type='BFloat16OptimWrapper')
