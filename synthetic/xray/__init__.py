"""Which part of a snapshot costs how much of a parser's memory, predicted from the text alone."""
