import json
import os
import sys

import serve

if sys.argv[1] == "simulate_evolution":
    serve.forever(sys.argv[3])
if sys.argv[1] == "print-environment":
    print(json.dumps(dict(os.environ)))
if sys.argv[1] == "add_operator":
    entered = os.path.join("var", "operator")
    if sys.argv[2] == "--check":
        sys.exit(0 if os.path.exists(entered) else 3)
    if len(os.environ["OPERATOR_PASSWORD"]) < 8:
        sys.exit("CommandError: too short")
    with open(entered, "w") as file:
        file.write(sys.argv[2] + " " + os.environ["OPERATOR_PASSWORD"])
