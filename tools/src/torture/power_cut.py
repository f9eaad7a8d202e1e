"""Cuts the power of a file system: python3 power_cut.py MOUNTPOINT. Says `ready`, waits for a line, cuts, and says `cut`.

The ioctl is FS_IOC_SHUTDOWN without a flush of the journal: what was not synced is lost, as with the machine. It is a program of
its own because an ioctl cannot be called in safe Rust, and it waits with the file open because the moment is what matters.
"""

import fcntl
import os
import struct
import sys

FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2

directory = os.open(sys.argv[1], os.O_RDONLY)
try:
    os.nice(-15)
except PermissionError:
    pass
print("ready", flush=True)
if sys.stdin.readline():
    fcntl.ioctl(directory, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    print("cut", flush=True)
