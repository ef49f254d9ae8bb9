"""The worst of children: deaf to SIGTERM, with a grandchild that is deaf too and has left its process group."""

import os
import signal
import subprocess
import sys
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", os.getcwd()], process_group=0)
time.sleep(600)
