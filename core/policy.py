"""The Content-Security-Policy: strict on our pages (settings), relaxed under the admin alone.

Unfold's scripts evaluate expressions and set styles in place; nothing of ours does.
"""

from csp.middleware import CSPMiddleware

ADMIN_PATHS = ("/admin/",)
RELAXED = {"script-src": ["'self'", "'unsafe-eval'", "'unsafe-inline'"], "style-src": ["'self'", "'unsafe-inline'"]}


class ContentSecurityPolicy(CSPMiddleware):
    def process_response(self, request, response):
        if request.path.startswith(ADMIN_PATHS):
            response._csp_replace = RELAXED
        return super().process_response(request, response)
