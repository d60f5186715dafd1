# Every target makes the virtual environment it needs; nothing has to be installed by hand.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test thorough browser database quick floors sanitize fuzz mutants planted lint docs bench size clean

KERNELS := $(wildcard src/plaingrad/native/kernels/*/*.hpp)

QUICK := $(addprefix tests/,contract conformance/test_conformance.py optim data test_module.py test_parameter.py \
         test_init.py test_purity.py test_house.py test_words.py) $(wildcard tests/nn/*/)

# What stands nearest to the libraries whose lowest versions are tried.
FLOORS := $(addprefix tests/,saving tables estimators/test_classifier.py estimators/test_regressor.py interop cli/test_app.py \
          cli/test_predict.py train/test_curve.py)

help:   ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo   ## train the paper's network; pictures, history and model in out/demo
	@$(BIN)/plaingrad demo --output out/demo

test: lint $(VENV)/.test browser database   ## style, types and the whole test suite, which builds documentation and packages too
	@$(BIN)/python -m pytest

browser:   # some tests drive the playground's page in Chromium
	@command -v chromedriver > /dev/null || { test "$$(id -u)" = 0 && apt-get update && apt-get install -y chromium chromium-driver; } \
	    > /dev/null 2>&1 || echo "tests in a browser are skipped: apt-get install chromium chromium-driver"

database:   # a test has several workers search in PostgreSQL
	@ls -d /usr/lib/postgresql/*/bin > /dev/null 2>&1 || { test "$$(id -u)" = 0 && apt-get update && apt-get install -y postgresql; } \
	    > /dev/null 2>&1 || echo "the test with PostgreSQL is skipped: apt-get install postgresql"

thorough: $(VENV)/.test browser database   ## run the tests with three times as many random examples and all planted mistakes
	@PLAINGRAD_THOROUGH=1 $(BIN)/python -m pytest

quick: $(VENV)/.test   ## run the tests that need neither a compiler nor minutes
	@$(BIN)/python -m pytest $(QUICK)

floors: $(VENV)-floors/.installed   ## run the quick tests with the lowest versions of dependencies that pyproject.toml admits
	@$(VENV)-floors/bin/python -m pytest $(QUICK) $(FLOORS)

sanitize: $(VENV)/.test   ## train networks whose compiled code is watched for errors of memory and arithmetic
	@PYTHONPATH=tests $(BIN)/python -m native.sanitized

fuzz: $(VENV)/.test   ## hold random configurations against torch.nn (SECONDS=600 SEED=0, COUNT=12000, CASE=7, ONLY=Conv2d)
	@PYTHONPATH=tests $(BIN)/python -m fuzz $(foreach option,SECONDS COUNT SEED CASE ONLY,$(call asked,$(option)))

mutants: $(VENV)/.test   ## plant faults, one at a time, and print those that no test catches (JOBS=2, REPEAT=10 DRAWS=new, ONLY="missed bag.py")
	@PYTHONPATH=tests $(BIN)/python -m mutants $(foreach option,JOBS REPEAT ONLY DRAWS,$(call asked,$(option)))

planted: $(VENV)/.test   ## plant every mistake in every layer, and write the table of the documentation
	@PLAINGRAD_THOROUGH=1 $(BIN)/python -m pytest -k test_a_planted_mistake --junitxml=out/planted.xml tests/inspect/test_mistakes.py
	@$(BIN)/python tools/planted_table.py out/planted.xml docs/planted_mistakes.csv

lint: $(VENV)/.lint   ## style, import contracts, types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/clang-format --dry-run --Werror $(KERNELS) && $(BIN)/lint-imports && $(BIN)/mypy

docs: $(VENV)/.docs   ## build the documentation, executing every block, into docs/_build/html
	@$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.bench   ## time plaingrad beside its peers; writes benchmarks/RESULTS.md (ONLY="steps cold": those alone)
	@PYTHONPATH=tests $(BIN)/python -m benchmarks $(ONLY)

size:   ## lines of code by folder, and how many more than at another commit (SINCE=v0.1.0)
	@$(PYTHON) tools/size.py $(SINCE)

clean:   ## remove the environment and everything that was generated
	rm -rf $(VENV) $(VENV)-floors out docs/_build

# The option of a command, in small letters, for a variable that is set: SEED=3 becomes --seed=3.
asked = $(if $($1),--$(shell echo $1 | tr A-Z a-z)='$($1)')

# One stamp per set of dependencies, renewed when the pins or the package's metadata change.
$(VENV)/.%: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing plaingrad ($*) into $(VENV); the first time takes a minute or two"
	@$(PIP) --editable '.[$(if $(filter demo,$*),tables,$*)]'
	@touch $@

# The lowest versions in the place of the pins, which hold for everything else.
$(VENV)-floors/.installed: pyproject.toml constraints.txt constraints-floors.txt
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@awk -F '[= ]+' 'NR == FNR { low[tolower($$1)]; print; next } !(tolower($$1) in low)' \
	    constraints-floors.txt constraints.txt > $(@D)/constraints.txt
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(@D)/constraints.txt \
	    --editable '.[test]'
	@touch $@
