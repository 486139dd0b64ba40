/* The miner's work for each entry, compiled: masking, finding what is known of the masked message, and gathering the
 * facts of its template; and putting entries in the order of time.
 *
 * It does what `text/mask.py`, `description/describe.py`, `description/values.py` and `description/timeline.py` do, with
 * the same result: these are the specification, and what runs without a C compiler. It has the built-in mask alone.
 *
 * Texts are held as UTF-8 (lone surrogates too, as three bytes), in which the order of bytes is that of characters. What
 * the mask looks for is ASCII, so it can work on bytes. Hashes are keyed (SipHash-1-3): whoever writes the messages does
 * not know which of them collide.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "_texts.h"
#include "_tokens.h"

/* ---- values of a position ------------------------------------------------------------------------------------- */

#define MANTISSA 45  /* as in values.py: bits that a bucket leaves out */
#define MOST_UNITS 64

typedef struct {
    bool whole;
    int64_t integer;
    double real;
} Number;

typedef struct {
    int unit; /* of the scanner's units; the last stands for none */
    int64_t count;
    Number least, most;
    Numbers buckets;
} Sketch;

typedef struct {
    bool exact;
    Texts values; /* each with its count; empty where it is not exact */
    Py_ssize_t weight; /* of these */
    Sketch *sketches;
    int units;
    int64_t others; /* that are no numbers */
} Values;

static int compare_numbers(const Number *one, const Number *other)
{
    if (one->whole && other->whole)
        return (one->integer > other->integer) - (one->integer < other->integer);
    if (!one->whole && !other->whole)
        return (one->real > other->real) - (one->real < other->real);
    if (!one->whole)
        return -compare_numbers(other, one);
    /* Below 10 ** 18, as all numbers are, the whole part of a double is a 64-bit integer. */
    int64_t whole = (int64_t)other->real;
    if (one->integer != whole)
        return one->integer < whole ? -1 : 1;
    double rest = other->real - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

static const double POWERS[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/* What `number_of` reads; -1: it is none, -2: an exception. Else the unit. */
static int read_number(const Span *units, int count, Span value, Number *number)
{
    const char *at = value.at, *end = value.at + value.size;
    bool negative = at < end && *at == '-';
    at += negative;
    const char *digits = at;
    int64_t whole = 0;
    while (at < end && is_digit(*at) && at - digits < 19)
        whole = at - digits < 18 ? whole * 10 + (*at - '0') : whole, at++;
    Py_ssize_t length = at - digits;
    if (length < 1 || length > 18)
        return -1;
    number->whole = true;
    number->integer = negative ? -whole : whole;
    if (end - at > 1 && at[0] == '.' && is_digit(at[1])) {
        const char *decimals = ++at;
        int64_t all = whole;
        while (at < end && is_digit(*at) && at - decimals < 19)
            all = length + (at - decimals) < 15 ? all * 10 + (*at - '0') : all, at++;
        Py_ssize_t places = at - decimals;
        if (places > 18)
            return -1;
        number->whole = false;
        if (length + places <= 15) {
            /* Both are exact, and the quotient is rounded once. */
            number->real = (double)all / POWERS[places];
            if (negative)
                number->real = -number->real;
        } else {
            char text[48];
            Py_ssize_t size = at - value.at;
            memcpy(text, value.at, (size_t)size);
            text[size] = 0;
            number->real = PyOS_string_to_double(text, NULL, NULL);
            if (number->real == -1.0 && PyErr_Occurred())
                return -2;
        }
        number->real += 0.0;
    }
    if (at == end)
        return count;
    at += *at == ' ';
    for (int unit = 0; unit < count; unit++)
        if (units[unit].size == end - at && same(units[unit].at, at, units[unit].size))
            return unit;
    return -1;
}

static bool count_in_sketch(Values *values, int unit, const Number *number, int64_t times)
{
    Sketch *sketch = values->sketches;
    for (int left = values->units; left && sketch->unit != unit; left--)
        sketch++;
    if (sketch == values->sketches + values->units) {
        sketch = PyMem_Realloc(values->sketches, (size_t)(values->units + 1) * sizeof *sketch);
        if (sketch == NULL) {
            PyErr_NoMemory();
            return false;
        }
        values->sketches = sketch;
        sketch += values->units++;
        *sketch = (Sketch){unit, 0, *number, *number, {NULL, NULL, 0, -1}};
    }
    /* Of an integer and an equal decimal it is the integer, whichever came first. */
    int below = compare_numbers(number, &sketch->least), above = compare_numbers(number, &sketch->most);
    if (below < 0 || (below == 0 && number->whole))
        sketch->least = *number;
    if (above > 0 || (above == 0 && number->whole))
        sketch->most = *number;
    sketch->count += times;
    double real = number->whole ? (double)number->integer : number->real;
    uint64_t bits;
    memcpy(&bits, &real, 8);
    return count_number(&sketch->buckets, bits >> MANTISSA, times);
}

static void clear_values(Values *values)
{
    clear_texts(&values->values);
    for (int at = 0; at < values->units; at++)
        clear_numbers(&values->sketches[at].buckets);
    PyMem_Free(values->sketches);
    values->sketches = NULL;
    values->units = 0;
}

/* ---- the scanner ----------------------------------------------------------------------------------------------- */

/* How a position's value is put together: literals, with a masked value between each two. */
typedef struct {
    Py_ssize_t values; /* that it takes */
    Span *literals;    /* one more */
} Recipe;

typedef struct {
    int64_t number;
    Py_ssize_t count; /* of recipes; -1: unknown */
    Recipe *recipes;
    char *bytes; /* of the literals */
} Plan;

typedef struct {
    int64_t count;
    int64_t first, last, least;
    PyObject *first_message, *last_message, *least_message;
    Py_ssize_t positions;
    Values *values;
} Facts;

typedef struct {
    PyObject_HEAD
    uint64_t seed[2];
    Py_ssize_t bound;
    PyObject *plan_of;
    Shaper *shaper; /* NULL: Python cuts messages into tokens and matches them */
    Texts keys;
    Plan *plans;
    Py_ssize_t plan_count, plan_room;
    Facts *facts;
    Py_ssize_t facts_count;
    int64_t held;
    bool sparse; /* of keys that hardly ever come again most are not remembered */
    Py_ssize_t looked, hits;
    Plan once; /* of the key that was worked on last, where it is not remembered */
    Buffer plain, key, joined; /* of the message that is worked on */
    Span *spans;
    Py_ssize_t span_count, span_room;
    Buffer unit_bytes;
    Span units[MOST_UNITS];
    int unit_count;
    bool busy;
} Scanner;

/* The message as UTF-8, without line breaks and zeros: what `Masks.mask` puts for these. */
static bool plain_text(Scanner *scanner, PyObject *message, Span *text)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(message);
    if (PyUnicode_IS_ASCII(message)) {
        text->at = (const char *)PyUnicode_1BYTE_DATA(message);
        text->size = length;
        if (memchr(text->at, '\n', (size_t)length) == NULL && memchr(text->at, 0, (size_t)length) == NULL)
            return true;
    }
    Buffer *plain = &scanner->plain;
    plain->size = 0;
    if (length > PY_SSIZE_T_MAX / 8 || !reserve(plain, 4 * length)) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return false;
    }
    int kind = PyUnicode_KIND(message);
    const void *data = PyUnicode_DATA(message);
    char *to = plain->at;
    for (Py_ssize_t at = 0; at < length; at++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at);
        if (c == 0)
            c = 0xFFFD;
        if (c < 0x80) {
            *to++ = c == '\n' ? '\x1d' : (char)c;
        } else if (c < 0x800) {
            *to++ = (char)(0xC0 | c >> 6);
            *to++ = (char)(0x80 | (c & 0x3F));
        } else if (c < 0x10000) {
            *to++ = (char)(0xE0 | c >> 12);
            *to++ = (char)(0x80 | (c >> 6 & 0x3F));
            *to++ = (char)(0x80 | (c & 0x3F));
        } else {
            *to++ = (char)(0xF0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3F));
            *to++ = (char)(0x80 | (c >> 6 & 0x3F));
            *to++ = (char)(0x80 | (c & 0x3F));
        }
    }
    plain->size = to - plain->at;
    text->at = plain->at;
    text->size = plain->size;
    return true;
}

/* Masks a message: `key` is what is left, with a zero for each value; `spans` are the values. */
static bool mask(Scanner *scanner, PyObject *message)
{
    Span text;
    if (!plain_text(scanner, message, &text))
        return false;
    scanner->key.size = 0;
    scanner->span_count = 0;
    if (!reserve(&scanner->key, text.size))
        return false;
    char *to = scanner->key.at;
    const char *at = text.at, *end = at + text.size;
    while (at < end) {
        const char *start = at;
        while (at < end && !(KINDS[(unsigned char)*at] & DIGIT))
            at++;
        memcpy(to, start, (size_t)(at - start));
        to += at - start;
        if (at == end)
            break;
        start = at++;
        while (at < end && !(KINDS[(unsigned char)*at] & STOP))
            at++;
        while (at - start > 1 && KINDS[(unsigned char)at[-1]] & TRIMMED)
            at--;
        if (scanner->span_count == scanner->span_room) {
            Py_ssize_t room = scanner->span_room * 2 + 16;
            Span *more = PyMem_Realloc(scanner->spans, (size_t)room * sizeof *more);
            if (more == NULL) {
                PyErr_NoMemory();
                return false;
            }
            scanner->spans = more;
            scanner->span_room = room;
        }
        scanner->spans[scanner->span_count++] = (Span){start, at - start};
        *to++ = 0;
    }
    scanner->key.size = to - scanner->key.at;
    return true;
}

/* Adds the severity that the context tells to the key, if it tells one. */
static bool add_severity(Scanner *scanner, PyObject *severity)
{
    if (severity == NULL || severity == Py_None)
        return true;
    if (!PyUnicode_Check(severity)) {
        PyErr_SetString(PyExc_TypeError, "a severity is a str or None");
        return false;
    }
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(severity, &size);
    return text != NULL && (!size || (put(&scanner->key, "\n", 1) && put(&scanner->key, text, size)));
}

static void free_plan(Plan *plan)
{
    PyMem_Free(plan->recipes);
    PyMem_Free(plan->bytes);
}

/* Cuts recipes, each a text with a zero where a value belongs and a zero at its end, into literals. */
static bool cut_recipes(Plan *plan, Buffer bytes, const Py_ssize_t *sizes)
{
    Py_ssize_t literals = 0;
    for (Py_ssize_t at = 0; at < bytes.size; at++)
        literals += bytes.at[at] == 0;
    plan->bytes = bytes.at;
    plan->recipes = PyMem_Malloc((size_t)plan->count * sizeof(Recipe) + (size_t)literals * sizeof(Span) + 1);
    if (plan->recipes == NULL) {
        PyErr_NoMemory();
        return false;
    }
    Span *literal = (Span *)(void *)(plan->recipes + plan->count);
    const char *at = bytes.at;
    for (Py_ssize_t i = 0; i < plan->count; i++) {
        plan->recipes[i] = (Recipe){-1, literal};
        for (const char *end = at + sizes[i] + 1; at < end;) {
            Py_ssize_t size = (Py_ssize_t)strlen(at);
            *literal++ = (Span){at, size};
            at += size + 1;
            plan->recipes[i].values++;
        }
    }
    return true;
}

/* Reads the recipes that Python made. */
static bool read_recipes(Plan *plan, PyObject *recipes)
{
    Buffer bytes = {NULL, 0, 0};
    plan->count = PyTuple_GET_SIZE(recipes);
    Py_ssize_t *sizes = PyMem_Calloc((size_t)plan->count + 1, sizeof *sizes);
    if (sizes == NULL) {
        PyErr_NoMemory();
        return false;
    }
    bool done = true;
    for (Py_ssize_t at = 0; done && at < plan->count; at++) {
        PyObject *text = PyUnicode_AsEncodedString(PyTuple_GET_ITEM(recipes, at), "utf-8", "surrogatepass");
        done = text != NULL && put(&bytes, PyBytes_AS_STRING(text), (sizes[at] = PyBytes_GET_SIZE(text)) + 1);
        Py_XDECREF(text);
    }
    if (done)
        done = cut_recipes(plan, bytes, sizes);
    else
        drop(&bytes);
    PyMem_Free(sizes);
    return done;
}

/* The recipes of the message that was cut into tokens, at the variable positions of its template. */
static bool match_recipes(Plan *plan, const Shaper *shaper)
{
    const Template *matched = &shaper->templates[plan->number];
    Buffer bytes = {NULL, 0, 0};
    Py_ssize_t *sizes = PyMem_Malloc((size_t)shaper->count * sizeof *sizes);
    if (sizes == NULL) {
        PyErr_NoMemory();
        return false;
    }
    Py_ssize_t recipe = 0;
    bool done = true;
    for (Py_ssize_t at = 0; done && at < shaper->count; at++) {
        Span text = shaper->tokens[at].text;
        if (shaper->tokens[at].recipe.at != NULL) {
            Py_ssize_t start = shaper->starts[recipe++];
            Py_ssize_t end = recipe < shaper->recipe_count ? shaper->starts[recipe] : shaper->recipes.size;
            text = (Span){shaper->recipes.at + start, end - start};
        }
        if (matched->variable[at]) {
            sizes[plan->count++] = text.size;
            done = put(&bytes, text.at, text.size) && put(&bytes, "", 1);
        }
    }
    if (done)
        done = cut_recipes(plan, bytes, sizes);
    else
        drop(&bytes);
    PyMem_Free(sizes);
    return done;
}

/* The parts of a key: the masked message, and the severity that the context tells. */
static void part_key(const Scanner *scanner, Span *masked, Span *told)
{
    const char *at = scanner->key.at, *end = at + scanner->key.size;
    const char *line = scanner->key.size ? memchr(at, '\n', (size_t)scanner->key.size) : NULL;
    *masked = (Span){at, (line != NULL ? line : end) - at};
    *told = line != NULL ? (Span){line + 1, end - line - 1} : (Span){end, 0};
}

/* Finds the template of the key: 1: it did, or there is none; 0: Python must look; -1: an exception. */
static int find_plan(Scanner *scanner, Plan *plan)
{
    Span masked, told;
    part_key(scanner, &masked, &told);
    int found = shape(scanner->shaper, scanner->seed, masked);
    if (found <= 0)
        return found;
    int64_t severity = severity_number(scanner->shaper, scanner->seed, masked, told);
    if (severity == -1)
        return -1;
    plan->number = find_template(scanner->shaper, severity);
    if (plan->number == -2)
        return -1;
    return plan->number < 0 || match_recipes(plan, scanner->shaper) ? 1 : -1;
}

static void forget_keys(Scanner *scanner)
{
    clear_texts(&scanner->keys);
    for (Py_ssize_t at = 0; at < scanner->plan_count; at++)
        free_plan(&scanner->plans[at]);
    PyMem_Free(scanner->plans);
    scanner->plans = NULL;
    scanner->plan_count = scanner->plan_room = 0;
}

#ifndef LOOKS
#define LOOKS 65536 /* after which it is decided anew whether it pays to remember keys */
#define SPARSE 16   /* of so many keys one is remembered, to notice when they come again */
#define SPARSE_KEYS 4096
#endif

/* The key, if it is known, and NULL if not; where keys hardly ever come again, most are not remembered: a table of what is
 * not in the processor's cache takes longer than to cut a message into tokens.
 */
static inline Text *known_key(Scanner *scanner, uint64_t hash)
{
    Text *known = find_text(&scanner->keys, hash, scanner->key.at, scanner->key.size);
    scanner->hits += known != NULL;
    if (++scanner->looked == LOOKS) {
        Py_ssize_t hits = scanner->sparse ? scanner->hits * SPARSE : scanner->hits;
        scanner->sparse = scanner->shaper != NULL && hits < LOOKS / 4;
        scanner->looked = scanner->hits = 0;
    }
    return known;
}

/* Whether to remember the key, which is not known. Room is made for it. */
static inline bool is_remembered(Scanner *scanner, uint64_t hash)
{
    if (!scanner->sparse)
        return true;
    if (hash >> 32 & (SPARSE - 1))
        return false;
    if (scanner->keys.count >= SPARSE_KEYS)
        forget_keys(scanner);
    return true;
}

/* Keeps the plan of the key, until the next one at least; NULL with an exception. */
static Plan *keep_plan(Scanner *scanner, uint64_t hash, Plan plan)
{
    if (!is_remembered(scanner, hash)) {
        free_plan(&scanner->once);
        scanner->once = plan;
        return &scanner->once;
    }
    if (more_room((void **)&scanner->plans, &scanner->plan_room, scanner->plan_count, sizeof plan)
        && add_text(&scanner->keys, hash, scanner->key.at, scanner->key.size, scanner->plan_count) != NULL) {
        scanner->plans[scanner->plan_count] = plan;
        return &scanner->plans[scanner->plan_count++];
    }
    free_plan(&plan);
    return NULL;
}

/* Makes the plan of the key, and remembers it. */
static Plan *new_plan(Scanner *scanner, uint64_t hash)
{
    Plan plan = {0};
    if (scanner->shaper != NULL) {
        int found = find_plan(scanner, &plan);
        if (found < 0) {
            free_plan(&plan);
            return NULL;
        }
        if (found)
            return keep_plan(scanner, hash, plan);
    }
    PyObject *key = text_of(scanner->key.at, scanner->key.size);
    PyObject *answer = key != NULL ? PyObject_CallOneArg(scanner->plan_of, key) : NULL;
    Py_XDECREF(key);
    if (answer == NULL)
        return NULL;
    PyObject *recipes;
    long long number;
    if (!PyTuple_Check(answer))
        PyErr_SetString(PyExc_TypeError, "a plan is a tuple");
    if (PyErr_Occurred() || !PyArg_ParseTuple(answer, "LO!", &number, &PyTuple_Type, &recipes))
        goto failed;
    plan.number = number;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(recipes); at++)
        if (!PyUnicode_Check(PyTuple_GET_ITEM(recipes, at))) {
            PyErr_SetString(PyExc_TypeError, "a recipe is a str");
            goto failed;
        }
    if (!read_recipes(&plan, recipes))
        goto failed;
    Py_DECREF(answer);
    return keep_plan(scanner, hash, plan);
failed:
    free_plan(&plan);
    Py_DECREF(answer);
    return NULL;
}

static inline Plan *plan_for(Scanner *scanner)
{
    uint64_t hash = hash_of(scanner->seed, scanner->key.at, scanner->key.size);
    Text *known = known_key(scanner, hash);
    return known != NULL ? &scanner->plans[known->number] : new_plan(scanner, hash);
}

/* The value that a recipe makes of the values from `at` on, which it moves; false: there are too few, or no memory. */
static inline bool fill(Scanner *scanner, const Recipe *recipe, Py_ssize_t *at, Span *value)
{
    if (scanner->span_count - *at < recipe->values) {
        PyErr_SetString(PyExc_ValueError, "a recipe takes more values than the message has");
        return false;
    }
    const Span *literals = recipe->literals;
    if (recipe->values == 0) {
        *value = literals[0];
        return true;
    }
    if (recipe->values == 1 && !literals[0].size && !literals[1].size) {
        *value = scanner->spans[(*at)++];
        return true;
    }
    Buffer *joined = &scanner->joined;
    joined->size = 0;
    if (!put(joined, literals[0].at, literals[0].size))
        return false;
    for (Py_ssize_t part = 1; part <= recipe->values; part++) {
        Span own = scanner->spans[(*at)++];
        if (!put(joined, own.at, own.size) || !put(joined, literals[part].at, literals[part].size))
            return false;
    }
    *value = (Span){joined->at, joined->size};
    return true;
}

static bool count_number_or_other(Scanner *scanner, Values *values, Span value, int64_t times)
{
    Number number;
    int unit = read_number(scanner->units, scanner->unit_count, value, &number);
    if (unit == -2)
        return false;
    if (unit == -1) {
        values->others += times;
        return true;
    }
    return count_in_sketch(values, unit, &number, times);
}

#define LONG 1000

/* `weight_of`: for how many values it counts. */
static Py_ssize_t weight_of(Span value)
{
    Py_ssize_t characters = 0;
    if (value.size >= LONG)
        for (Py_ssize_t at = 0; at < value.size; at++)
            characters += begins_character(value.at[at]);
    return 1 + characters / LONG;
}

static bool count_value(Scanner *scanner, Values *values, Span value)
{
    if (!values->exact)
        return count_number_or_other(scanner, values, value, 1);
    uint64_t hash = hash_of(scanner->seed, value.at, value.size);
    Text *known = find_text(&values->values, hash, value.at, value.size);
    if (known != NULL) {
        known->number++;
        return true;
    }
    Py_ssize_t weight = weight_of(value);
    if (values->weight + weight <= scanner->bound) {
        scanner->held += weight;
        values->weight += weight;
        return add_text(&values->values, hash, value.at, value.size, 1) != NULL;
    }
    values->exact = false;
    scanner->held += 95 - values->weight;
    for (Py_ssize_t at = 0; at < values->values.count; at++) {
        Text *text = &values->values.texts[at];
        Span held = {values->values.bytes.at + text->offset, text->size};
        if (!count_number_or_other(scanner, values, held, text->number))
            return false;
    }
    clear_texts(&values->values);
    return count_number_or_other(scanner, values, value, 1);
}

static Facts *facts_for(Scanner *scanner, const Plan *plan)
{
    int64_t number = plan->number;
    if (number < 0 || number > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "the number of facts is out of range");
        return NULL;
    }
    if (number >= scanner->facts_count) {
        Py_ssize_t count = (Py_ssize_t)(number + number / 2 + 16);
        Facts *more = PyMem_Realloc(scanner->facts, (size_t)count * sizeof *more);
        if (more == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        memset(more + scanner->facts_count, 0, (size_t)(count - scanner->facts_count) * sizeof *more);
        scanner->facts = more;
        scanner->facts_count = count;
    }
    Facts *facts = &scanner->facts[number];
    if (!facts->count && facts->values == NULL && plan->count) {
        facts->values = PyMem_Calloc((size_t)plan->count, sizeof *facts->values);
        if (facts->values == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        facts->positions = plan->count;
        for (Py_ssize_t at = 0; at < plan->count; at++) {
            facts->values[at].exact = true;
            facts->values[at].values.mask = -1;
        }
        scanner->held += 5 * plan->count;
    }
    if (facts->positions != plan->count) {
        PyErr_SetString(PyExc_ValueError, "two plans of the same facts have different numbers of recipes");
        return NULL;
    }
    return facts;
}

static inline void keep(Scanner *scanner, PyObject **where, PyObject *message)
{
    PyObject *before = *where;
    scanner->held += PyUnicode_GET_LENGTH(message) / LONG;
    if (before != NULL)
        scanner->held -= PyUnicode_GET_LENGTH(before) / LONG;
    Py_INCREF(message);
    *where = message;
    Py_XDECREF(before);
}

static bool add_entry(Scanner *scanner, const Plan *plan, int64_t time, PyObject *message)
{
    Facts *facts = facts_for(scanner, plan);
    if (facts == NULL)
        return false;
    if (!facts->count) {
        facts->first = facts->last = facts->least = time;
        keep(scanner, &facts->first_message, message);
        keep(scanner, &facts->last_message, message);
        keep(scanner, &facts->least_message, message);
    } else {
        if (time < facts->first || (time == facts->first && PyUnicode_Compare(message, facts->first_message) < 0)) {
            facts->first = time;
            keep(scanner, &facts->first_message, message);
        }
        if (time > facts->last || (time == facts->last && PyUnicode_Compare(message, facts->last_message) > 0)) {
            facts->last = time;
            keep(scanner, &facts->last_message, message);
        }
        int order = message == facts->least_message ? 0 : PyUnicode_Compare(message, facts->least_message);
        if (order < 0 || (order == 0 && time < facts->least)) {
            facts->least = time;
            keep(scanner, &facts->least_message, message);
        }
    }
    facts->count++;
    Py_ssize_t at = 0;
    for (Py_ssize_t position = 0; position < plan->count; position++) {
        Span value;
        if (!fill(scanner, &plan->recipes[position], &at, &value)
            || !count_value(scanner, &facts->values[position], value))
            return false;
    }
    return true;
}

/* The values of a message, as a tuple of texts. */
static PyObject *values_of(Scanner *scanner, const Plan *plan)
{
    PyObject *values = PyTuple_New(plan->count);
    Py_ssize_t at = 0;
    for (Py_ssize_t position = 0; values != NULL && position < plan->count; position++) {
        Span value;
        PyObject *text = NULL;
        if (fill(scanner, &plan->recipes[position], &at, &value))
            text = text_of(value.at, value.size);
        if (text == NULL)
            Py_CLEAR(values);
        else
            PyTuple_SET_ITEM(values, position, text);
    }
    return values;
}

/* ---- its methods ----------------------------------------------------------------------------------------------- */

static int Scanner_init(PyObject *self, PyObject *arguments, PyObject *names)
{
    static char *NAMES[] = {"plan_of", "bound", "units", "seed", NULL};
    Scanner *scanner = (Scanner *)self;
    PyObject *plan_of, *units;
    Py_buffer seed;
    Py_ssize_t bound;
    if (scanner->plan_of != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "a scanner is made once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(arguments, names, "OnO!y*", NAMES, &plan_of, &bound, &PyTuple_Type, &units, &seed))
        return -1;
    bool enough = seed.len == sizeof scanner->seed;
    if (enough)
        memcpy(scanner->seed, seed.buf, sizeof scanner->seed);
    PyBuffer_Release(&seed);
    if (!enough || bound < 0 || PyTuple_GET_SIZE(units) >= MOST_UNITS) {
        PyErr_SetString(PyExc_ValueError, "a seed of 16 bytes, a bound, and fewer than 64 units are needed");
        return -1;
    }
    Py_ssize_t ends[MOST_UNITS];
    int count = 0;
    for (; count < PyTuple_GET_SIZE(units); count++) {
        Py_ssize_t size;
        const char *text = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(units, count), &size);
        if (text == NULL || !put(&scanner->unit_bytes, text, size))
            return -1;
        ends[count] = scanner->unit_bytes.size;
    }
    for (int at = 0; at < count; at++) {
        Py_ssize_t start = at ? ends[at - 1] : 0;
        scanner->units[at] = (Span){scanner->unit_bytes.at + start, ends[at] - start};
    }
    scanner->unit_count = count;
    scanner->bound = bound;
    scanner->keys.mask = -1;
    scanner->plan_of = Py_NewRef(plan_of);
    return 0;
}

static void clear_facts(Facts *facts)
{
    for (Py_ssize_t at = 0; at < facts->positions; at++)
        clear_values(&facts->values[at]);
    PyMem_Free(facts->values);
    PyObject *first = facts->first_message, *last = facts->last_message, *least = facts->least_message;
    memset(facts, 0, sizeof *facts);
    Py_XDECREF(first);
    Py_XDECREF(last);
    Py_XDECREF(least);
}

static int Scanner_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Scanner *)self)->plan_of);
    const Shaper *shaper = ((Scanner *)self)->shaper;
    if (shaper != NULL) {
        Py_VISIT(shaper->learn);
        Py_VISIT(shaper->severity_of);
    }
    return 0;
}

static int Scanner_clear(PyObject *self)
{
    Py_CLEAR(((Scanner *)self)->plan_of);
    Shaper *shaper = ((Scanner *)self)->shaper;
    if (shaper != NULL) {
        Py_CLEAR(shaper->learn);
        Py_CLEAR(shaper->severity_of);
    }
    return 0;
}

static void Scanner_dealloc(PyObject *self)
{
    Scanner *scanner = (Scanner *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    forget_keys(scanner);
    free_plan(&scanner->once);
    for (Py_ssize_t at = 0; at < scanner->facts_count; at++)
        clear_facts(&scanner->facts[at]);
    PyMem_Free(scanner->facts);
    drop(&scanner->plain);
    drop(&scanner->key);
    drop(&scanner->joined);
    drop(&scanner->unit_bytes);
    PyMem_Free(scanner->spans);
    Scanner_clear(self);
    if (scanner->shaper != NULL)
        clear_shaper(scanner->shaper);
    PyMem_Free(scanner->shaper);
    type->tp_free(self);
    Py_DECREF(type);
}

/* What is done with each entry. */
typedef bool (*Each)(Scanner *scanner, Py_ssize_t at, PyObject *message, void *state);

/* Masks each message and adds its severity to the key. `severities`: a list, or None. */
static bool scan(Scanner *scanner, PyObject *messages, PyObject *severities, Each each, void *state)
{
    if (scanner->plan_of == NULL || scanner->busy) {
        PyErr_SetString(PyExc_RuntimeError, "the scanner is not ready, or at work already");
        return false;
    }
    if (!PyList_Check(messages) || (severities != Py_None && !PyList_Check(severities))) {
        PyErr_SetString(PyExc_TypeError, "messages and severities are lists");
        return false;
    }
    scanner->busy = true;
    bool done = true;
    for (Py_ssize_t at = 0; done && at < PyList_GET_SIZE(messages); at++) {
        PyObject *severity = NULL, *message = Py_NewRef(PyList_GET_ITEM(messages, at));
        if (severities != Py_None)
            severity = at < PyList_GET_SIZE(severities) ? PyList_GET_ITEM(severities, at) : messages;
        if (!PyUnicode_Check(message)) {
            PyErr_SetString(PyExc_TypeError, "a message is a str");
            done = false;
        } else {
            done = mask(scanner, message) && add_severity(scanner, severity) && each(scanner, at, message, state);
        }
        Py_DECREF(message);
        if (done && (at & 1023) == 1023 && PyErr_CheckSignals() != 0)
            done = false;
    }
    scanner->busy = false;
    return done;
}

typedef struct {
    const int64_t *times;
    int64_t *numbers;
    Py_ssize_t size;
} Adding;

/* Asks Python for the plan of a key that no template matches, which raises an exception; true: it did not. */
static bool ask_in_vain(Scanner *scanner)
{
    PyObject *key = text_of(scanner->key.at, scanner->key.size);
    PyObject *answer = key != NULL ? PyObject_CallOneArg(scanner->plan_of, key) : NULL;
    bool answered = answer != NULL;
    Py_XDECREF(key);
    Py_XDECREF(answer);
    return answered;
}

static bool add_each(Scanner *scanner, Py_ssize_t at, PyObject *message, void *state)
{
    Adding *adding = state;
    if (at >= adding->size) {
        PyErr_SetString(PyExc_ValueError, "there are more messages than times");
        return false;
    }
    Plan *plan = plan_for(scanner);
    if (plan == NULL)
        return false;
    adding->numbers[at] = plan->number;
    if (adding->times == NULL)
        return true;
    if (plan->number < 0 && !ask_in_vain(scanner))
        return false;
    return add_entry(scanner, plan, adding->times[at], message);
}

static PyObject *added(Scanner *scanner, Py_buffer *times, PyObject *messages, PyObject *severities)
{
    Py_ssize_t size = PyList_Check(messages) ? PyList_GET_SIZE(messages) : 0;
    if (times != NULL && times->len != size * 8) {
        PyErr_SetString(PyExc_ValueError, "there are not as many times as messages");
        return NULL;
    }
    PyObject *numbers = PyBytes_FromStringAndSize(NULL, size * 8);
    if (numbers == NULL)
        return NULL;
    Adding adding = {times != NULL ? times->buf : NULL, (int64_t *)(void *)PyBytes_AS_STRING(numbers), size};
    if (!scan(scanner, messages, severities, add_each, &adding))
        Py_CLEAR(numbers);
    return numbers;
}

static PyObject *Scanner_add(PyObject *self, PyObject *arguments)
{
    Py_buffer times;
    PyObject *messages, *severities;
    if (!PyArg_ParseTuple(arguments, "y*OO", &times, &messages, &severities))
        return NULL;
    PyObject *numbers = added((Scanner *)self, &times, messages, severities);
    PyBuffer_Release(&times);
    return numbers;
}

static PyObject *Scanner_numbers(PyObject *self, PyObject *arguments)
{
    PyObject *messages, *severities;
    if (!PyArg_ParseTuple(arguments, "OO", &messages, &severities))
        return NULL;
    return added((Scanner *)self, NULL, messages, severities);
}

static bool match_each(Scanner *scanner, Py_ssize_t Py_UNUSED(at), PyObject *Py_UNUSED(message), void *state)
{
    Plan *plan = plan_for(scanner);
    if (plan == NULL)
        return false;
    PyObject *values = values_of(scanner, plan);
    PyObject *pair = values != NULL ? Py_BuildValue("(LN)", (long long)plan->number, values) : NULL;
    int failed = pair == NULL || PyList_Append(state, pair) < 0;
    Py_XDECREF(pair);
    return !failed;
}

static PyObject *Scanner_values(PyObject *self, PyObject *arguments)
{
    PyObject *messages, *severities, *found = PyList_New(0);
    if (found == NULL)
        return NULL;
    if (!PyArg_ParseTuple(arguments, "OO", &messages, &severities)
        || !scan((Scanner *)self, messages, severities, match_each, found))
        Py_CLEAR(found);
    return found;
}

typedef struct {
    PyObject *lines, *keys;
    Py_ssize_t most; /* lines of a group that are mined */
} Noted;

/* The line of the message that was cut into tokens, as `miner/lines.py` makes it. None if enough of its group come before
 * it; NULL with an exception.
 */
static PyObject *line_of(Scanner *scanner, int64_t severity, Py_ssize_t most)
{
    Shaper *shaper = scanner->shaper;
    Buffer *line = &scanner->joined;
    Span name = {"-", 1};
    if (severity >= 0) {
        const Text *known = &shaper->severities.texts[severity];
        name = (Span){shaper->severities.bytes.at + known->offset, known->size};
    }
    char digits[48];
    int size = PyOS_snprintf(digits, sizeof digits, " %zd 00000000", shaper->count);
    line->size = 0;
    if (!put(line, name.at, name.size) || !put(line, digits, size))
        return NULL;
    Py_ssize_t head = line->size;
    for (Py_ssize_t at = 0; at < shaper->count; at++)
        if (!put(line, " ", 1) || !put(line, shaper->tokens[at].text.at, shaper->tokens[at].text.size))
            return NULL;
    uint32_t sum = checksum(line->at + head + 1, line->size - head - 1);
    int sampled = sample(&shaper->samples, edge_key(severity + 2, shaper->count), sum, most);
    if (sampled <= 0)
        return sampled < 0 ? NULL : Py_NewRef(Py_None);
    for (Py_ssize_t at = head - 1; sum; sum >>= 4)
        line->at[at--] = "0123456789abcdef"[sum & 15];
    return PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, line->at, line->size);
}

/* Adds a line to be mined, or the key, where Python must cut it into tokens. */
static bool line_each(Scanner *scanner, Py_ssize_t Py_UNUSED(at), PyObject *Py_UNUSED(message), void *state)
{
    Noted *noted = state;
    Shaper *shaper = scanner->shaper;
    uint64_t hash = hash_of(scanner->seed, scanner->key.at, scanner->key.size);
    if (known_key(scanner, hash) != NULL)
        return true;
    if (is_remembered(scanner, hash)
        && add_text(&scanner->keys, hash, scanner->key.at, scanner->key.size, -1) == NULL)
        return false;
    Span masked, told;
    part_key(scanner, &masked, &told);
    int found = shape(shaper, scanner->seed, masked);
    PyObject *text = NULL;
    if (found == 0) {
        text = text_of(scanner->key.at, scanner->key.size);
    } else if (found > 0) {
        int64_t severity = severity_number(shaper, scanner->seed, masked, told);
        int64_t number = severity != -1 ? find_template(shaper, severity) : -2;
        if (number >= 0)
            return true;
        if (number == -2)
            return false;
        text = line_of(scanner, severity, noted->most);
        if (text == Py_None) {
            Py_DECREF(text);
            return true;
        }
    }
    int failed = text == NULL || PyList_Append(found ? noted->lines : noted->keys, text) < 0;
    Py_XDECREF(text);
    return !failed;
}

static PyObject *Scanner_lines(PyObject *self, PyObject *arguments)
{
    Scanner *scanner = (Scanner *)self;
    PyObject *messages, *severities;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(arguments, "OOn", &messages, &severities, &most))
        return NULL;
    if (most < 1 || most > INT32_MAX / 2) {
        PyErr_SetString(PyExc_ValueError, "of a group at least one line is mined");
        return NULL;
    }
    if (scanner->plan_count || scanner->shaper == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the scanner holds plans, or no tokenizer");
        return NULL;
    }
    Noted noted = {PyList_New(0), PyList_New(0), most};
    if (noted.lines != NULL && noted.keys != NULL && scan(scanner, messages, severities, line_each, &noted))
        return Py_BuildValue("(NN)", noted.lines, noted.keys);
    Py_XDECREF(noted.lines);
    Py_XDECREF(noted.keys);
    return NULL;
}

static PyObject *Scanner_tokenize(PyObject *self, PyObject *arguments)
{
    Scanner *scanner = (Scanner *)self;
    PyObject *learn, *severity_of, *levels;
    Py_ssize_t most, row;
    if (!PyArg_ParseTuple(arguments, "OOO!nn", &learn, &severity_of, &PyTuple_Type, &levels, &most, &row))
        return NULL;
    if (scanner->shaper != NULL || scanner->busy || most < 1) {
        PyErr_SetString(PyExc_RuntimeError, "a scanner gets one tokenizer, of one token or more, before it works");
        return NULL;
    }
    Shaper *shaper = PyMem_Calloc(1, sizeof *shaper);
    if (shaper == NULL)
        return PyErr_NoMemory();
    shaper->known.mask = shaper->words.mask = shaper->severities.mask = shaper->levels.mask = -1;
    shaper->roots.mask = shaper->edges.mask = shaper->samples.groups.mask = -1;
    shaper->learn = Py_NewRef(learn);
    shaper->severity_of = Py_NewRef(severity_of);
    shaper->most = most;
    shaper->row = row;
    scanner->shaper = shaper;
    if (number_or_add(&shaper->words, scanner->seed, (Span){VARIABLE_TEXT, 3}) < 0)
        return NULL;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(levels); at++) {
        Py_ssize_t size;
        const char *level = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(levels, at), &size);
        if (level == NULL || number_or_add(&shaper->levels, scanner->seed, (Span){level, size}) < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *Scanner_template(PyObject *self, PyObject *arguments)
{
    Scanner *scanner = (Scanner *)self;
    PyObject *severity, *tokens;
    if (!PyArg_ParseTuple(arguments, "OO!", &severity, &PyTuple_Type, &tokens))
        return NULL;
    if (scanner->shaper == NULL || scanner->busy || scanner->keys.count) {
        PyErr_SetString(PyExc_RuntimeError, "templates are added after the tokenizer, and before the messages");
        return NULL;
    }
    forget_pieces(scanner->shaper);
    if (!add_template(scanner->shaper, scanner->seed, severity, tokens, scanner->shaper->template_count))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *Scanner_forget(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (((Scanner *)self)->busy) {
        PyErr_SetString(PyExc_RuntimeError, "the scanner is at work");
        return NULL;
    }
    forget_keys((Scanner *)self);
    Py_RETURN_NONE;
}

static PyObject *number_object(const Number *number)
{
    return number->whole ? PyLong_FromLongLong(number->integer) : PyFloat_FromDouble(number->real);
}

static PyObject *sketch_object(const Scanner *scanner, const Sketch *sketch)
{
    PyObject *buckets = PyDict_New();
    for (Py_ssize_t at = 0; buckets != NULL && at <= sketch->buckets.mask; at++) {
        if (!sketch->buckets.counts[at])
            continue;
        PyObject *key = PyLong_FromUnsignedLongLong(sketch->buckets.keys[at]);
        PyObject *count = PyLong_FromLongLong(sketch->buckets.counts[at]);
        if (key == NULL || count == NULL || PyDict_SetItem(buckets, key, count) < 0)
            Py_CLEAR(buckets);
        Py_XDECREF(key);
        Py_XDECREF(count);
    }
    if (buckets == NULL)
        return NULL;
    const char *unit = "";
    Py_ssize_t size = 0;
    if (sketch->unit < scanner->unit_count) {
        unit = scanner->units[sketch->unit].at;
        size = scanner->units[sketch->unit].size;
    }
    return Py_BuildValue("(s#LNNN)", unit, size, (long long)sketch->count, number_object(&sketch->least),
                         number_object(&sketch->most), buckets);
}

static PyObject *values_object(const Scanner *scanner, const Values *values)
{
    if (values->exact) {
        PyObject *counts = PyDict_New();
        for (Py_ssize_t at = 0; counts != NULL && at < values->values.count; at++) {
            const Text *text = &values->values.texts[at];
            PyObject *value = text_of(values->values.bytes.at + text->offset, text->size);
            PyObject *count = PyLong_FromLongLong(text->number);
            if (value == NULL || count == NULL || PyDict_SetItem(counts, value, count) < 0)
                Py_CLEAR(counts);
            Py_XDECREF(value);
            Py_XDECREF(count);
        }
        return counts;
    }
    PyObject *sketches = PyList_New(values->units);
    for (int at = 0; sketches != NULL && at < values->units; at++) {
        PyObject *sketch = sketch_object(scanner, &values->sketches[at]);
        if (sketch == NULL)
            Py_CLEAR(sketches);
        else
            PyList_SET_ITEM(sketches, at, sketch);
    }
    return sketches != NULL ? Py_BuildValue("(LN)", (long long)values->others, sketches) : NULL;
}

static PyObject *Scanner_take(PyObject *self, PyObject *argument)
{
    Scanner *scanner = (Scanner *)self;
    Py_ssize_t number = PyNumber_AsSsize_t(argument, PyExc_OverflowError);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    if (scanner->busy || number < 0 || number >= scanner->facts_count || !scanner->facts[number].count)
        Py_RETURN_NONE;
    Facts *facts = &scanner->facts[number];
    PyObject *positions = PyList_New(facts->positions);
    for (Py_ssize_t at = 0; positions != NULL && at < facts->positions; at++) {
        PyObject *values = values_object(scanner, &facts->values[at]);
        if (values == NULL)
            Py_CLEAR(positions);
        else
            PyList_SET_ITEM(positions, at, values);
    }
    if (positions == NULL)
        return NULL;
    PyObject *taken = Py_BuildValue("L(LO)(LO)(OL)N", (long long)facts->count, (long long)facts->first,
                                    facts->first_message, (long long)facts->last, facts->last_message,
                                    facts->least_message, (long long)facts->least, positions);
    if (taken != NULL)
        clear_facts(facts);
    return taken;
}

static PyObject *Scanner_held(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(((Scanner *)self)->held);
}

static PyObject *Scanner_bytes(PyObject *self, void *Py_UNUSED(closure))
{
    const Scanner *scanner = (Scanner *)self;
    Py_ssize_t each = (Py_ssize_t)(sizeof(Text) + 3 * sizeof(int32_t)) + (scanner->plan_count ? 200 : 0);
    return PyLong_FromSsize_t(scanner->keys.bytes.size + scanner->keys.count * each);
}

static PyMethodDef SCANNER_METHODS[] = {
    {"add", Scanner_add, METH_VARARGS, NULL},
    {"numbers", Scanner_numbers, METH_VARARGS, NULL},
    {"values", Scanner_values, METH_VARARGS, NULL},
    {"lines", Scanner_lines, METH_VARARGS, NULL},
    {"tokenize", Scanner_tokenize, METH_VARARGS, NULL},
    {"template", Scanner_template, METH_VARARGS, NULL},
    {"forget", Scanner_forget, METH_NOARGS, NULL},
    {"take", Scanner_take, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef SCANNER_ATTRIBUTES[] = {
    {"held", Scanner_held, NULL, NULL, NULL},
    {"bytes", Scanner_bytes, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot SCANNER_SLOTS[] = {
    {Py_tp_init, Scanner_init},       {Py_tp_dealloc, Scanner_dealloc}, {Py_tp_traverse, Scanner_traverse},
    {Py_tp_clear, Scanner_clear},     {Py_tp_methods, SCANNER_METHODS}, {Py_tp_getset, SCANNER_ATTRIBUTES},
    {0, NULL},
};

static PyType_Spec SCANNER = {
    "logleap.miner._fast._scan.Scanner", sizeof(Scanner), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, SCANNER_SLOTS,
};

/* ---- lines back into tokens ------------------------------------------------------------------------------------- */

/* The tokens of one line, each a text of `words`. */
static PyObject *cut_line(PyObject *line, Texts *words, PyObject *objects, const uint64_t seed[2])
{
    if (!PyUnicode_Check(line) || PyUnicode_KIND(line) != PyUnicode_1BYTE_KIND) {
        PyErr_SetString(PyExc_TypeError, "a line is a str of characters below U+0100");
        return NULL;
    }
    const char *at = (const char *)PyUnicode_1BYTE_DATA(line), *end = at + PyUnicode_GET_LENGTH(line);
    for (int head = 0; head < 3; head++) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        if (blank == NULL) {
            PyErr_SetString(PyExc_ValueError, "a line begins with severity, number of tokens and checksum");
            return NULL;
        }
        at = blank + 1;
    }
    Py_ssize_t count = 1;
    for (const char *c = at; c < end; c++)
        count += *c == ' ';
    PyObject *tokens = PyTuple_New(count);
    for (Py_ssize_t token = 0; tokens != NULL && token < count; token++) {
        const char *blank = at < end ? memchr(at, ' ', (size_t)(end - at)) : NULL;
        Py_ssize_t size = (blank != NULL ? blank : end) - at;
        int64_t number = number_or_add(words, seed, (Span){at, size});
        bool known = number >= 0;
        if (known && number == PyList_GET_SIZE(objects)) {
            PyObject *word = text_of(at, size);
            known = word != NULL && PyList_Append(objects, word) == 0;
            Py_XDECREF(word);
        }
        if (!known) {
            Py_DECREF(tokens);
            return NULL;
        }
        PyTuple_SET_ITEM(tokens, token, Py_NewRef(PyList_GET_ITEM(objects, number)));
        at += size + 1;
    }
    return tokens;
}

static PyObject *cut(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *lines;
    Py_buffer seed;
    if (!PyArg_ParseTuple(arguments, "O!y*", &PyList_Type, &lines, &seed))
        return NULL;
    uint64_t key[2];
    bool enough = seed.len == sizeof key;
    if (enough)
        memcpy(key, seed.buf, sizeof key);
    PyBuffer_Release(&seed);
    if (!enough) {
        PyErr_SetString(PyExc_ValueError, "a seed of 16 bytes is needed");
        return NULL;
    }
    Texts words = {.mask = -1};
    PyObject *objects = PyList_New(0), *found = objects != NULL ? PyList_New(0) : NULL;
    for (Py_ssize_t at = 0; found != NULL && at < PyList_GET_SIZE(lines); at++) {
        PyObject *tokens = cut_line(PyList_GET_ITEM(lines, at), &words, objects, key);
        if (tokens == NULL || PyList_Append(found, tokens) < 0)
            Py_CLEAR(found);
        Py_XDECREF(tokens);
    }
    clear_texts(&words);
    Py_XDECREF(objects);
    return found;
}

/* ---- the order of time ----------------------------------------------------------------------------------------- */

typedef struct {
    int64_t time, rank;
} Moment;

static int compare_moments(const void *one, const void *other)
{
    const Moment *a = one, *b = other;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

/* Sorts what is nearly in order by moving what is not, and all else by qsort. */
static void sort_moments(Moment *moments, Py_ssize_t count)
{
    Py_ssize_t moves = 0;
    for (Py_ssize_t at = 1; at < count; at++) {
        Moment own = moments[at];
        Py_ssize_t to = at;
        while (to > 0 && compare_moments(&moments[to - 1], &own) > 0) {
            moments[to] = moments[to - 1];
            to--;
            moves++;
        }
        moments[to] = own;
        if (moves > 8 * count) {
            qsort(moments, (size_t)count, sizeof *moments, compare_moments);
            return;
        }
    }
}

/* What was counted, each key taken apart by `size`. */
static PyObject *pairs_of(const Numbers *numbers, uint64_t size)
{
    PyObject *found = PyDict_New();
    for (Py_ssize_t at = 0; found != NULL && at <= numbers->mask; at++) {
        if (!numbers->counts[at])
            continue;
        uint64_t key = numbers->keys[at];
        PyObject *pair = Py_BuildValue("(KK)", (unsigned long long)(key / size), (unsigned long long)(key % size));
        PyObject *count = PyLong_FromLongLong(numbers->counts[at]);
        if (pair == NULL || count == NULL || PyDict_SetItem(found, pair, count) < 0)
            Py_CLEAR(found);
        Py_XDECREF(pair);
        Py_XDECREF(count);
    }
    return found;
}

/* The moments of a list of pairs of buffers (times, numbers), as ranks; NULL with an exception. */
static Moment *read_moments(PyObject *parts, const Py_buffer *ranks, Py_ssize_t *count)
{
    Moment *moments = NULL;
    *count = 0;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(parts); at++) {
        Py_buffer times, numbers;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(parts, at), "y*y*", &times, &numbers))
            goto failed;
        Py_ssize_t size = times.len / 8;
        bool right = times.len == numbers.len;
        Moment *more = right ? PyMem_Realloc(moments, (size_t)(*count + size + 1) * sizeof *more) : NULL;
        if (more != NULL) {
            moments = more;
            for (Py_ssize_t i = 0; right && i < size; i++) {
                int64_t number = ((const int64_t *)numbers.buf)[i];
                right = number >= 0 && number < ranks->len / 8;
                if (right)
                    moments[*count + i] =
                        (Moment){((const int64_t *)times.buf)[i], ((const int64_t *)ranks->buf)[number]};
            }
            *count += size;
        }
        PyBuffer_Release(&times);
        PyBuffer_Release(&numbers);
        if (!right)
            PyErr_SetString(PyExc_ValueError, "times and numbers do not fit each other, or the ranks");
        else if (more == NULL)
            PyErr_NoMemory();
        if (!right || more == NULL)
            goto failed;
    }
    if (moments == NULL && (moments = PyMem_Malloc(1)) == NULL)
        PyErr_NoMemory();
    return moments;
failed:
    PyMem_Free(moments);
    return NULL;
}

/* order(parts, ranks, ends, followed): the counts by rank and window, and by rank and next rank where both are followed,
 * with the first and the last rank.
 */
static PyObject *order(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *parts, *result = NULL;
    Py_buffer ranks, ends, followed;
    if (!PyArg_ParseTuple(arguments, "O!y*y*y*", &PyList_Type, &parts, &ranks, &ends, &followed))
        return NULL;
    Py_ssize_t count, windows = ends.len / 8;
    Numbers among = {NULL, NULL, 0, -1}, pairs = {NULL, NULL, 0, -1};
    Moment *moments = read_moments(parts, &ranks, &count);
    if (moments == NULL)
        goto done;
    for (Py_ssize_t at = 0; at < count; at++)
        if (moments[at].rank < 0 || moments[at].rank >= followed.len) {
            PyErr_SetString(PyExc_ValueError, "a rank is out of range");
            goto done;
        }
    sort_moments(moments, count);
    const int64_t *end = ends.buf;
    const char *flags = followed.buf;
    Py_ssize_t window = 0;
    for (Py_ssize_t at = 0; at < count; at++) {
        uint64_t rank = (uint64_t)moments[at].rank;
        while (window < windows && end[window] <= moments[at].time)
            window++;
        if (!count_number(&among, rank * (uint64_t)(windows + 1) + (uint64_t)window, 1))
            goto done;
        if (at && flags[rank] && flags[moments[at - 1].rank]
            && !count_number(&pairs, (uint64_t)moments[at - 1].rank * (uint64_t)followed.len + rank, 1))
            goto done;
    }
    PyObject *by_window = pairs_of(&among, (uint64_t)(windows + 1));
    PyObject *by_pair = by_window != NULL ? pairs_of(&pairs, (uint64_t)(followed.len ? followed.len : 1)) : NULL;
    if (by_pair == NULL)
        Py_XDECREF(by_window);
    else
        result = Py_BuildValue("(NNLL)", by_window, by_pair, (long long)(count ? moments[0].rank : -1),
                               (long long)(count ? moments[count - 1].rank : -1));
done:
    PyMem_Free(moments);
    clear_numbers(&among);
    clear_numbers(&pairs);
    PyBuffer_Release(&ranks);
    PyBuffer_Release(&ends);
    PyBuffer_Release(&followed);
    return result;
}

/* Whether 64-bit integers never fall. */
static PyObject *ordered(PyObject *Py_UNUSED(module), PyObject *argument)
{
    Py_buffer numbers;
    if (PyObject_GetBuffer(argument, &numbers, PyBUF_SIMPLE) < 0)
        return NULL;
    const int64_t *number = numbers.buf;
    Py_ssize_t count = numbers.len / 8, at = 1;
    while (at < count && number[at - 1] <= number[at])
        at++;
    PyBuffer_Release(&numbers);
    return PyBool_FromLong(at >= count);
}

static PyMethodDef METHODS[] = {
    {"cut", cut, METH_VARARGS, NULL},
    {"order", order, METH_VARARGS, NULL},
    {"ordered", ordered, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int exec_module(PyObject *module)
{
    make_kinds();
    make_checksums();
    PyObject *type = PyType_FromSpec(&SCANNER);
    if (type == NULL)
        return -1;
    int failed = PyModule_AddObjectRef(module, "Scanner", type);
    Py_DECREF(type);
    return failed;
}

static PyModuleDef_Slot SLOTS[] = {
    {Py_mod_exec, exec_module},
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_scan", "The miner's work for each entry, compiled.", 0, METHODS, SLOTS, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__scan(void)
{
    return PyModuleDef_Init(&MODULE);
}
