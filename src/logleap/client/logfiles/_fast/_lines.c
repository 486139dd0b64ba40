/* Lines of a plain log, made into the NDJSON that the API takes, in one pass and without an object per line.
 *
 * It takes lines that are sure to be read in one way: those that begin with a time of the file's usual form, and those
 * below that cannot begin an entry. At all others it stops and says where, and Python reads that entry. What it takes
 * is a part of what _formats/text/grouping.py takes, with the same bytes as a result.
 *
 */

#include "_out.h"

/* ---- an entry ------------------------------------------------------------------------------------------------ */

typedef struct {
    Entries entries;
    const char *entry; /* the line on which the open one begins; NULL: none is open */
    int64_t entry_line;
    size_t entry_out;
    char entry_time[TIME_SIZE];
    int entry_priority;
    int entry_month, entry_day;
    int64_t entry_below; /* lines below the first one that are not blank */
    int64_t empty_lines; /* that belong to it if another line follows */
} Scan;

/* Writes a line as a part of a JSON string; `*at` is then behind its line feed. */
static bool put_line(Out *out, const char **at, const char *end)
{
    if (!put_json(out, at, end, true))
        return false;
    *at += *at < end;
    return true;
}

static bool open_entry(Scan *scan, const Form *form, const char *line, int64_t number, const Stamp *stamp)
{
    Out *out = &scan->entries.out;
    scan->entry = line;
    scan->entry_line = number;
    scan->entry_out = out->size;
    scan->entry_priority = stamp->priority;
    scan->entry_month = stamp->month;
    scan->entry_day = stamp->day;
    scan->entry_below = scan->empty_lines = 0;
    memcpy(scan->entry_time, stamp->text, TIME_SIZE);
    bool fine = begin_entry(out, stamp->text);
    if (fine && stamp->lead_size)
        fine = put_text(out, stamp->lead, stamp->lead + stamp->lead_size);
    if (fine && stamp->level) {
        char level[2] = {stamp->level, ' '};
        fine = put(out, level, 2);
    }
    if (fine && !stamp->closed)
        fine = put_text(out, &form->opened, &form->opened + 1);
    return fine;
}

/* Ends the open entry: ENDED, or FULL if it does not fit any more and is taken back. */
static int close_entry(Scan *scan)
{
    Out *out = &scan->entries.out;
    if (scan->entry_priority >= 0) {
        char context[80];
        int size = snprintf(context, sizeof context, "\",\"context\":{\"PRIORITY\":\"%d\",\"SYSLOG_FACILITY\":\"%d\"}}\n",
                            scan->entry_priority % 8, scan->entry_priority / 8);
        put(out, context, size);
    } else {
        put(out, "\"}\n", 3);
    }
    if (keep_entry(&scan->entries, scan->entry_out, scan->entry_time, scan->entry_line) == FULL)
        return FULL;
    scan->entries.below += scan->entry_below;
    scan->entries.month = scan->entry_month;
    scan->entries.day = scan->entry_day;
    scan->entry = NULL;
    return ENDED;
}

/* ---- the lines below ----------------------------------------------------------------------------------------- */

#define MOST_SEARCHED 1200 /* bytes of at most MOST_BEFORE characters */

/* Whether a word is one that loggers write before the time, as _layout/layout.py has them. */
static bool is_of_loggers(const char *at)
{
    static const char words[] = " trace debug info notice warn warning error severe critical fatal ";
    char wanted[12] = " ";
    int size = 0;
    for (; size < 9 && is_letter(at[size]); size++)
        wanted[size + 1] = (char)(at[size] | 32);
    wanted[size + 1] = ' ';
    wanted[size + 2] = 0;
    return size > 0 && strstr(words, wanted) != NULL;
}

/* Whether a line that does not begin with a time in a form of its own is sure to be a part of the entry above. */
static bool is_below_custom(const Form *form, const char *at, const char *end)
{
    if (form->lead || strchr("[({\"'", *at) != NULL || is_of_loggers(at))
        return false;
    for (const char *p = at; p < end && *p != '\n'; p++)
        if (*p == ':' && p > at && is_digit(p[-1]) && is_digit(p[1]))
            return false;
    return true;
}

/* Whether a line that begins with no time of the usual form is sure to be a part of the entry above. */
static bool is_below(const Form *form, const char *at, const char *end)
{
    if (form->indented)
        while (is_blank(*at))
            at++;
    if (is_blank(*at) || *at == '\n')
        return true;
    unsigned char c = (unsigned char)*at;
    if (is_digit(*at) || c == 0xFF || c == '<')
        return false;
    if (memcmp(at, "-- ", end - at < 3 ? end - at : 3) == 0 || memcmp(at, "==>", end - at < 3 ? end - at : 3) == 0)
        return false;
    end = end - at > MOST_SEARCHED ? at + MOST_SEARCHED : end;
    return form->custom ? is_below_custom(form, at, end) : !has_clock(at, end);
}

static bool put_below(Scan *scan, const char **at, const char *end)
{
    Out *out = &scan->entries.out;
    if (**at == '\n') {
        scan->empty_lines++;
        (*at)++;
        return true;
    }
    for (scan->empty_lines++; scan->empty_lines > 0; scan->empty_lines--)
        if (!put(out, "\\n", 2))
            return false;
    const char *p = *at;
    while (p < end && is_blank(*p))
        p++;
    scan->entry_below += p < end && *p != '\n';
    return put_line(out, at, end);
}

/* ---- the lines ----------------------------------------------------------------------------------------------- */

static void scan_lines(Scan *scan, const Form *form, const char *at, const char *end, int64_t line, bool final, Stop *stop)
{
    Stamp stamp;
    stop->reason = ENDED;
    stop->problem = NULL;
    while (at < end && !scan->entries.out.failed) {
        const char *begin = at;
        int how = read_stamp(form, &at, end, &stamp);
        if (how == TIME && !is_filled(at, end))
            how = ODD; /* the time alone: its message is of another kind */
        if (how == NO_TIME && scan->entry != NULL && is_below(form, begin, end)) {
            at = begin;
            if (!put_below(scan, &at, end))
                return;
            line++;
            continue;
        }
        if (how != TIME && how != NO_OFFSET) {
            stop->reason = LINE;
            stop->problem = begin;
            break;
        }
        if (scan->entry != NULL) {
            if (close_entry(scan) == FULL) {
                stop->reason = FULL;
                break;
            }
            if (scan->entries.count == scan->entries.most_entries) {
                stop->reason = FULL;
                stop->done = begin;
                stop->done_line = line;
                return;
            }
        }
        if (how == NO_OFFSET) {
            stop->reason = OFFSET;
            stop->problem = begin;
            stop->local = stamp.local;
            break;
        }
        if (!open_entry(scan, form, begin, line, &stamp) || !put_line(&scan->entries.out, &at, end))
            return;
        line++;
    }
    if (stop->reason == ENDED && final && scan->entry != NULL && close_entry(scan) == FULL)
        stop->reason = FULL;
    if (scan->entry != NULL) { /* it goes on in the next block, or Python reads it */
        scan->entries.out.size = scan->entry_out;
        stop->done = scan->entry;
        stop->done_line = scan->entry_line;
    } else {
        stop->done = stop->problem != NULL ? stop->problem : at;
        stop->done_line = line;
    }
}

/* ---- the module ---------------------------------------------------------------------------------------------- */

static PyObject *scan(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *data, *form_told, *now_told;
    Py_ssize_t start, most_entries, most_bytes;
    long long line;
    int final, empty;
    Form form;
    if (!PyArg_ParseTuple(arguments, "SnLpnnpOO", &data, &start, &line, &final, &most_entries, &most_bytes, &empty, &form_told,
                          &now_told)
        || !read_form(form_told, now_told, &form))
        return NULL;
    Scan scan;
    memset(&scan, 0, sizeof scan);
    Stop stop;
    const char *bytes = begin_scan(&scan.entries, &stop, data, start, line, most_entries, most_bytes, empty);
    if (bytes == NULL)
        return NULL;
    const char *end = bytes + PyBytes_GET_SIZE(data);
    Py_BEGIN_ALLOW_THREADS
    if (make_room(&scan.entries.out, (size_t)(end - stop.done) + (size_t)(end - stop.done) / 2 + 64))
        scan_lines(&scan, &form, stop.done, end, line, final, &stop);
    stop.end_line = stop.done_line - 1;
    Py_END_ALLOW_THREADS
    return given(&scan.entries, &stop, bytes);
}

static PyMethodDef methods[] = {
    {"scan", scan, METH_VARARGS, "scan(…): see _lines.pyi."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_lines",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__lines(void)
{
    return PyModuleDef_Init(&definition);
}
