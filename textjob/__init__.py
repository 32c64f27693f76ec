"""The machinery of the job: everything between ``--data_url`` and a deployable package."""
import time

START = time.time()
"""The time at which this was first imported, which is nearly the start of the process."""
