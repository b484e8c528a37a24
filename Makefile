# Needs make and Python 3.11 or 3.12; the rest is installed into $(VENV). `make help` lists the targets.

VENV ?= .venv
GPUS ?= 0
# Runs at once, each with its share of the cores; processes of the tests.
JOBS ?= 2
# The CamVid folder: images and masks as in the SegNet tutorial.
CAMVID ?= ../shared/data/camvid

SHAPES_FEW   = suponly_deeplabv3plus-r18n_1xb8u0_shapes_12-96
SHAPES_LONG  = suponly_deeplabv3plus-r18n_1xb8u0_shapes_12-96-3x
# the longest first, so that runs side by side end together
SHAPES_SEMI  = corrmatch_deeplabv3plus-r18n_1xb8u8_shapes_12-96 cutmix_deeplabv3plus-r18n_1xb8u8_shapes_12-96
SHAPES_CUTOUT = cutout_deeplabv3plus-r18n_1xb8u8_shapes_12-96
SHAPES_ALL   = suponly_deeplabv3plus-r18n_1xb8u0_shapes_200-96
CAMVID_RUNS  = suponly_deeplabv3plus-r18n_1xb4u0_camvid_46-240 cutmix_deeplabv3plus-r18n_1xb4u4_camvid_46-240 \
               corrmatch_deeplabv3plus-r18n_1xb4u4_camvid_46-240
SCANS_FEW    = suponly_fidnet-n_1xb4u0_scans_4-32x256
SCANS_SEMI   = cutmix_fidnet-n_1xb4u4_scans_4-32x256
SCANS_ALL    = suponly_fidnet-n_1xb4u0_scans_64-32x256
SHAPES_SEEDS = 0 1 2
SCANS_SEEDS  = 0 1 2
CAMVID_SEEDS = 0

# ---------------------------------------------------------------------------------------------------
BIN     := $(VENV)/bin
LAUNCH   = $(BIN)/python tools/launch.py --executor local
# The benchmarks share one leaderboard: of the runs of both, what is there.
TRAINED   = $(wildcard $(addprefix work_dirs/,$(SHAPES_FEW) $(SHAPES_LONG) $(SHAPES_SEMI) $(SHAPES_CUTOUT) $(SHAPES_ALL) $(CAMVID_RUNS) $(SCANS_FEW) $(SCANS_SEMI) $(SCANS_ALL)))
BASELINES = $(filter $(notdir $(TRAINED)),$(SHAPES_FEW) $(SHAPES_LONG) $(firstword $(CAMVID_RUNS)) $(SCANS_FEW))
leaves   = $(foreach stem,$(1),$(wildcard configs/*/$(stem).py))
FITS     = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON  ?= $(shell for p in python3 python3.12 python3.11 python; do \
             $$p -c '$(FITS)' 2>/dev/null && echo $$p && break; done)
READY   := $(VENV)/.mmseg-plugins-ready
# This tree's package, also where $(VENV) was given and has another checkout installed.
export PYTHONPATH := $(CURDIR)

# A recipe stops at its first error.
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-lidar test lint format test-golden test-kill test-gather test-page test-resume test-speed test-wheel test-slurm shapes-benchmark camvid-benchmark scans-benchmark results clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 22
	@echo 'Variables: VENV=.venv PYTHON=python3 GPUS=0 JOBS=2 CAMVID=DIR ARGS="..." (for pytest)'

setup: $(READY) ## make the virtual environment, or complete the one given with VENV=

$(READY): setup.cfg pyproject.toml constraints.txt
	@unset PYTHONPATH; \
	if $(BIN)/python .ci/satisfied.py 2>/dev/null; then echo '$(VENV) has all that is needed'; exit; fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  "$(or $(PYTHON),none)" -c '$(FITS)' 2>/dev/null || { \
	    echo 'error: Python 3.11 or 3.12 is needed, PYTHON=$(PYTHON) is not one; give one: make PYTHON=/path/to/python3.11' >&2; \
	    exit 1; }; \
	  echo 'making $(VENV)'; "$(PYTHON)" -m venv $(VENV); \
	fi; \
	echo 'installing into $(VENV): about 6 GB with torch, some minutes'; \
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup ## train three methods on generated data, gather, plot (8 minutes)
	$(BIN)/python tools/prepare_data.py shapes
	$(LAUNCH) $(call leaves,$(SHAPES_SEMI) $(SHAPES_FEW)) --work-dirs work_dirs/demo --retrain \
	  --jobs $(JOBS) --gpus $(GPUS)
	$(BIN)/python tools/gather_results.py work_dirs/demo --out work_dirs/demo/results
	@echo 'plots:'
	$(BIN)/python tools/plot_results.py --results work_dirs/demo/results
	@echo 'table: work_dirs/demo/results/leaderboard.md (rm -r work_dirs/demo to train again)'

demo-lidar: setup ## CutMix and SupOnly on simulated scans, three seeds, gather, plot (12 minutes)
	$(BIN)/python tools/prepare_data.py scans
	$(LAUNCH) $(call leaves,$(SCANS_SEMI) $(SCANS_FEW)) --seeds $(SCANS_SEEDS) --work-dirs work_dirs/demo-lidar \
	  --jobs $(JOBS) --gpus $(GPUS)
	$(BIN)/python tools/gather_results.py work_dirs/demo-lidar --out work_dirs/demo-lidar/results --paired $(SCANS_FEW)
	@echo 'plots:'
	$(BIN)/python tools/plot_results.py --results work_dirs/demo-lidar/results
	@echo 'table: work_dirs/demo-lidar/results/leaderboard.md (rm -r work_dirs/demo-lidar to train again)'

test: setup ## run the tests (ARGS="-k launch" to choose, ARGS="-n 0 -s" for one process that prints)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

lint: setup ## check style, and that the configs are as generated
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/make_configs.py --check

format: setup ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test-golden: setup ## three CorrMatch steps with the recorded dropout against the reference (a minute)
	$(BIN)/python -m pytest tests/test_segmentors/test_golden_corrmatch_step.py -m slow

test-kill: setup ## kill a training 20 times and read its run.json (a minute)
	$(BIN)/python -m pytest tests/test_hooks/test_kill.py -m slow -s

test-gather: setup ## gather 10 000 runs against the clock (a minute on two quiet cores)
	$(BIN)/python -m pytest tests/test_results/test_gather_speed.py -m slow -s

test-page: setup ## open the results page in headless Chromium (Debian's package chromium)
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  echo 'error: needs Chromium: apt-get install chromium' >&2; exit 1; }
	$(BIN)/python -m pytest tests/test_results/test_page.py tests/test_results/test_page_browser.py

test-speed: setup ## overhead of a step over the bare network, against the plain step (25 minutes, quiet machine; compiled steps too)
	$(BIN)/python -m pytest tests/test_benchmark/test_speed.py tests/test_benchmark/test_scaling.py tests/test_ops/test_propagation.py \
	  tests/test_benchmarks/test_speed_options.py -m "slow or not slow" -s

test-wheel: setup ## install the wheel in a clean environment and train from it (downloads torch)
	env -u PYTHONPATH $(BIN)/python -m pytest tests/test_packaging.py -m slow -s

test-resume: setup ## kill -9 ten times per method and resume, and every other fault (15 minutes)
	$(BIN)/python -m pytest tests/test_benchmarks/test_kills.py tests/test_benchmarks/test_faults.py -m slow -s

test-slurm: setup ## train through a real Slurm, started and ended by the test (its Debian packages; as root)
	$(BIN)/python tools/prepare_data.py shapes
	$(BIN)/python -m pytest tests/test_launch/test_slurm_cluster.py -m slow -s

shapes-benchmark: setup ## SupOnly, CutMix, CutOut, CorrMatch, all labels; three seeds; into results/ (an hour)
	$(BIN)/python tools/prepare_data.py shapes
	$(LAUNCH) $(call leaves,$(SHAPES_SEMI) $(SHAPES_CUTOUT) $(SHAPES_LONG) $(SHAPES_FEW) $(SHAPES_ALL)) \
	  --seeds $(SHAPES_SEEDS) --jobs $(JOBS) --gpus $(GPUS)
	$(MAKE) --no-print-directory results

camvid-benchmark: setup ## the three methods on CamVid, 46 labels (CAMVID=DIR); into results/ (an hour)
	$(BIN)/python tools/prepare_data.py camvid --source $(CAMVID)
	$(LAUNCH) $(call leaves,$(CAMVID_RUNS)) --seeds $(CAMVID_SEEDS) --jobs $(JOBS) --gpus $(GPUS)
	$(MAKE) --no-print-directory results

scans-benchmark: setup ## SupOnly, CutMix, all labels on simulated LiDAR scans; three seeds; into results/ (20 minutes)
	$(BIN)/python tools/prepare_data.py scans
	$(LAUNCH) $(call leaves,$(SCANS_SEMI) $(SCANS_FEW) $(SCANS_ALL)) --seeds $(SCANS_SEEDS) --jobs $(JOBS) --gpus $(GPUS)
	$(MAKE) --no-print-directory results

results: setup ## gather what the benchmarks have trained into results/: tables, figures, page
	$(if $(TRAINED),,$(error nothing is trained yet: run make shapes-benchmark, camvid-benchmark or scans-benchmark first))
	$(BIN)/python tools/gather_results.py $(TRAINED) $(addprefix --paired ,$(BASELINES))
	$(BIN)/python tools/plot_results.py
	$(BIN)/python tools/make_metafiles.py
	$(BIN)/python tools/make_page.py

clean: ## remove caches and build artefacts; data/, work_dirs/ and the environment stay
	rm -rf build dist mmseg_plugins.egg-info .pytest_cache .ruff_cache
	find mmseg_plugins tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
