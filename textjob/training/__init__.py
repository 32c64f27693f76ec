"""From texts and labels to trained weights."""
