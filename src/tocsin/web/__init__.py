"""The public page, the interface for programs and the operators' console; HTTP is decided here alone."""
