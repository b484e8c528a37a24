# What every run writes, with any tracker: scalars.json, from which tools/gather_results.py takes
# curves.
visualizer = dict(type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
