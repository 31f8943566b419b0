"""The user's files: looking at them, reading them while they hold still, and putting versions back.

Nothing here knows of stores, manifests or git: content comes in and goes out through the protocols
and values that these modules define.
"""
