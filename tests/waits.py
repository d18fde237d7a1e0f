"""Says that it is there, and waits."""

import os
import time

print(f"worker {os.environ.get('RANK')} has pid {os.getpid()}", flush=True)
time.sleep(300)
