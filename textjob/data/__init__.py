"""From ``--data_url`` to labelled texts in three parts."""
