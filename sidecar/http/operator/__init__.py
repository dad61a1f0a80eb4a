"""The operator listener: one file per resource."""
