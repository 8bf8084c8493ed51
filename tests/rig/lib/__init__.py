# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rigs and the demo are made of; see tests/rig/README.md."""
from .base import BUILD, CACHE, ROOT, RigError, Skip, scratch, wait_for
from .box import Box
from .initramfs import Initramfs
from .kernel import Kernel
from .machine import Machine
from .monitor import Monitor
from .suite import check, check_eq, run_cases

__all__ = ["BUILD", "CACHE", "ROOT", "RigError", "Skip", "scratch", "wait_for", "Box", "Initramfs",
           "Kernel", "Machine", "Monitor", "check", "check_eq", "run_cases"]
