"""The words of the Common Alerting Protocol, read leniently and written strictly, and what they mean to a person now."""
