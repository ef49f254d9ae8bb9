import json
import os
import sys

import serve

if sys.argv[1] == "simulate_evolution":
    serve.forever(sys.argv[3])
if sys.argv[1] == "print-environment":
    print(json.dumps(dict(os.environ)))
