"""From raw text to token ids, in the graph; the vocabulary, and word vectors."""
