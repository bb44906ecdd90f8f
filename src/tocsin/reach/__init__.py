"""From a published alert to deliveries: everyone the area concerns, on every channel, with receipts."""
