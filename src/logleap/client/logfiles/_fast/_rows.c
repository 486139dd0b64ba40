/* Rows of a table (CSV, TSV), made into the NDJSON that the API takes, in one pass and without an object per row.
 *
 * It takes rows that are sure to be read in one way: as many fields as the header has, a time of the file's usual form,
 * a message with text. At all others it stops and says where, and Python reads that row. What it takes is a part of what
 * Python's csv module takes, in its strict mode, with the same bytes as a result.
 */

#include "_out.h"

#define MOST_FIELDS 256
#define MOST_TIME 200         /* bytes of a time */
#define MOST_ROW (16 << 20)   /* bytes, as MAX_ENTRY in _text/log_text.py */

typedef struct {
    char delimiter;
    int fields;                  /* of a row */
    const unsigned char *times;  /* the fields that are the time, joined by a blank */
    int times_count;
    const unsigned char *messages;
    int messages_count;
    int context;                 /* the field that is the context as it stands, or -1 */
    const char *names[MOST_FIELDS]; /* of the fields that go into the context, as JSON and with its colon; else empty */
    int names_size[MOST_FIELDS];
} Table;

typedef struct {
    const char *begin, *end;
    bool doubled; /* it has quotes that are written twice */
} Field;

enum { ROW, BLANK, OPEN, OTHER };

/* ---- a row --------------------------------------------------------------------------------------------------- */

/* The first delimiter or line end from `at` on; there is one. */
static const char *field_end(const Table *table, const char *at, const char *end)
{
    const uint64_t delimiters = EACH * (unsigned char)table->delimiter;
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, 8);
        uint64_t delimiter = eight ^ delimiters;
        uint64_t feed = eight ^ (EACH * '\n');
        uint64_t carriage = eight ^ (EACH * '\r');
        if ((((delimiter - EACH) & ~delimiter) | ((feed - EACH) & ~feed) | ((carriage - EACH) & ~carriage)) & HIGH)
            break;
        at += 8;
    }
    while (*at != table->delimiter && *at != '\n' && *at != '\r')
        at++;
    return at;
}

static int64_t count_feeds(const char *at, const char *end)
{
    int64_t count = 0;
    while ((at = memchr(at, '\n', end - at)) != NULL) {
        count++;
        at++;
    }
    return count;
}

/* Passes one row; `*feeds` are the line feeds in its fields. */
static int pass_row(const Table *table, const char **at, const char *end, Field *fields, int64_t *feeds)
{
    const char *p = *at;
    *feeds = 0;
    if (*p == '\n' || (*p == '\r' && p[1] == '\n')) {
        *at = p + (*p == '\r') + 1;
        return BLANK;
    }
    for (int count = 0; count < table->fields;) {
        Field *field = &fields[count++];
        field->doubled = false;
        if (*p == '"') {
            field->begin = ++p;
            while (true) {
                p = memchr(p, '"', end - p);
                if (p == NULL)
                    return OPEN;
                if (p[1] != '"')
                    break;
                field->doubled = true;
                p += 2;
            }
            field->end = p++;
            *feeds += count_feeds(field->begin, field->end);
        } else {
            field->begin = p;
            field->end = p = field_end(table, p, end);
        }
        if (*p == table->delimiter) {
            p++;
            continue;
        }
        p += *p == '\r';
        if (*p != '\n' || count != table->fields)
            return OTHER;
        *at = p + 1;
        return ROW;
    }
    return OTHER; /* more fields */
}

/* ---- its entry ----------------------------------------------------------------------------------------------- */

static int read_time(const Table *table, const Form *form, const Field *fields, Stamp *stamp)
{
    char text[MOST_TIME + 8];
    size_t size = 0;
    for (int i = 0; i < table->times_count; i++) {
        const Field *field = &fields[table->times[i]];
        const char *begin = field->begin, *end = field->end;
        while (begin < end && is_blank(*begin))
            begin++;
        while (begin < end && is_blank(end[-1]))
            end--;
        if (field->doubled || size + (end - begin) + 1 > MOST_TIME)
            return ODD;
        if (i)
            text[size++] = ' ';
        memcpy(text + size, begin, end - begin);
        size += end - begin;
    }
    memset(text + size, 0, sizeof text - size);
    const char *at = text;
    int how = read_stamp(form, &at, text + size, stamp);
    if (how == NO_TIME || (how == TIME && (at != text + size || !stamp->closed || stamp->level)))
        return ODD;
    return how;
}

static bool put_field(Out *out, const Field *field)
{
    const char *at = field->begin;
    while (field->doubled && at < field->end) {
        const char *quote = memchr(at, '"', field->end - at);
        if (quote == NULL)
            break;
        if (!put_text(out, at, quote + 1))
            return false;
        at = quote + 2;
    }
    return put_text(out, at, field->end);
}

static bool put_context(Out *out, const Table *table, const Field *fields)
{
    if (table->context >= 0) {
        const Field *field = &fields[table->context];
        if (field->begin == field->end)
            return true;
        return put(out, ",\"context\":\"", 12) && put_field(out, field) && put(out, "\"", 1);
    }
    bool begun = false;
    for (int i = 0; i < table->fields; i++) {
        const Field *field = &fields[i];
        if (!table->names_size[i] || field->begin == field->end)
            continue;
        const char *before = begun ? ", " : ",\"context\":{";
        if (!put(out, before, strlen(before)) || !put(out, table->names[i], table->names_size[i]) || !put(out, "\"", 1)
            || !put_field(out, field) || !put(out, "\"", 1))
            return false;
        begun = true;
    }
    return !begun || put(out, "}", 1);
}

static bool put_row(Out *out, const Table *table, const Field *fields, const Stamp *stamp)
{
    if (!begin_entry(out, stamp->text))
        return false;
    for (int i = 0; i < table->messages_count; i++)
        if ((i && !put(out, " ", 1)) || !put_field(out, &fields[table->messages[i]]))
            return false;
    return put(out, "\"", 1) && put_context(out, table, fields) && put(out, "}\n", 2);
}

static bool has_message(const Table *table, const Field *fields)
{
    for (int i = 0; i < table->messages_count; i++)
        if (is_filled(fields[table->messages[i]].begin, fields[table->messages[i]].end))
            return true;
    return false;
}

/* ---- the rows ------------------------------------------------------------------------------------------------ */

static void scan_rows(Entries *entries, const Table *table, const Form *form, const char *at, const char *end, Stop *stop)
{
    Field fields[MOST_FIELDS];
    Stamp stamp;
    int64_t feeds, line = stop->done_line;
    while (at < end && !entries->out.failed) {
        const char *begin = at;
        int what = pass_row(table, &at, end, fields, &feeds);
        if (what == OPEN)
            return; /* it goes on in the next block */
        if (what == BLANK) {
            stop->done = at;
            stop->done_line = ++line;
            continue;
        }
        int how = ODD;
        if (what == ROW && at - begin <= MOST_ROW && has_message(table, fields))
            how = read_time(table, form, fields, &stamp);
        if (how != TIME) {
            stop->reason = how == NO_OFFSET ? OFFSET : LINE;
            stop->problem = begin;
            stop->local = how == NO_OFFSET ? stamp.local : 0;
            return;
        }
        size_t from = entries->out.size;
        if (!put_row(&entries->out, table, fields, &stamp) || keep_entry(entries, from, stamp.text, line) == FULL) {
            stop->reason = FULL;
            return;
        }
        entries->below += feeds;
        entries->month = stamp.month;
        entries->day = stamp.day;
        stop->done = at;
        stop->end_line = line + feeds;
        stop->done_line = line = line + feeds + 1;
        if (entries->count == entries->most_entries) {
            stop->reason = FULL;
            return;
        }
    }
}

/* ---- the module ---------------------------------------------------------------------------------------------- */

static bool are_fields(const unsigned char *numbers, Py_ssize_t count, int fields)
{
    for (Py_ssize_t i = 0; i < count; i++)
        if (numbers[i] >= fields)
            return false;
    return count > 0;
}

/* Reads what Python tells about the table; false with an exception set. */
static bool read_table(PyObject *told, Table *table)
{
    PyObject *names;
    Py_ssize_t times, messages;
    int delimiter;
    if (!PyArg_ParseTuple(told, "iy#y#iO!", &delimiter, &table->times, &times, &table->messages, &messages, &table->context,
                          &PyTuple_Type, &names))
        return false;
    Py_ssize_t fields = PyTuple_GET_SIZE(names);
    if (fields < 1 || fields > MOST_FIELDS || table->context >= fields || !are_fields(table->times, times, (int)fields)
        || !are_fields(table->messages, messages, (int)fields) || delimiter < 1 || delimiter > 126 || delimiter == '"'
        || delimiter == '\n' || delimiter == '\r') {
        PyErr_SetString(PyExc_ValueError, "a delimiter of ASCII, and up to 256 fields of which some are time and message");
        return false;
    }
    table->delimiter = (char)delimiter;
    table->fields = (int)fields;
    table->times_count = (int)times;
    table->messages_count = (int)messages;
    for (Py_ssize_t i = 0; i < fields; i++) {
        Py_ssize_t size;
        char *name;
        if (PyBytes_AsStringAndSize(PyTuple_GET_ITEM(names, i), &name, &size) < 0)
            return false;
        table->names[i] = name;
        table->names_size[i] = (int)size;
    }
    return true;
}

static PyObject *scan(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *data, *form_told, *now_told, *table_told;
    Py_ssize_t start, most_entries, most_bytes;
    long long line;
    int empty;
    Form form;
    Table table;
    if (!PyArg_ParseTuple(arguments, "SnLnnpOOO", &data, &start, &line, &most_entries, &most_bytes, &empty, &form_told,
                          &now_told, &table_told)
        || !read_form(form_told, now_told, &form) || !read_table(table_told, &table))
        return NULL;
    Entries entries;
    memset(&entries, 0, sizeof entries);
    Stop stop;
    const char *bytes = begin_scan(&entries, &stop, data, start, line, most_entries, most_bytes, empty);
    if (bytes == NULL)
        return NULL;
    const char *end = bytes + PyBytes_GET_SIZE(data);
    Py_BEGIN_ALLOW_THREADS
    if (make_room(&entries.out, (size_t)(end - stop.done) + (size_t)(end - stop.done) / 2 + 64))
        scan_rows(&entries, &table, &form, stop.done, end, &stop);
    Py_END_ALLOW_THREADS
    return given(&entries, &stop, bytes);
}

static PyMethodDef methods[] = {
    {"scan", scan, METH_VARARGS, "scan(…): see _rows.pyi."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_rows",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__rows(void)
{
    return PyModuleDef_Init(&definition);
}
