"""nbgrader's settings. ``ALEXNET_COURSE_EXERCISES`` names another folder of sources: a course's
own, with tests that no student can look up. Releases then go below ``grading/``, which git ignores.
"""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821  (nbgrader provides it)
root = Path(__file__).resolve().parent
private = os.environ.get("ALEXNET_COURSE_EXERCISES")

c.CourseDirectory.root = str(root)
c.CourseDirectory.source_directory = private or "exercises/source"
c.CourseDirectory.release_directory = "grading/release" if private else "notebooks/exercises"
for step in ("submitted", "autograded", "feedback"):
    setattr(c.CourseDirectory, f"{step}_directory", f"grading/{step}")
c.CourseDirectory.db_url = f"sqlite:///{root / 'grading' / 'gradebook.db'}"

# No 'raise' in a blank answer: the checks say in words that nothing is there yet.
c.ClearSolutions.code_stub = {"python": "# Your code here"}
c.ClearSolutions.text_stub = "*Your answer here.*"
c.OverwriteCells.add_missing_cells = True
c.Execute.timeout = 60  # seconds for a cell; an endless loop is stopped, and the rest goes on
c.Execute.iopub_timeout = 10  # seconds for what a busy machine has not shown yet
c.Execute.extra_arguments = ["--log-level=ERROR"]  # the kernel's own remarks are of no use here

# The kernel is in a box where there can be one, and nothing in it lives longer than the notebook.
c.Execute.shutdown_kernel = "immediate"

# A warning is no mistake: without this, anything on stderr would cost all points of a test.
c.IgnorePattern.enabled, c.IgnorePattern.pattern = True, r"\S|\s"

# Feedback and the formgrader show what students wrote, but run none of it.
sys.path.append(str(root / "tools"))
from nbgrader.converters import Autograde  # noqa: E402
from nbgrader.preprocessors import Execute  # noqa: E402

from running import Run  # noqa: E402
from safe_html import FILTERS, SHOWN  # noqa: E402

steps = Autograde.autograde_preprocessors.default()
c.Autograde.autograde_preprocessors = [Run if step is Execute else step for step in steps]

c.HTMLExporter.sanitize_html, c.HTMLExporter.filters = True, FILTERS
c.NbConvertBase.display_data_priority = SHOWN
