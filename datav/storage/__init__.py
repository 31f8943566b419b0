"""Bytes under names: durable local files and leases."""
