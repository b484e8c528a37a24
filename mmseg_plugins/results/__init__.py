"""From run folders to tables and figures; the scripts in ``tools/`` are thin fronts of it."""
