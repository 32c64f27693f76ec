"""The machinery of the job: everything between ``--data_url`` and a deployable package."""
import time

BEGAN = time.time()
"""When the process began to import this: nearly its start, for TensorFlow is imported after it."""
