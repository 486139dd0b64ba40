/* Entries of JSON text, read into columns in one pass.
 *
 * It takes what is sure to be right and written as usual, and leaves all else to Python, where every error is found
 * and named: so nothing here words one. What it takes is a part of what strict.py takes, with the same result.
 *
 * All of `data` is read through `walk->at`. A bytes object ends with a zero byte that is not part of it, and a zero
 * byte is right nowhere in JSON text: looking at one byte therefore needs no check for the end, only looking further
 * ahead does.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *at;
    const char *end;
    bool lines;     /* an entry ends with its line */
    int deepest;    /* arrays and objects in one another, in a context */
    char *unescaped; /* room for any text of `data`, once there is one with escapes */
} Walk;

typedef struct {
    int64_t micros; /* the timestamp: since 1970, in UTC */
    bool timed;     /* whether there is one */
    PyObject *message;
    PyObject *context;
} Row;

/* ---- texts ------------------------------------------------------------------------------------------------- */

#define EACH (UINT64_MAX / 255) /* a one in each byte */
#define HIGH (EACH * 128)

/* The first byte from `at` on that is a quote, a backslash or a control character; or `end`.
 * `seen` gathers the bits of those before it.
 */
static inline const char *plain_until(const char *at, const char *end, uint64_t *seen)
{
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, 8);
        uint64_t quote = eight ^ (EACH * '"');
        uint64_t backslash = eight ^ (EACH * '\\');
        uint64_t found = ((quote - EACH) & ~quote) | ((backslash - EACH) & ~backslash) | ((eight - EACH * 32) & ~eight);
        if (found & HIGH)
            break;
        *seen |= eight;
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 32)
        *seen |= (unsigned char)*at++;
    return at;
}

/* A new str; NULL, perhaps without an exception, if the text is not UTF-8. */
static PyObject *new_text(const char *start, Py_ssize_t size, uint64_t seen)
{
    if (!(seen & HIGH)) {
        PyObject *text = PyUnicode_New(size, 127);
        if (text != NULL && size > 0)
            memcpy(PyUnicode_1BYTE_DATA(text), start, size);
        return text;
    }
    PyObject *text = PyUnicode_DecodeUTF8(start, size, NULL);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
        PyErr_Clear();
    return text;
}

static int hex(const char *at)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The character that the escape at `walk->at`, behind its backslash, stands for; -1 if for none, or half of one. */
static int32_t escape(Walk *walk)
{
    char kind = *walk->at++;
    switch (kind) {
    case '"': case '\\': case '/': return kind;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: return -1;
    }
    if (walk->end - walk->at < 4)
        return -1;
    int32_t code = hex(walk->at);
    walk->at += 4;
    if (code < 0xD800 || code > 0xDFFF)
        return code;
    if (code > 0xDBFF || walk->end - walk->at < 6 || walk->at[0] != '\\' || walk->at[1] != 'u')
        return -1;
    int32_t low = hex(walk->at + 2);
    walk->at += 6;
    return low < 0xDC00 || low > 0xDFFF ? -1 : 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

/* Writes a character in UTF-8, which never takes more bytes than its escape. */
static char *put(char *to, int32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xE0 | code >> 12);
        } else {
            *to++ = (char)(0xF0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3F));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
    }
    *to++ = (char)(0x80 | (code & 0x3F));
    return to;
}

/* The JSON string whose opening quote has been passed: a new str, or NULL. */
static PyObject *string(Walk *walk)
{
    uint64_t seen = 0;
    const char *start = walk->at;
    const char *stop = plain_until(start, walk->end, &seen);
    if (*stop == '"') {
        walk->at = stop + 1;
        return new_text(start, stop - start, seen);
    }
    if (walk->unescaped == NULL && (walk->unescaped = PyMem_Malloc(walk->end - start)) == NULL)
        return PyErr_NoMemory();
    char *to = walk->unescaped;
    for (;;) {
        memcpy(to, start, stop - start);
        to += stop - start;
        walk->at = stop + 1;
        if (*stop == '"')
            return new_text(walk->unescaped, to - walk->unescaped, seen);
        if (*stop != '\\')
            return NULL;
        int32_t code = escape(walk);
        if (code < 0)
            return NULL;
        if (code >= 0x80)
            seen |= HIGH;
        to = put(to, code);
        start = walk->at;
        stop = plain_until(start, walk->end, &seen);
    }
}

/* ---- any JSON ---------------------------------------------------------------------------------------------- */

static inline void pass_blanks(Walk *walk)
{
    while (*walk->at == ' ' || *walk->at == '\t' || *walk->at == '\r' || (*walk->at == '\n' && !walk->lines))
        walk->at++;
}

/* Passes `mark`, with blanks around it; false if something else comes. */
static inline bool passed(Walk *walk, char mark)
{
    pass_blanks(walk);
    if (*walk->at != mark)
        return false;
    walk->at++;
    pass_blanks(walk);
    return true;
}

static bool pass_word(Walk *walk, const char *word, size_t size)
{
    if ((size_t)(walk->end - walk->at) < size || memcmp(walk->at, word, size) != 0)
        return false;
    walk->at += size;
    return true;
}

static bool pass_string(Walk *walk, uint64_t *seen)
{
    for (;;) {
        walk->at = plain_until(walk->at, walk->end, seen);
        char mark = *walk->at++;
        if (mark == '"')
            return true;
        if (mark != '\\' || escape(walk) < 0)
            return false;
    }
}

static bool pass_digits(Walk *walk)
{
    const char *start = walk->at;
    while (*walk->at >= '0' && *walk->at <= '9')
        walk->at++;
    return walk->at > start;
}

/* RFC 8259, 6. */
static bool pass_number(Walk *walk)
{
    if (*walk->at == '-')
        walk->at++;
    if (*walk->at == '0')
        walk->at++;
    else if (!pass_digits(walk))
        return false;
    if (*walk->at == '.') {
        walk->at++;
        if (!pass_digits(walk))
            return false;
    }
    if (*walk->at == 'e' || *walk->at == 'E') {
        walk->at++;
        if (*walk->at == '+' || *walk->at == '-')
            walk->at++;
        return pass_digits(walk);
    }
    return true;
}

static bool pass_value(Walk *walk, int depth, uint64_t *seen);

static bool pass_members(Walk *walk, int depth, uint64_t *seen)
{
    walk->at++;
    pass_blanks(walk);
    if (*walk->at == '}') {
        walk->at++;
        return true;
    }
    do {
        if (*walk->at++ != '"' || !pass_string(walk, seen) || !passed(walk, ':') || !pass_value(walk, depth, seen))
            return false;
    } while (passed(walk, ','));
    return *walk->at++ == '}';
}

static bool pass_items(Walk *walk, int depth, uint64_t *seen)
{
    walk->at++;
    pass_blanks(walk);
    if (*walk->at == ']') {
        walk->at++;
        return true;
    }
    do {
        if (!pass_value(walk, depth, seen))
            return false;
    } while (passed(walk, ','));
    return *walk->at++ == ']';
}

static bool pass_value(Walk *walk, int depth, uint64_t *seen)
{
    switch (*walk->at) {
    case '{': return depth < walk->deepest && pass_members(walk, depth + 1, seen);
    case '[': return depth < walk->deepest && pass_items(walk, depth + 1, seen);
    case '"': walk->at++; return pass_string(walk, seen);
    case 't': return pass_word(walk, "true", 4);
    case 'f': return pass_word(walk, "false", 5);
    case 'n': return pass_word(walk, "null", 4);
    default: return pass_number(walk);
    }
}

/* ---- times ------------------------------------------------------------------------------------------------- */

static inline int digits(const char *at, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        value = value * 10 + (at[i] - '0');
    }
    return value;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to a date of the years 1 to 9999, of which the first is day 1 - 719163. */
static int days_since_1970(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int past = year - 1;
    int leap_day = month > 2 && is_leap(year);
    return past * 365 + past / 4 - past / 100 + past / 400 + before[month - 1] + leap_day + day - 719163;
}

#define FIRST_SECOND (-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND 253402300799    /* 9999-12-31T23:59:59Z */

/* The time whose opening quote has been passed, as RFC 3339 writes it; false for any other. */
static bool timestamp(Walk *walk, int64_t *micros)
{
    const char *at = walk->at;
    if (walk->end - at < 20 || at[4] != '-' || at[7] != '-' || at[13] != ':' || at[16] != ':')
        return false;
    if (at[10] != 'T' && at[10] != 't' && at[10] != ' ')
        return false;
    int year = digits(at, 4), month = digits(at + 5, 2), day = digits(at + 8, 2);
    int hour = digits(at + 11, 2), minute = digits(at + 14, 2), second = digits(at + 17, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_of(year, month))
        return false;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    at += 19;
    int microsecond = 0;
    if (*at == '.') {
        const char *start = ++at;
        for (; *at >= '0' && *at <= '9'; at++)
            if (at - start < 6)
                microsecond = microsecond * 10 + (*at - '0');
        if (at == start)
            return false;
        for (Py_ssize_t i = at - start; i < 6; i++)
            microsecond *= 10;
    }
    int64_t seconds = (int64_t)days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    if (*at == 'Z' || *at == 'z') {
        at++;
    } else {
        char sign = *at++;
        if ((sign != '+' && sign != '-') || walk->end - at < 5)
            return false;
        int hours = digits(at, 2);
        at += at[2] == ':' ? 3 : 2;
        int minutes = digits(at, 2);
        at += 2;
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
            return false;
        int offset = hours * 3600 + minutes * 60;
        seconds -= sign == '+' ? offset : -offset;
        if (seconds < FIRST_SECOND || seconds > LAST_SECOND)
            return false;
    }
    if (*at != '"')
        return false;
    walk->at = at + 1;
    *micros = seconds * 1000000 + microsecond;
    return true;
}

/* ---- entries ----------------------------------------------------------------------------------------------- */

static PyObject *context(Walk *walk)
{
    if (*walk->at == '"') {
        walk->at++;
        return string(walk);
    }
    const char *start = walk->at;
    uint64_t seen = 0;
    if (!pass_value(walk, 0, &seen))
        return NULL;
    if (*start == 'n')
        return Py_NewRef(Py_None);
    return new_text(start, walk->at - start, seen);
}

static bool read_members(Walk *walk, Row *row)
{
    if (*walk->at++ != '{')
        return false;
    pass_blanks(walk);
    do {
        if (pass_word(walk, "\"timestamp\"", 11)) {
            if (row->timed || !passed(walk, ':') || *walk->at++ != '"' || !timestamp(walk, &row->micros))
                return false;
            row->timed = true;
        } else if (pass_word(walk, "\"message\"", 9)) {
            if (row->message != NULL || !passed(walk, ':') || *walk->at++ != '"')
                return false;
            if ((row->message = string(walk)) == NULL)
                return false;
        } else if (pass_word(walk, "\"context\"", 9)) {
            if (row->context != NULL || !passed(walk, ':') || (row->context = context(walk)) == NULL)
                return false;
        } else {
            return false;
        }
    } while (passed(walk, ','));
    if (*walk->at++ != '}' || !row->timed || row->message == NULL)
        return false;
    if (row->context == NULL)
        row->context = Py_NewRef(Py_None);
    return PyUnicode_GET_LENGTH(row->message) > 0;
}

typedef struct {
    Row *rows;
    Py_ssize_t size;
    Py_ssize_t room;
    Py_ssize_t longest; /* bytes of the longest entry */
} Rows;

static bool read_entry(Walk *walk, Rows *rows)
{
    if (rows->size == rows->room) {
        Py_ssize_t room = rows->room ? 2 * rows->room : 64;
        Row *more = PyMem_Realloc(rows->rows, room * sizeof(Row));
        if (more == NULL) {
            PyErr_NoMemory();
            return false;
        }
        rows->rows = more;
        rows->room = room;
    }
    Row *row = &rows->rows[rows->size++];
    memset(row, 0, sizeof(Row));
    const char *start = walk->at;
    if (!read_members(walk, row))
        return false;
    if (walk->at - start > rows->longest)
        rows->longest = walk->at - start;
    return true;
}

static bool read_array(Walk *walk, Rows *rows)
{
    if (!passed(walk, '['))
        return false;
    do {
        if (!read_entry(walk, rows))
            return false;
    } while (passed(walk, ','));
    return passed(walk, ']') && walk->at == walk->end;
}

static bool read_lines(Walk *walk, Rows *rows)
{
    do {
        pass_blanks(walk);
        if (!read_entry(walk, rows))
            return false;
        pass_blanks(walk);
        if (walk->at == walk->end)
            return true;
        if (*walk->at++ != '\n')
            return false;
    } while (walk->at < walk->end);
    return true;
}

static PyObject *columns_of(Rows *rows)
{
    PyObject *micros = PyBytes_FromStringAndSize(NULL, rows->size * sizeof(int64_t));
    PyObject *messages = PyList_New(rows->size);
    PyObject *contexts = PyList_New(rows->size);
    if (micros == NULL || messages == NULL || contexts == NULL) {
        Py_XDECREF(micros);
        Py_XDECREF(messages);
        Py_XDECREF(contexts);
        return NULL;
    }
    int64_t first = rows->size ? rows->rows[0].micros : 0, last = first;
    for (Py_ssize_t i = 0; i < rows->size; i++) {
        int64_t time = rows->rows[i].micros;
        first = time < first ? time : first;
        last = time > last ? time : last;
        memcpy(PyBytes_AS_STRING(micros) + i * sizeof(int64_t), &rows->rows[i].micros, sizeof(int64_t));
        PyList_SET_ITEM(messages, i, rows->rows[i].message);
        PyList_SET_ITEM(contexts, i, rows->rows[i].context);
    }
    rows->size = 0; /* the lists have them now */
    return Py_BuildValue("(NNNnLL)", micros, messages, contexts, rows->longest, (long long)first, (long long)last);
}

static PyObject *parse(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *data;
    int lines, deepest;
    if (!PyArg_ParseTuple(arguments, "Spi", &data, &lines, &deepest))
        return NULL;
    const char *start = PyBytes_AS_STRING(data);
    Walk walk = {start, start + PyBytes_GET_SIZE(data), lines, deepest, NULL};
    Rows rows = {NULL, 0, 0, 0};
    PyObject *found = NULL;
    if (lines ? read_lines(&walk, &rows) : read_array(&walk, &rows))
        found = columns_of(&rows);
    for (Py_ssize_t i = 0; i < rows.size; i++) {
        Py_XDECREF(rows.rows[i].message);
        Py_XDECREF(rows.rows[i].context);
    }
    PyMem_Free(rows.rows);
    PyMem_Free(walk.unescaped);
    if (found == NULL && !PyErr_Occurred())
        Py_RETURN_NONE;
    return found;
}

/* ---- the module -------------------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"parse", parse, METH_VARARGS, "parse(data, lines, deepest): see _fast.pyi."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_fast",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__fast(void)
{
    return PyModuleDef_Init(&definition);
}
