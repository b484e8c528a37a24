# Labelled images alone: mmseg's own segmentor and preprocessor.
streams = [dict(source='labeled', pipeline=[dict(type='PackValidInputs')])]
