"""The table: every route of ours and of the pages of signing in, by each kind of person.

An answer is a status; or the name of the route that one is led to; or DONE: something was written, and one is led to
where `then` says. Whatever else is answered, nothing was written.
"""

from dataclasses import dataclass, field

PEOPLE = ["anonymous", "nobody", "staff", "admin", "both", "outsider", "operator"]
SAME_AS = {"dismissed": "anonymous", "left": "nobody", "of_a_closed_clinic": "nobody"}
LOGIN, DONE = "login", "done"


@dataclass(frozen=True)
class Route:
    method: str
    name: str
    answers: dict[str, str]  # by person
    of: str = ""  # whose id the address takes: one of `conftest.things`
    sent: dict[str, str] = field(default_factory=dict)  # with {ids} of things
    then: str = ""  # where a deed that is done leads
    id: str = ""

    @property
    def asks_who_one_is(self) -> bool:
        return self.answers["anonymous"] == LOGIN


def line(method: str, name: str, answers: str, *, note: str = "", **fields: object) -> Route:
    of_each = dict(zip(PEOPLE, answers.split(), strict=True))
    of_each |= {person: of_each[model] for person, model in SAME_AS.items()}
    return Route(method, name, of_each, id=" ".join(filter(None, [method, name, note])), **fields)


#                    anonymous nobody staff admin both outsider operator
_ALL_200 = "             200    200   200   200   200   200   200"
_ALL_404 = "             404    404   404   404   404   404   404"
_ALL_HOME = "            home   home  home  home  home  home  home"
_SIGNED_IN = "           login  200   200   200   200   200   200"
_OPERATORS = "           login  404   404   404   404   404   200"
_OPERATORS_DO = "        login  404   404   404   404   404   done"
_CLINICS = "             login  home  200   200   200   404   overview"
_ADMINS_SET = "          login  home  403   done  done  404   overview"
_SEE_IT = "              login  404   200   200   200   404   200"
_ADMINS_DO = "           login  404   403   done  done  404   done"
_ITS_READER = "          login  404   404   done  404   404   404"

MINUTES = "heartbeat_threshold_minutes"
SILENCED = {"acao": "desligar-avisos"}
CHANNELS, ALERTS, STORY = {"of": "channel"}, {"of": "notification"}, {"of": "incident", "then": "incident"}

OURS = [
    # tenants
    line("get", "home", "login 403 my-whatsapp my-whatsapp my-whatsapp my-whatsapp overview"),
    line("post", "switch-clinic", "login 404 home home home 404 404", sent={"clinic": "{slug}"}),
    line("post", "switch-clinic", "login 404 404 404 home home 404", sent={"clinic": "{foreign_slug}"}, note="to another's"),
    line("post", "theme", _ALL_HOME),
    # channels_app: the clinic's page
    line("get", "my-whatsapp", "login home 200 200 200 200 overview"),
    line("get", "number-now", _CLINICS, **CHANNELS),
    line("post", "number-check", "login home done done done 404 overview", then="my-whatsapp", **CHANNELS),
    line("post", "number-alerts", _ADMINS_SET, then="my-whatsapp", **CHANNELS),
    line("post", "number-threshold", _ADMINS_SET, sent={MINUTES: "7"}, then="my-whatsapp", **CHANNELS),
    line("post", "number-threshold", "login home 403 200 200 404 overview", sent={MINUTES: "0"}, note="of 0", **CHANNELS),
    line("post", "check-channel", "login 404 done done done 404 done", then="home", **CHANNELS),
    # channels_app: the operator's
    line("get", "overview", _OPERATORS),
    line("get", "overview-live", _OPERATORS),
    line("get", "overview-csv", _OPERATORS),
    line("post", "check-all", _OPERATORS_DO, then="overview"),
    line("get", "sweep", _OPERATORS, of="sweep"),
    line("get", "sweep", "login 404 404 404 404 404 404", of="sweep_of_channel", note="of one number"),
    line("post", "bulk", _OPERATORS, sent=SILENCED | {"numero": "{channel}"}),
    line("post", "bulk-confirm", _OPERATORS_DO, sent=SILENCED | {"numeros": "{channel},{foreign_channel}"}, then="overview"),
    line("get", "channel", _OPERATORS, **CHANNELS),
    line("get", "channel-now", _OPERATORS, **CHANNELS),
    line("post", "channel-check", _OPERATORS_DO, then="channel", **CHANNELS),
    # channels_app: the probes
    line("get", "healthz", _ALL_200),
    line("get", "readyz", _ALL_200),
    line("get", "healthz-sweep", _ALL_200),
    # incidents
    line("get", "incidents", _SIGNED_IN),
    line("get", "incident", _SEE_IT, **STORY),
    line("get", "incident-now", _SEE_IT, **STORY),
    line("post", "incident-take", _ADMINS_DO, **STORY),
    line("post", "incident-note", _ADMINS_DO, sent={"nota": "Visto."}, **STORY),
    line("post", "incident-note", "login 404 403 200 200 404 200", sent={"nota": ""}, note="empty", **STORY),
    line("post", "incident-false-alarm", _ADMINS_DO, **STORY),
    # notifications
    line("get", "inbox", _SIGNED_IN),
    line("get", "unread-count", _SIGNED_IN),
    line("get", "notification", _ITS_READER, then="incident", **ALERTS),
    line("post", "mark-read", _ITS_READER, then="inbox", **ALERTS),
    line("post", "mark-all-read", "login inbox inbox done done done inbox", then="inbox"),
]

_STRANGERS = "           200    home  home  home  home  home  home"
_ONE_S_OWN = "           login  200   200   200   200   200   200"
_NOT_THEIRS_YET = "      login  404   404   404   404   404   404"  # nobody here has a second factor
_PASSWORD_FIRST = "      login " + 6 * "account_reauthenticate "  # an open session alone changes no door

SIGNING_IN = [
    line("get", "account_login", _STRANGERS),
    line("get", "account_logout", _ONE_S_OWN),
    line("get", "account_inactive", _ALL_200),
    line("get", "account_reauthenticate", _ONE_S_OWN),
    line("get", "account_change_password", _ONE_S_OWN),
    line("get", "account_reset_password", _ALL_200),
    line("get", "account_reset_password_done", _ALL_200),
    line("get", "account_reset_password_from_key", _ALL_200, of="worn_key"),  # says that the link is worn
    line("get", "account_reset_password_from_key_done", _ALL_200),
    line("get", "account_request_login_code", _STRANGERS),
    line("get", "account_confirm_login_code", "account_request_login_code home home home home home home"),
    line("get", "account_signup", _ALL_404),
    line("get", "account_email", _ALL_404),
    line("get", "account_email_verification_sent", _ALL_404),
    line("get", "account_confirm_email", _ALL_404, of="worn_mail_key"),
    line("get", "account_set_password", _ALL_404),
    line("get", "mfa_index", _ONE_S_OWN),
    line("get", "mfa_authenticate", "login home home home home home home"),
    line("get", "mfa_reauthenticate", _PASSWORD_FIRST),
    line("get", "mfa_activate_totp", _PASSWORD_FIRST),
    line("get", "mfa_deactivate_totp", _NOT_THEIRS_YET),
    line("get", "mfa_view_recovery_codes", _NOT_THEIRS_YET),
    line("get", "mfa_generate_recovery_codes", _PASSWORD_FIRST),
    line("get", "mfa_download_recovery_codes", _NOT_THEIRS_YET),
    line("post", "set_language", _ALL_HOME, sent={"language": "en"}),
]

ROUTES = [*OURS, *SIGNING_IN]
