"""Every code that a problem can have, with its status, what it means and what to do about it."""

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

Code: TypeAlias = str
"""One of those below: UPPER_SNAKE, and stable, for clients may switch on it."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a problem's code stands for: its HTTP status, a sentence, and the remedy."""

    status: int
    meaning: str
    remedy: str


PROBLEMS: Mapping[Code, Meaning] = MappingProxyType(
    {
        "API_KEY_INVALID": Meaning(
            401,
            "The key is unknown, or its secret is wrong.",
            "Check the key, or ask the operator for one.",
        ),
        "API_KEY_MISSING": Meaning(
            401,
            "A key is required, and the request has none.",
            "Send `X-API-Key: <keyId>.<secret>`, or the same key as `Authorization: Bearer`.",
        ),
        "ARCHIVE_DAMAGED": Meaning(
            500,
            "The data set's archive is missing or damaged.",
            "Contact the operator, and include the `requestId`.",
        ),
        "ARTIFACT_MISSING": Meaning(
            500,
            "The bytes of an artifact are missing.",
            "Contact the operator, and include the `requestId`.",
        ),
        "ARTIFACT_NOT_FOUND": Meaning(
            404,
            "The run has no artifact with this name.",
            "Use one that `GET /train/{dataId}/artifacts` lists.",
        ),
        "BATCH_EMPTY": Meaning(422, "The body has no entries.", "Send at least one entry."),
        "BODY_BROKEN_OFF": Meaning(
            400,
            "The connection was lost in the middle of the body, or a chunk is malformed.",
            "Send the whole request again.",
        ),
        "BODY_EMPTY": Meaning(400, "The body is empty.", "Send at least one entry."),
        "BODY_INVALID": Meaning(
            422, "A field of the JSON body is unknown or invalid.", "Correct the field that `detail` names."
        ),
        "BODY_NOT_ENTRIES": Meaning(
            422,
            "The JSON body is neither an entry nor a list of entries.",
            'Send one entry, an array of entries, or `{"entries": […]}` without any other field.',
        ),
        "BODY_NOT_UTF8": Meaning(400, "The body is not UTF-8.", "Send it in UTF-8."),
        "BODY_TOO_LARGE": Meaning(
            413,
            "The body, as sent or decompressed, exceeds the limit for its content type.",
            "Split it into several requests.",
        ),
        "BODY_TOO_SHORT": Meaning(
            400, "The body ended before its `Content-Length`.", "Send the whole request again."
        ),
        "BUSY": Meaning(
            503,
            "Too many requests that take long are being carried out, or another one for the same. "
            "The request had no effect.",
            "Retry after `Retry-After` seconds.",
        ),
        "CONTENT_LENGTH_INVALID": Meaning(
            400, "`Content-Length` is not a number.", "Send the number of bytes of the body."
        ),
        "COUNT_MISMATCH": Meaning(
            500,
            "The stored entries do not match what was acknowledged. Nothing was changed.",
            "Contact the operator, and include the `requestId`.",
        ),
        "CROSS_SITE_REQUEST": Meaning(
            403,
            "A web page of another site sent the request, and the server requires no key.",
            "Send it from a program, or ask the operator to require keys.",
        ),
        "DATASET_EMPTY": Meaning(
            409, "The data set has no entries to train on.", "Post entries to `/data/{dataId}` first."
        ),
        "DATASET_NOT_FOUND": Meaning(
            404,
            "You have no data set with this id. Another owner's is answered in the same way.",
            "Create one with `POST /data`, and use its `dataId`.",
        ),
        "ENTRIES_INVALID": Meaning(
            422,
            "Some entries are invalid, so nothing of the request was stored.",
            "Correct the entries that `errors` lists, and send the whole request again.",
        ),
        "ENTRY_COUNT_DIFFERS": Meaning(
            412,
            "`expectedEntries` is not the number of acknowledged entries. Nothing was started.",
            "Upload what is missing, or correct `expectedEntries`.",
        ),
        "ENTRY_NOT_FOUND": Meaning(
            404,
            "The data set has no acknowledged entry at this place.",
            "Use a `batchId` and a `sequence` as `GET /data/{dataId}/entries` or a report shows them.",
        ),
        "ENTRY_TOO_LARGE": Meaning(413, "An entry exceeds the size limit.", "Shorten it, or split it."),
        "FORWARDED_WITHOUT_KEYS": Meaning(
            403,
            "A proxy forwarded the request to a server that has no keys.",
            "Ask the operator to create keys, or to set `LOGLEAP_AUTH=none` if the proxy guards the server.",
        ),
        "GZIP_MALFORMED": Meaning(
            400,
            "The body is not valid gzip, is truncated, or has data after its end.",
            "Compress the whole body, or send it without `Content-Encoding`.",
        ),
        "HEADERS_TOO_LARGE": Meaning(431, "The headers are too long.", "Send fewer or shorter ones."),
        "HOST_NOT_ALLOWED": Meaning(
            403,
            "The server does not answer to the name in the request's `Host`.",
            "Use one that `detail` names, or ask the operator to add yours (`LOGLEAP_ALLOWED_HOSTS`).",
        ),
        "IDEMPOTENCY_KEY_INVALID": Meaning(
            400,
            "`Idempotency-Key` is not 1 to 255 visible ASCII characters.",
            "Use a UUID, bare or in double quotes.",
        ),
        "IDEMPOTENCY_KEY_REUSED": Meaning(
            422,
            "This `Idempotency-Key` was used before with a different body.",
            "Send the same body again, or choose a new key for a new batch.",
        ),
        "INTERNAL_ERROR": Meaning(
            500,
            "LogLeap failed while handling this request.",
            "Contact the operator, and include the `requestId`.",
        ),
        "JSON_MALFORMED": Meaning(
            400,
            "The body is not JSON.",
            "Correct what `detail` names; NDJSON has a content type of its own.",
        ),
        "LENGTH_REQUIRED": Meaning(
            411, "The length of the body is unknown.", "Send `Content-Length`, or a chunked body."
        ),
        "MAPPING_UNKNOWN": Meaning(
            400,
            "There is no `mapping` with this name.",
            "Use one that `detail` lists, or ask the operator to add yours (`LOGLEAP_MAPPINGS`).",
        ),
        "METHOD_NOT_ALLOWED": Meaning(
            405, "The path does not support this method.", "Use one that the `Allow` header lists."
        ),
        "MODEL_MISSING": Meaning(
            409,
            "The data set whose log model is needed has none.",
            "Train it with the task `log-model` first, or omit the baseline.",
        ),
        "MODEL_UNUSABLE": Meaning(
            409,
            "The data set's log model was made with other masks, or by a later version of LogLeap.",
            "Train it again with the task `log-model`.",
        ),
        "NOT_ACCEPTABLE": Meaning(
            406,
            "The request's `Accept` excludes the media types of the answer that the server can make.",
            "Accept one that `detail` names, or send no `Accept`.",
        ),
        "NOT_FOUND": Meaning(404, "There is no such path.", "See `/docs` for all paths."),
        "PAGE_SIZE_INVALID": Meaning(
            400, "`pageSize` is not a non-negative integer.", "Omit it, or send 1 to 1000."
        ),
        "PAGE_TOKEN_INVALID": Meaning(
            400,
            "`pageToken` is not from this API, or is from another list, or one with other filters.",
            "Use `nextPageToken` unchanged, or omit `pageToken` to begin with the first page.",
        ),
        "PROTOBUF_MALFORMED": Meaning(
            400,
            "The body is not an OTLP export of logs in protobuf.",
            "Configure the client for OTLP/HTTP, and use this path for logs only.",
        ),
        "QUERY_PARAMETER_INVALID": Meaning(
            400, "A query parameter has an invalid value, or is repeated.", "Use one that `detail` lists."
        ),
        "QUERY_PARAMETER_UNKNOWN": Meaning(
            400,
            "The call has no such query parameter, and ignores none.",
            "Remove it, or correct its name.",
        ),
        "QUOTA_EXCEEDED": Meaning(
            429,
            "A quota of your owner is used up. The request had no effect.",
            "Retry after `Retry-After` seconds; `RateLimit` shows what is left of each quota.",
        ),
        "RANGE_NOT_SATISFIABLE": Meaning(
            416,
            "`Range` begins behind the end of the artifact.",
            "Request an earlier part, or send no `Range`.",
        ),
        "RECORDS_INVALID": Meaning(
            400,
            "None of the log records is valid.",
            "Give each a body or an event name, and a time.",
        ),
        "REQUEST_MALFORMED": Meaning(400, "The request is not HTTP.", "Correct what `detail` names."),
        "REQUEST_TIMEOUT": Meaning(
            408,
            "The request took too long to arrive.",
            "Send it again in one go, or in smaller parts; the operator sets the limit "
            "(`LOGLEAP_REQUEST_TIME_LIMIT`).",
        ),
        "RETENTION_TOO_LONG": Meaning(
            422,
            "`archiveAfter` or `deleteAfter` is longer than the operator allows. Nothing was created.",
            "Send at most what `detail` says, or omit it.",
        ),
        "RUN_IN_PROGRESS": Meaning(
            409,
            "Another training run, with another task or other parameters, is under way.",
            "Wait until it has ended, or send the same request.",
        ),
        "RUN_NOT_FOUND": Meaning(
            404, "The data set has no training run yet.", "Start one with `POST /train/{dataId}`."
        ),
        "STATE_CONFLICT": Meaning(
            409,
            "The data set's state does not allow this now.",
            "Do what `detail` says: wait until the training has ended, or create a new data set.",
        ),
        "STATE_INVALID": Meaning(
            400, "`state` is not a state of a data set.", "Use one that `detail` lists."
        ),
        "STORAGE_FULL": Meaning(
            503,
            "A disk of the service is full except for a reserve. Nothing of the request was stored.",
            "Delete data sets that are no longer needed, or ask the operator to free space; then retry.",
        ),
        "STORED_PARTIALLY": Meaning(
            422,
            "The batch of this `Idempotency-Key` is stored without its invalid entries: it was sent with "
            "`partial=true` before.",
            "Repeat it with `partial=true` for its receipt.",
        ),
        "TASK_UNKNOWN": Meaning(
            422, "The operator does not offer this training task.", "Use one that `detail` lists."
        ),
        "TEMPLATE_NOT_FOUND": Meaning(
            404,
            "The data set's current log model has no template of this id.",
            "Use one that `GET /train/{dataId}/artifacts/log-model.json` lists.",
        ),
        "TEMPORARY_SPACE_FULL": Meaning(
            503,
            "There is no room for the temporary files that sorting the entries by time, or an answer to "
            "HTTP/1.0, needs.",
            "Select a shorter range of time with `from` and `to`, or retry later. The operator sets the "
            "limit (`LOGLEAP_TEMPORARY_LIMIT`).",
        ),
        "TIME_LIMIT_TOO_LONG": Meaning(
            422,
            "`timeLimit` is longer than the operator allows. Nothing was started.",
            "Send at most what `detail` says, or omit it.",
        ),
        "TOO_MANY_ENTRIES": Meaning(
            413,
            "The JSON body has too many entries.",
            "Split it into several requests, or send it as `application/x-ndjson`.",
        ),
        "TRANSFER_CODING_UNSUPPORTED": Meaning(
            501,
            "The request's `Transfer-Encoding` is not supported.",
            "Send the body with a `Content-Length`, or as `Transfer-Encoding: chunked` alone.",
        ),
        "UNAVAILABLE": Meaning(
            503,
            "The backend is unavailable; it is unknown whether the request took effect.",
            "Retry after `Retry-After` seconds, with the same `Idempotency-Key` if it has one.",
        ),
        "UNSUPPORTED_CHARSET": Meaning(415, "The body's charset is not UTF-8.", "Send it in UTF-8."),
        "UNSUPPORTED_CONTENT_CODING": Meaning(
            415,
            "The body's `Content-Encoding` is not supported.",
            "Use one that the answer's `Accept-Encoding` lists, or send the body uncompressed.",
        ),
        "UNSUPPORTED_MEDIA_TYPE": Meaning(
            415,
            "The body's `Content-Type` is missing, or this call does not support it.",
            "Use one that the answer's `Accept` lists.",
        ),
        "ZSTD_MALFORMED": Meaning(
            400,
            "The body is not valid zstd, is truncated, or has data after its end.",
            "Compress the whole body, or send it without `Content-Encoding`.",
        ),
    }
)
"""Those of the API."""

PUSH_PROBLEMS: Mapping[Code, Meaning] = MappingProxyType(
    {
        "CERTIFICATES_UNAVAILABLE": Meaning(
            503, "Google's certificates cannot be fetched.", "Repeat it after `Retry-After` seconds."
        ),
        "NOT_YET": Meaning(
            503, "The message cannot be settled now.", "Deliver it again after `Retry-After` seconds."
        ),
        "TOKEN_INVALID": Meaning(
            401, "The token is not a valid one.", "Send one for the audience that is set."
        ),
        "TOKEN_MISSING": Meaning(
            401, "The request shows no token.", "Send an OIDC token of Google's as `Authorization: Bearer`."
        ),
        "TOKEN_OF_ANOTHER": Meaning(
            403, "The token is of another service account.", "Send one of the account that is set."
        ),
    }
)
"""Those that Pub/Sub and a scheduler may be answered besides."""

CONSOLE_PROBLEMS: Mapping[Code, Meaning] = MappingProxyType(
    {
        "FILE_MISSING": Meaning(422, "The form has no file.", "Choose a log file."),
        "FORM_EXPIRED": Meaning(
            403, "The form belongs to another session, or is too old.", "Reload its page, and send it again."
        ),
        "FORM_INVALID": Meaning(
            422, "A field of the form cannot be taken.", "Correct the field that the page names."
        ),
        "LOG_UNREADABLE": Meaning(
            422, "The log file cannot be read with certainty.", "Follow the remedy that the page names."
        ),
    }
)
"""Those that the console's pages may show besides."""

_ALL: Mapping[Code, Meaning] = ChainMap(dict(PROBLEMS), dict(PUSH_PROBLEMS), dict(CONSOLE_PROBLEMS))


def meaning_of(code: Code) -> Meaning:
    """What `code` stands for."""
    return _ALL[code]
