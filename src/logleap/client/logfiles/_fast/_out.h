/* What is written: entries as lines of NDJSON, which lines of the file they begin on, their earliest and latest time. */

#ifndef LOGLEAP_OUT_H
#define LOGLEAP_OUT_H

#include "_stamp.h"

typedef struct {
    char *bytes;
    size_t size, room;
    bool failed;
} Out;

static bool make_room(Out *out, size_t more)
{
    if (out->size + more <= out->room)
        return true;
    size_t room = out->room * 2 > out->size + more ? out->room * 2 : out->size + more;
    char *bytes = PyMem_RawRealloc(out->bytes, room);
    if (bytes == NULL) {
        out->failed = true;
        return false;
    }
    out->bytes = bytes;
    out->room = room;
    return true;
}

static bool put(Out *out, const char *bytes, size_t size)
{
    if (!make_room(out, size))
        return false;
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
    return true;
}

#define EACH (UINT64_MAX / 255)
#define HIGH (EACH * 128)

/* The first byte from `at` on that JSON does not take as it stands, or `end`. */
static inline const char *plain_until(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, 8);
        uint64_t quote = eight ^ (EACH * '"');
        uint64_t backslash = eight ^ (EACH * '\\');
        if ((((quote - EACH) & ~quote) | ((backslash - EACH) & ~backslash) | ((eight - EACH * 32) & ~eight)) & HIGH)
            break;
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 32)
        at++;
    return at;
}

/* Writes text as a part of a JSON string, up to `end`, or up to a line feed if it is to be `one_line`. */
static inline bool put_json(Out *out, const char **at, const char *end, bool one_line)
{
    const char *p = *at;
    for (;;) {
        const char *stop = plain_until(p, end);
        if (!make_room(out, stop - p + 6))
            return false;
        memcpy(out->bytes + out->size, p, stop - p);
        out->size += stop - p;
        if (stop == end || (one_line && *stop == '\n')) {
            *at = stop;
            return true;
        }
        char *to = out->bytes + out->size;
        to[0] = '\\';
        out->size += 2;
        switch (*stop) {
        case '"': case '\\': to[1] = *stop; break;
        case '\n': to[1] = 'n'; break;
        case '\t': to[1] = 't'; break;
        case '\r': to[1] = 'r'; break;
        case '\b': to[1] = 'b'; break;
        case '\f': to[1] = 'f'; break;
        default:
            memcpy(to + 1, "u00", 3);
            to[4] = "01"[(*stop >> 4) & 1];
            to[5] = "0123456789abcdef"[*stop & 15];
            out->size += 4;
        }
        p = stop + 1;
    }
}

static bool put_text(Out *out, const char *at, const char *end) { return put_json(out, &at, end, false); }

/* ---- entries ------------------------------------------------------------------------------------------------- */

typedef struct {
    Out out;
    int64_t *starts; /* the lines of the file on which they begin */
    Py_ssize_t count, room;
    Py_ssize_t most_entries;
    size_t most_bytes;
    bool empty;                              /* the batch that they go into */
    char first[TIME_SIZE], last[TIME_SIZE];  /* the earliest time and the latest */
    int64_t below;                           /* lines below those on which they begin */
    int month, day;                          /* of the last one */
} Entries;

enum { ENDED, FULL, LINE, OFFSET };

typedef struct {
    const char *done;    /* up to where all entries are written */
    int64_t done_line;   /* the number of the line that begins there */
    int64_t end_line;    /* the last line of the last entry */
    const char *problem; /* the line that is for Python */
    long long local;     /* the local time whose offset is wanted */
    int reason;
} Stop;

static bool begin_entry(Out *out, const char *time)
{
    return put(out, "{\"timestamp\":\"", 14) && put(out, time, TIME_SIZE) && put(out, "\",\"message\":\"", 13);
}

/* Keeps the entry that was written from `from` on: ENDED. FULL, if it does not fit any more and is taken back. */
static int keep_entry(Entries *entries, size_t from, const char *time, int64_t line)
{
    Out *out = &entries->out;
    if (out->size > entries->most_bytes && !(entries->count == 0 && entries->empty)) {
        out->size = from;
        return FULL;
    }
    if (entries->count == entries->room) {
        Py_ssize_t room = entries->room ? entries->room * 2 : 1024;
        int64_t *starts = PyMem_RawRealloc(entries->starts, room * sizeof(int64_t));
        if (starts == NULL) {
            out->failed = true;
            return FULL;
        }
        entries->starts = starts;
        entries->room = room;
    }
    if (entries->count == 0 || memcmp(time, entries->first, TIME_SIZE) < 0)
        memcpy(entries->first, time, TIME_SIZE);
    if (entries->count == 0 || memcmp(time, entries->last, TIME_SIZE) > 0)
        memcpy(entries->last, time, TIME_SIZE);
    entries->starts[entries->count++] = line;
    return ENDED;
}

/* Whether a text is sure to have a character that is no blank. Blanks that are no ASCII begin with C2, E1, E2, E3. */
static bool is_filled(const char *at, const char *end)
{
    for (; at < end && *at != '\n'; at++) {
        unsigned char c = (unsigned char)*at;
        if ((c > 0x20 && c < 0x7F) || (c > 0xC2 && c < 0xE0) || (c > 0xE3 && c < 0xF5))
            return true;
    }
    return false;
}

/* Makes a scan ready that is to begin at `start`; the bytes, or NULL with an exception set. */
static const char *begin_scan(Entries *entries, Stop *stop, PyObject *data, Py_ssize_t start, int64_t line,
                              Py_ssize_t most_entries, Py_ssize_t most_bytes, int empty)
{
    Py_ssize_t size = PyBytes_GET_SIZE(data);
    const char *bytes = PyBytes_AS_STRING(data);
    if (start < 0 || start > size || most_entries < 1 || (size > 0 && bytes[size - 1] != '\n')) {
        PyErr_SetString(PyExc_ValueError, "whole lines, from a start within them, and room for one entry");
        return NULL;
    }
    entries->most_entries = most_entries;
    entries->most_bytes = most_bytes < 0 ? 0 : (size_t)most_bytes;
    entries->empty = empty;
    *stop = (Stop){.done = bytes + start, .done_line = line, .end_line = line - 1, .reason = ENDED};
    return bytes;
}

/* What a reader gives to Python; what was allocated is freed. */
static PyObject *given(Entries *entries, const Stop *stop, const char *bytes)
{
    PyObject *found = NULL;
    if (entries->out.failed)
        PyErr_NoMemory();
    else
        found = Py_BuildValue("y#y#nLLinLLy#y#ii", entries->out.bytes, (Py_ssize_t)entries->out.size,
                              entries->starts == NULL ? "" : (char *)entries->starts,
                              (Py_ssize_t)(entries->count * sizeof(int64_t)), stop->done - bytes, (long long)stop->done_line,
                              (long long)stop->end_line, stop->reason,
                              stop->problem == NULL ? (Py_ssize_t)-1 : stop->problem - bytes, stop->local,
                              (long long)entries->below, entries->first, (Py_ssize_t)(entries->count ? TIME_SIZE : 0),
                              entries->last, (Py_ssize_t)(entries->count ? TIME_SIZE : 0), entries->month, entries->day);
    PyMem_RawFree(entries->out.bytes);
    PyMem_RawFree(entries->starts);
    return found;
}

#endif
