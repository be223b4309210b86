"""The commands, one group a file; each file's COMMANDS maps what stands behind the colon to its function."""
