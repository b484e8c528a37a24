# Weights and feature maps in NHWC order, in which many convolutions are faster. See
# docs/speed_options.md.
channels_last = dict(channels_last=dict(type='ChannelsLastHook'))
