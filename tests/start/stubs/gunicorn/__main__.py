import sys

import serve

serve.forever(sys.argv[sys.argv.index("--bind") + 1].rpartition(":")[2])
