"""A simulated Evolution API: servers that speak real HTTP, phones that live in memory, mishaps at a button's press.

`phones` and `evolution` say what is answered and know no socket; `http1` knows sockets and nothing else;
`running` joins them, `control` is the page and the JSON calls. `tests/recorded/` holds all of it to a real server.
"""
