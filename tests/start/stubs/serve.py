"""Answer every request on 127.0.0.1, in the place of web and simulator."""

import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()


def forever(port):
    http.server.HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
