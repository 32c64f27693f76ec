"""The machinery of the job: everything between ``--data_url`` and a deployable package."""
