"""Measurements of the logger and the log agent."""
