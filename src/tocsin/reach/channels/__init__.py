"""One file for each channel; adding a file, or an entry point ``tocsin.channels``, is all it takes to add one."""
