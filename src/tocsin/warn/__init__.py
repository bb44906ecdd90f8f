"""From an incident or an official alert to a published CAP alert, decided by persons or by the policy they signed."""
