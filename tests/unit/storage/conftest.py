"""What is written to a disk is tested on one."""

from tests.support.disks import tmp_path_on_disk

__all__ = ["tmp_path_on_disk"]
