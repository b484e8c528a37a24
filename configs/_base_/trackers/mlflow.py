# `pip install mlflow`. Into ./mlflow.db (`mlflow ui --backend-store-uri sqlite:///mlflow.db`), or
# to the server that MLflow's own variable MLFLOW_TRACKING_URI names; mmengine's own default, a
# folder of files, is one that MLflow 3 refuses.
_base_ = './local.py'
visualizer = dict(
    vis_backends=[
        dict(type='LocalVisBackend'),
        dict(
            type='MLflowVisBackend',
            exp_name='mmseg-plugins',
            tracking_uri='{{$MLFLOW_TRACKING_URI:sqlite:///mlflow.db}}',
        ),
    ]
)
