SERVERS = ["one", "two"]
