"""One file for each kind of feed; adding a file, or an entry point ``tocsin.feeds``, is all it takes to add a kind."""
