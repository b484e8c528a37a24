# Half a batch at a time, twice a step, for a GPU of half the memory. See docs/speed_options.md and
# docs/fewer_gpus.md.
accumulate = dict(accumulate=2)
