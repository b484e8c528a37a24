"""Which settings of two configs differ."""

import re

# What may change between two starts of a run: where it runs and what it tells, not what it learns.
FREE = re.compile(
    r'(work_dir|load_from|resume|launcher|log_level|log_processor|experiment_name|env_cfg'
    r'|vis_backends|visualizer|default_hooks\.(logger|timer|checkpoint|run_record|resume|finite_loss'
    r'|num_class_check)'
    r'|\w+_dataloader\.(num_workers|persistent_workers|pin_memory|prefetch_factor)'
    r'|\w+\.dataset(\.\w+)*\.(data_root|bad_files)|(test|tta)_\w+)(\.|$)'
)


def flat(config: dict, prefix: str = '') -> dict:
    """Dotted keys and plain values of nested dicts and lists."""
    items = config.items() if isinstance(config, dict) else enumerate(config)
    found = {}
    for key, value in items:
        if isinstance(value, (dict, list, tuple)) and value:
            found.update(flat(value, f'{prefix}{key}.'))
        else:
            found[f'{prefix}{key}'] = value
    return found
