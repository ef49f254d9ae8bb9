"""Facts restated from answers of a real Evolution API 2.3.6 server: one line per moment that a monitor can tell apart.

Recorded on 24 Nov 2026 against a simulated WhatsApp; the numbers are those of the recordings. Each line: number, our
name for the situation, the moment, what connectionState said, what fetchInstances said of that name (None: not asked),
and what a first look makes of it, with no history (None: a look cannot come to it). `WITHOUT_READS` names the rest.
"""

from tests.recorded.facts import (
    COMMANDED,
    FAILED,
    OFFICIAL_API,
    OWN_API,
    REFUSED,
    REMOVED,
    TIMEOUT,
    Gives,
    Row,
    Said,
)


def ended(code: int) -> Row:
    """The row of a phone that WhatsApp refuses at login, with a code and no further word."""
    return Row(200, "close", owned=True, code=code, why=FAILED)


OPEN, CONNECTING, CLOSE, ABSENT = Said(200, "open"), Said(200, "connecting"), Said(200, "close"), Said(200)
UNKNOWN_NAME, WRONG_KEY, WRONG_PATH = Said(404, 'The "'), Said(401, "Unauthorized"), Said(404, "Cannot GET ")
HANGS, IS_REFUSED = Said(None, TIMEOUT), Said(None, REFUSED)

NEW = Row(200, "close")  # nobody ever paired
SCANNING = Row(200, "connecting")  # a QR was issued, nobody ever paired
LIVE = Row(200, "open", owned=True)
REMOVED_ROW = Row(200, "close", owned=True, code=401, why=REMOVED)
REMOVED_THEN_SCANNING = Row(200, "connecting", owned=True, code=401, why=REMOVED)
REMOVED_THEN_LIVE = Row(200, "open", owned=True, code=401, why=REMOVED)
COMMANDED_ROW = Row(200, "close", owned=True, code=401, why=COMMANDED)
BLOCKED_THEN_SCANNING = Row(200, "connecting", owned=True, code=403, why=FAILED)
SESSION_LOST = Row(200, "connecting", owned=True)
NOT_LISTED, NOT_ALLOWED, HANGING_LIST = Row(404, 'Instance "'), Row(401, "Unauthorized"), Row(None, TIMEOUT)

CONNECTED = Gives("open", "connected")
NOT_VERIFIABLE = Gives("unknown", "not_verifiable")
RECONNECTING = Gives("connecting", "reconnecting")
STARTING = Gives("connecting", "starting")
AWAITING_SCAN = Gives("qr_pending", "awaiting_scan")
SHOWS_A_QR_AGAIN = Gives("qr_pending", "logged_out")  # an owner stands in the row: it was paired before
QR_EXPIRED_AGAIN = Gives("disconnected", "logged_out")
QR_EXPIRED = Gives("disconnected", "qr_expired")
NEVER_PAIRED = Gives("disconnected", "never_paired")
NETWORK_LOST = Gives("disconnected", "network_lost")
LOGGED_OUT = Gives("disconnected", "logged_out", 401)
BY_COMMAND = Gives("disconnected", "logged_out_by_command", 401)
BANNED = Gives("disconnected", "banned", 403)
REASON_UNKNOWN = Gives("disconnected", "reason_unknown")
MISSING = Gives("error", "instance_missing", 404)
KEY_REJECTED = Gives("error", "key_rejected", 401)
WRONG_ADDRESS = Gives("error", "wrong_address", 404)
SERVER_ERROR = Gives("error", "server_error", 500)
UNREACHABLE = Gives("error", "server_unreachable")

SITUATIONS: list[tuple[int, str, str, Said, Row | None, Gives | None]] = [
    (3, "created without a QR", "after", CLOSE, NEW, NEVER_PAIRED),
    (5, "never connected", "", CLOSE, NEW, NEVER_PAIRED),
    (6, "keys", "right", CLOSE, NEW, NEVER_PAIRED),
    (6, "keys", "wrong or missing", WRONG_KEY, NOT_ALLOWED, KEY_REJECTED),
    (7, "unknown name", "right key", UNKNOWN_NAME, NOT_LISTED, MISSING),
    (7, "unknown name", "wrong key", UNKNOWN_NAME, NOT_ALLOWED, MISSING),
    (8, "wrong address", "another base path", WRONG_PATH, None, WRONG_ADDRESS),
    (8, "wrong address", "below /manager", Said(200, "html"), None, Gives("error", "wrong_address")),
    (9, "percent sign unescaped", "", Said(400, "Failed to decode param"), Row(404, 'Instance "'), None),
    (10, "names that need escaping", "escaped", CLOSE, NEW, NEVER_PAIRED),
    (10, "names that need escaping", "plus for a blank", UNKNOWN_NAME, None, MISSING),
    (10, "names that need escaping", "slash unescaped", WRONG_PATH, None, WRONG_ADDRESS),
    (11, "names that are words of the server's language", "__proto__", ABSENT, Row(200), STARTING),
    (11, "names that are words of the server's language", "null", UNKNOWN_NAME, NOT_LISTED, MISSING),
    (16, "official API", "", OPEN, Row(200, "open", integration=OFFICIAL_API), NOT_VERIFIABLE),
    (16, "integration EVOLUTION", "", OPEN, Row(200, "open", integration=OWN_API), NOT_VERIFIABLE),
    (16, "integration EVOLUTION", "after a logout", CLOSE, None, None),
    (17, "actions on a phone that never connected", "after", CLOSE, NEW, NEVER_PAIRED),
    (18, "the server's database is down", "open, global key", OPEN, Row(500, "Invalid `"), CONNECTED),
    (18, "the server's database is down", "never connected, global key", CLOSE, Row(500, "Invalid `"), REASON_UNKNOWN),
    (18, "the server's database is down", "instance token", WRONG_KEY, NOT_ALLOWED, KEY_REJECTED),
    (18, "the server's database is down", "name not in memory", Said(500, "PrismaClient"), None, SERVER_ERROR),
    (18, "the server's database is down", "back", OPEN, LIVE, CONNECTED),
    (20, "QR shown", "", CONNECTING, SCANNING, AWAITING_SCAN),
    (21, "QR renewed", "", CONNECTING, SCANNING, AWAITING_SCAN),
    (22, "QR batch ended, the next one shown", "", CONNECTING, SCANNING, AWAITING_SCAN),
    (23, "paired", "before", CONNECTING, SCANNING, AWAITING_SCAN),
    (23, "paired", "after", OPEN, LIVE, CONNECTED),
    (24, "pairing code", "before", CLOSE, NEW, NEVER_PAIRED),
    (24, "pairing code", "shown", CONNECTING, SCANNING, AWAITING_SCAN),
    (25, "row that is not loaded", "", ABSENT, NOT_LISTED, STARTING),
    (26, "row of another client name", "", ABSENT, NOT_LISTED, STARTING),
    (27, "two instances with one token", "", CLOSE, NEW, NEVER_PAIRED),
    (30, "open", "", OPEN, LIVE, CONNECTED),
    (31, "connection broken, network fine", "after", OPEN, LIVE, CONNECTED),
    (32, "orderly close 428", "after", OPEN, LIVE, CONNECTED),
    (33, "stream error 408", "after", OPEN, LIVE, CONNECTED),
    (34, "stream error 440, once", "after", OPEN, LIVE, CONNECTED),
    (35, "stream error 500", "after", OPEN, LIVE, CONNECTED),
    (36, "stream error 503", "after", OPEN, LIVE, CONNECTED),
    (37, "stream error 515", "after", OPEN, LIVE, CONNECTED),
    (38, "stream error 411", "after", OPEN, LIVE, CONNECTED),
    (39, "stream error without a code", "after", OPEN, LIVE, CONNECTED),
    (40, "restarted by the API", "after", OPEN, LIVE, CONNECTED),
    (50, "removed on the phone", "before", OPEN, LIVE, CONNECTED),
    (50, "removed on the phone", "after", CLOSE, REMOVED_ROW, LOGGED_OUT),
    (51, "blocked", "after", CLOSE, ended(403), BANNED),
    (52, "blocked while the server was away", "after", CLOSE, ended(403), BANNED),
    (53, "ended with 402", "after", CLOSE, ended(402), Gives("disconnected", "banned", 402)),
    (54, "ended with 406", "after", CLOSE, ended(406), Gives("disconnected", "banned", 406)),
    (55, "logged out by the API", "after", CLOSE, COMMANDED_ROW, BY_COMMAND),
    (56, "deleted while open", "after", UNKNOWN_NAME, NOT_LISTED, MISSING),
    (57, "paired again after a logout", "before", CLOSE, REMOVED_ROW, LOGGED_OUT),
    (57, "paired again after a logout", "QR shown", CONNECTING, REMOVED_THEN_SCANNING, SHOWS_A_QR_AGAIN),
    (57, "paired again after a logout", "open, old reason still there", OPEN, REMOVED_THEN_LIVE, CONNECTED),
    (58, "removed while the server was away", "after", CLOSE, ended(401), LOGGED_OUT),
    (59, "login refused for a passing reason", "during", CLOSE, LIVE, NETWORK_LOST),
    (59, "login refused for a passing reason", "after", OPEN, LIVE, CONNECTED),
    (60, "peer silent for a minute", "after", OPEN, LIVE, CONNECTED),
    (61, "half-dead peer", "during", OPEN, LIVE, CONNECTED),
    (62, "outage, refused at once", "during, paired", CLOSE, LIVE, NETWORK_LOST),
    (62, "outage, refused at once", "during, was waiting for a scan", CLOSE, SCANNING, QR_EXPIRED),
    (62, "outage, refused at once", "during, never connected", CLOSE, NEW, NEVER_PAIRED),
    (62, "outage, refused at once", "after", OPEN, LIVE, CONNECTED),
    (63, "outage, hanging", "during, paired", CONNECTING, LIVE, RECONNECTING),
    (63, "outage, hanging", "during, was waiting for a scan", CONNECTING, SCANNING, AWAITING_SCAN),
    (64, "outage, HTTP 502 to the upgrade", "during", CONNECTING, LIVE, RECONNECTING),
    (65, "outage, handshake unanswered", "during", CONNECTING, LIVE, RECONNECTING),
    (66, "zombie, open for ever", "during", OPEN, LIVE, CONNECTED),
    (67, "zombie, logged out and deleted", "after the logout", OPEN, LIVE, CONNECTED),
    (67, "zombie, logged out and deleted", "after the deletion", UNKNOWN_NAME, NOT_LISTED, MISSING),
    (68, "zombie, reconnection loop dead", "during", CLOSE, LIVE, NETWORK_LOST),
    (69, "loop revived by connect", "after", OPEN, LIVE, CONNECTED),
    (72, "connecting for ever", "paired", CONNECTING, LIVE, RECONNECTING),
    (72, "connecting for ever", "was waiting for a scan", CONNECTING, SCANNING, AWAITING_SCAN),
    (73, "connecting for ever, restarted", "after", OPEN, LIVE, CONNECTED),
    (74, "other refusals of the upgrade", "after", OPEN, LIVE, CONNECTED),
    (75, "two loops fight", "one look of three", OPEN, LIVE, CONNECTED),
    (75, "two loops fight", "most looks", CONNECTING, LIVE, RECONNECTING),
    (75, "two loops fight", "some looks", CLOSE, LIVE, NETWORK_LOST),
    (76, "two loops, restarted", "after", CONNECTING, LIVE, RECONNECTING),
    (77, "deleted in a fight", "after", UNKNOWN_NAME, None, MISSING),
    (78, "zombie without a profile name", "during", OPEN, LIVE, CONNECTED),
    (79, "dead loop after a restart", "during", CLOSE, LIVE, NETWORK_LOST),
    (80, "server restarted", "down", IS_REFUSED, Row(None, REFUSED), UNREACHABLE),
    (80, "server restarted", "not loaded yet", ABSENT, LIVE, STARTING),
    (80, "server restarted", "after, paired", OPEN, LIVE, CONNECTED),
    (80, "server restarted", "after, was blocked", CONNECTING, BLOCKED_THEN_SCANNING, SHOWS_A_QR_AGAIN),
    (80, "server restarted", "after, never paired", CONNECTING, SCANNING, AWAITING_SCAN),
    (81, "QR limit reached", "never paired", CLOSE, SCANNING, QR_EXPIRED),
    (81, "QR limit reached", "was blocked", CLOSE, BLOCKED_THEN_SCANNING, QR_EXPIRED_AGAIN),
    (82, "QR asked for again", "after", CONNECTING, SCANNING, AWAITING_SCAN),
    (83, "server restarted in an outage", "paired", CLOSE, LIVE, NETWORK_LOST),
    (83, "server restarted in an outage", "was blocked", CLOSE, BLOCKED_THEN_SCANNING, QR_EXPIRED_AGAIN),
    (83, "server restarted in an outage", "never paired", CLOSE, SCANNING, QR_EXPIRED),
    (84, "server in Brazilian time", "after", OPEN, LIVE, CONNECTED),
    (86, "server frozen", "during", HANGS, HANGING_LIST, UNREACHABLE),
    (86, "server frozen", "after", OPEN, LIVE, CONNECTED),
    (87, "database hangs", "global key", OPEN, HANGING_LIST, CONNECTED),
    (87, "database hangs", "instance token", HANGS, HANGING_LIST, UNREACHABLE),
    (88, "created in an outage", "before connect", CLOSE, NEW, NEVER_PAIRED),
    (88, "created in an outage", "connecting, no QR yet", CONNECTING, NEW, STARTING),
    (88, "created in an outage", "after", CONNECTING, SCANNING, AWAITING_SCAN),
    (89, "outage, version page hangs", "during", CLOSE, LIVE, NETWORK_LOST),
    (90, "server restarted, version page hangs", "during", ABSENT, NOT_LISTED, STARTING),
    (90, "server restarted, version page hangs", "after, was blocked", CONNECTING, BLOCKED_THEN_SCANNING, SHOWS_A_QR_AGAIN),
    (91, "connect while the version page hangs", "during", CLOSE, LIVE, NETWORK_LOST),
    (91, "connect while the version page hangs", "later", CONNECTING, LIVE, RECONNECTING),
    (93, "deleted and made anew", "between", UNKNOWN_NAME, NOT_LISTED, MISSING),
    (93, "deleted and made anew", "after", CLOSE, NEW, NEVER_PAIRED),
    (93, "deleted and made anew", "after, old token", WRONG_KEY, None, KEY_REJECTED),
    (94, "paired with another number", "after the logout", CLOSE, COMMANDED_ROW, BY_COMMAND),
    (94, "paired with another number", "after", OPEN, Row(200, "open", owned=True, code=401, why=COMMANDED), CONNECTED),
    (95, "cache down", "during", OPEN, LIVE, CONNECTED),
    (96, "sessions down", "during", HANGS, LIVE, UNREACHABLE),
    (96, "sessions down", "back, and lost", CONNECTING, SESSION_LOST, SHOWS_A_QR_AGAIN),
    (97, "sessions lost, server restarted", "in between", UNKNOWN_NAME, NOT_LISTED, MISSING),
    (97, "sessions lost, server restarted", "after", CONNECTING, SESSION_LOST, SHOWS_A_QR_AGAIN),
]

WITHOUT_READS: dict[int, str] = {
    1: "front page alone",
    2: "a server without instances",
    4: "refused creations",
    12: "a query overrides the path: the answer is another name's",
    13: "conditional requests",
    14: "webhook settings",
    15: "the metrics page",
    70: "webhook answered 500",
    71: "webhook answered 404",
    92: "webhook settings",
}

RECORDED = {*range(1, 19), *range(20, 28), *range(30, 41), *range(50, 60), *range(60, 70), *range(70, 85), *range(86, 98)}
