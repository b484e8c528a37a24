# The CutMix partner is the next image of the batch, whose pseudo label is there already: one stream
# and one pass fewer. See docs/speed_options.md.
batch_partner = dict(box=dict(partner='batch'))
