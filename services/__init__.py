"""The daemons, one folder each. They share etcd, never each other's code."""
