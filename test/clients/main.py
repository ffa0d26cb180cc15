"""Runs the clients' tests and writes how many passed and failed: main.py REPORT [PATTERN]."""
import json
import sys
import unittest
from pathlib import Path

here = Path(__file__).parent
suite = unittest.defaultTestLoader.discover(str(here), pattern=sys.argv[2] if len(sys.argv) > 2 else "test_*.py")
result = unittest.TextTestRunner(verbosity=2).run(suite)
# A test whose parts fail is one test that failed.
failed = {getattr(case, "test_case", case).id() for case, _ in result.failures + result.errors}
Path(sys.argv[1]).write_text(json.dumps({"passed": result.testsRun - len(failed), "failed": sorted(failed)}))
