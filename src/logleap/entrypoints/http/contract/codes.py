"""Every code that a problem can have, with its status, what it means and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

Code: TypeAlias = str
"""One of those below."""


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
            "The key is not known, or its secret is wrong.",
            "Check the key, or ask the operator for one.",
        ),
        "API_KEY_MISSING": Meaning(
            401,
            "Keys are on, and the request shows none.",
            "Send `X-API-Key: <keyId>.<secret>`, or the same as `Authorization: Bearer`.",
        ),
        "ARCHIVE_DAMAGED": Meaning(
            500,
            "The data set's archive is missing, or is not what was written.",
            "Tell the operator, with the `requestId`.",
        ),
        "BATCH_EMPTY": Meaning(422, "The body holds no entries.", "Send at least one entry."),
        "BODY_BROKEN_OFF": Meaning(
            400,
            "The connection broke off within the body, or a chunk of it is malformed.",
            "Send the whole request again.",
        ),
        "BODY_EMPTY": Meaning(400, "The body is empty.", "Send at least one entry."),
        "BODY_INVALID": Meaning(
            422, "A field of the JSON body is unknown or wrong.", "Correct the field that `detail` names."
        ),
        "BODY_NOT_ENTRIES": Meaning(
            422,
            "The JSON body is neither an entry nor several.",
            'Send one entry, an array of entries, or `{"entries": […]}` without any other field.',
        ),
        "BODY_NOT_UTF8": Meaning(400, "The body is not UTF-8.", "Send it in UTF-8."),
        "BODY_TOO_LARGE": Meaning(
            413,
            "The body has more bytes, as sent or inflated, than its content type may have.",
            "Split it into several requests.",
        ),
        "BODY_TOO_SHORT": Meaning(
            400, "The body ended before its `Content-Length`.", "Send the whole request again."
        ),
        "CONTENT_LENGTH_INVALID": Meaning(
            400, "`Content-Length` is not a number.", "Send the number of bytes of the body."
        ),
        "COUNT_MISMATCH": Meaning(
            500,
            "What is stored is not what was acknowledged. Nothing was changed.",
            "Tell the operator, with the `requestId`.",
        ),
        "DATASET_EMPTY": Meaning(
            409, "The data set has no entries to train on.", "Post some to `/data/{dataId}` first."
        ),
        "DATASET_NOT_FOUND": Meaning(
            404,
            "You have no data set of this id. Another owner's is answered in the same words.",
            "Announce one with `POST /data`, and use the `dataId` that it answers.",
        ),
        "ENTRIES_INVALID": Meaning(
            422,
            "Some entries cannot be taken, so nothing of the request was stored.",
            "Correct what `errors` names, and send the whole request again.",
        ),
        "ENTRY_COUNT_DIFFERS": Meaning(
            412,
            "`expectedEntries` is not the number of acknowledged entries. Nothing was started.",
            "Upload what is missing, or correct `expectedEntries`.",
        ),
        "ENTRY_TOO_LARGE": Meaning(
            413, "An entry has more bytes than an entry may have.", "Shorten it, or split it."
        ),
        "GZIP_MALFORMED": Meaning(
            400,
            "The body was announced as gzip, but is not, ends early, or goes on behind its end.",
            "Compress it whole, or send it without `Content-Encoding`.",
        ),
        "HEADERS_TOO_LARGE": Meaning(431, "The headers are too long.", "Send fewer or shorter ones."),
        "IDEMPOTENCY_KEY_INVALID": Meaning(
            400,
            "`Idempotency-Key` is not 1 to 255 visible ASCII characters.",
            "Use a UUID, bare or in double quotes.",
        ),
        "IDEMPOTENCY_KEY_REUSED": Meaning(
            422,
            "This `Idempotency-Key` came before with another body.",
            "Send the same body again, or choose a new key for a new batch.",
        ),
        "INTERNAL_ERROR": Meaning(
            500,
            "LogLeap failed at this request.",
            "Tell the operator, with the `requestId`.",
        ),
        "JSON_MALFORMED": Meaning(
            400,
            "The body is not JSON.",
            "Correct what `detail` names; NDJSON has a content type of its own.",
        ),
        "LENGTH_REQUIRED": Meaning(
            411, "Nobody knows where the body ends.", "Send `Content-Length`, or a chunked body."
        ),
        "MAPPING_UNKNOWN": Meaning(
            400,
            "There is no `mapping` of this name.",
            "Use one that `detail` names, or have the operator add yours (`LOGLEAP_MAPPINGS`).",
        ),
        "METHOD_NOT_ALLOWED": Meaning(
            405, "The path does not answer this method.", "Use one of those that the header `Allow` names."
        ),
        "NOT_ACCEPTABLE": Meaning(
            406,
            "The request's `Accept` leaves out what the call answers.",
            "Accept `application/json`, or send no `Accept`.",
        ),
        "NOT_FOUND": Meaning(404, "There is no such path.", "See `/docs` for those that there are."),
        "PAGE_SIZE_INVALID": Meaning(
            400, "`pageSize` is not a whole number of 0 or more.", "Leave it out, or send 1 to 1000."
        ),
        "PAGE_TOKEN_INVALID": Meaning(
            400,
            "`pageToken` is not one that this API gave out, or is from a list with another state or name.",
            "Use `nextPageToken` as it came, or leave it out to begin with the first page.",
        ),
        "PROTOBUF_MALFORMED": Meaning(
            400,
            "The body was announced as protobuf, but is no export of logs.",
            "Set the client to OTLP/HTTP, and this path for logs alone.",
        ),
        "QUERY_PARAMETER_INVALID": Meaning(
            400, "A query parameter has a wrong value, or is given twice.", "Use one that `detail` names."
        ),
        "QUERY_PARAMETER_UNKNOWN": Meaning(
            400,
            "The call has no such query parameter; to ignore it would do what nobody asked for.",
            "Leave it out, or correct its name.",
        ),
        "QUOTA_EXCEEDED": Meaning(
            429,
            "What your owner may send in a time is used up, so nothing was done.",
            "Send the same again after `Retry-After` seconds; `RateLimit` tells what is left of each quota.",
        ),
        "RECORDS_INVALID": Meaning(
            400,
            "None of the log records can be taken.",
            "Give each a body or an event name, and a time.",
        ),
        "REQUEST_MALFORMED": Meaning(400, "The request is not HTTP.", "Correct what `detail` names."),
        "RUN_IN_PROGRESS": Meaning(
            409,
            "Another training run, with another task or other parameters, is under way.",
            "Wait until it has ended, or ask for the same.",
        ),
        "RUN_NOT_FOUND": Meaning(
            404, "The data set has no training run yet.", "Start one with `POST /train/{dataId}`."
        ),
        "STATE_CONFLICT": Meaning(
            409,
            "The data set's state does not allow this now.",
            "Do what `detail` says: wait for the training's end, or announce a new data set.",
        ),
        "STATE_INVALID": Meaning(400, "`state` is no state of a data set.", "Use one that `detail` names."),
        "STORAGE_FULL": Meaning(
            503,
            "A disk of the service is full but for a reserve. Nothing of the request was stored.",
            "Delete data sets that nobody needs, or have the operator make room; then send it again.",
        ),
        "TASK_UNKNOWN": Meaning(
            422, "The operator offers no such training task.", "Use one that `detail` names."
        ),
        "TOO_MANY_ENTRIES": Meaning(
            413,
            "The JSON body has more entries than one may have.",
            "Split it into several requests, or send it as `application/x-ndjson`.",
        ),
        "TRANSFER_CODING_UNSUPPORTED": Meaning(
            501,
            "The request's `Transfer-Encoding` is not supported.",
            "Send the body with a `Content-Length`, or as `Transfer-Encoding: chunked` alone.",
        ),
        "UNAVAILABLE": Meaning(
            503,
            "The backend cannot answer now; it is not known whether the request took effect.",
            "Repeat it after `Retry-After` seconds, with the same `Idempotency-Key` if it has one.",
        ),
        "UNSUPPORTED_CHARSET": Meaning(415, "The body's charset is not UTF-8.", "Send it in UTF-8."),
        "UNSUPPORTED_CONTENT_CODING": Meaning(
            415,
            "The body's `Content-Encoding` is not supported.",
            "Use one that the answer's `Accept-Encoding` names, or send the body plain.",
        ),
        "UNSUPPORTED_MEDIA_TYPE": Meaning(
            415,
            "The body's `Content-Type` is missing, or not one that this call takes.",
            "Use one that the answer's `Accept` names.",
        ),
        "ZSTD_MALFORMED": Meaning(
            400,
            "The body was announced as zstd, but is not, ends early, or goes on behind its end.",
            "Compress it whole, or send it without `Content-Encoding`.",
        ),
    }
)
