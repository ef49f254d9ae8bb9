.PHONY: run test lock

run:
	python3 start.py $(ARGS)

test:
	python3 start.py test $(ARGS)

# The readable lists are the .in files; the locks hold hashes and no address of an index.
LOCK = uv pip compile --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header
lock:
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) -c requirements.txt requirements-prod.in -o requirements-prod.txt
