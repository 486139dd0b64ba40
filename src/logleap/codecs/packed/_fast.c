/* Entries whose texts stay where they are, as UTF-8: read from msgpack, and written as Arrow's buffers, NDJSON, CSV.
 *
 * A text is told by its span, one 64-bit number: its first byte's place << 32 | its bytes. NONE is no text. All
 * arrays are of 64-bit numbers in the machine's byte order. See _fast.pyi.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NONE (-1)
#define MOST INT32_MAX /* bytes that hold texts */

static inline const char *start_of(const char *texts, int64_t span) { return texts + (span >> 32); }
static inline Py_ssize_t size_of(int64_t span) { return (Py_ssize_t)(span & 0xFFFFFFFF); }

/* Whether a text of this span is within so many bytes; whoever makes spans by hand must not make us read elsewhere. */
static inline bool is_within(int64_t span, Py_ssize_t bytes)
{
    return span == NONE || (span >= 0 && (span >> 32) + size_of(span) <= bytes);
}

/* ---- msgpack ------------------------------------------------------------------------------------------------- */

typedef struct {
    const unsigned char *start, *at, *end;
} Walk;

static bool big_endian(Walk *walk, int bytes, uint32_t *value)
{
    if (walk->end - walk->at < bytes)
        return false;
    *value = 0;
    for (int i = 0; i < bytes; i++)
        *value = *value << 8 | *walk->at++;
    return true;
}

/* Passes the head of a value: one byte whose `mask` bits are `fixed` and whose others are its size, or one of the
 * marks for sizes of 1, 2 and 4 bytes (0: there is none).
 */
static bool pass_head(Walk *walk, int mask, int fixed, int mark1, int mark2, int mark4, uint32_t *size)
{
    if (walk->at == walk->end)
        return false;
    int mark = *walk->at++;
    if (mask && (mark & mask) == fixed) {
        *size = mark & ~mask;
        return true;
    }
    if (mark1 && mark == mark1)
        return big_endian(walk, 1, size);
    if (mark == mark2)
        return big_endian(walk, 2, size);
    return mark == mark4 && big_endian(walk, 4, size);
}

static inline bool pass_list(Walk *walk, uint32_t *size) { return pass_head(walk, 0xF0, 0x90, 0, 0xDC, 0xDD, size); }

static inline bool pass_text(Walk *walk, int64_t *span)
{
    uint32_t size;
    if (!pass_head(walk, 0xE0, 0xA0, 0xD9, 0xDA, 0xDB, &size) || (size_t)(walk->end - walk->at) < size)
        return false;
    *span = (int64_t)(walk->at - walk->start) << 32 | size;
    walk->at += size;
    return true;
}

/* ---- the time order ------------------------------------------------------------------------------------------ */

typedef struct {
    const char *texts;
    const int64_t *micros, *messages, *contexts;
} Columns;

static int compared(const char *texts, int64_t left, int64_t right)
{
    if (left == NONE || right == NONE)
        return (left != NONE) - (right != NONE);
    Py_ssize_t one = size_of(left), other = size_of(right);
    int sign = memcmp(start_of(texts, left), start_of(texts, right), one < other ? one : other);
    return sign ? sign : (one > other) - (one < other); /* the order of UTF-8 is that of code points */
}

/* Whether `right` may not come before `left`, where it stands behind it. */
static inline bool are_ordered(const Columns *columns, int64_t left, int64_t right)
{
    if (columns->micros[left] != columns->micros[right])
        return columns->micros[left] < columns->micros[right];
    int sign = compared(columns->texts, columns->messages[left], columns->messages[right]);
    if (sign == 0)
        sign = compared(columns->texts, columns->contexts[left], columns->contexts[right]);
    return sign <= 0;
}

/* Sorts the indexes, those of equal entries by themselves; `room` is for as many. */
static void sort(const Columns *columns, int64_t *indexes, int64_t *room, Py_ssize_t count)
{
    if (count < 2)
        return;
    Py_ssize_t half = count / 2;
    sort(columns, indexes, room, half);
    sort(columns, indexes + half, room, count - half);
    if (are_ordered(columns, indexes[half - 1], indexes[half]))
        return;
    memcpy(room, indexes, half * sizeof(int64_t));
    int64_t *left = room, *right = indexes + half, *to = indexes;
    while (left < room + half) {
        if (right < indexes + count && !are_ordered(columns, *left, *right))
            *to++ = *right++;
        else
            *to++ = *left++;
    }
}

static void pick(int64_t *column, const int64_t *indexes, int64_t *room, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++)
        room[i] = column[indexes[i]];
    memcpy(column, room, count * sizeof(int64_t));
}

static int64_t *numbers_of(PyObject *bytes) { return (int64_t *)(void *)PyBytes_AS_STRING(bytes); }

/* ---- unpack -------------------------------------------------------------------------------------------------- */

static bool read_columns(Walk *walk, uint32_t rows, int64_t *messages, int64_t *contexts)
{
    uint32_t found;
    if (!pass_list(walk, &found) || found != rows)
        return false;
    for (uint32_t i = 0; i < rows; i++)
        if (!pass_text(walk, &messages[i]))
            return false;
    if (!pass_list(walk, &found) || found != rows)
        return false;
    for (uint32_t i = 0; i < rows; i++) {
        if (walk->at < walk->end && *walk->at == 0xC0) {
            walk->at++;
            contexts[i] = NONE;
        } else if (!pass_text(walk, &contexts[i])) {
            return false;
        }
    }
    return walk->at == walk->end;
}

static void read_times(const unsigned char *at, int64_t *micros, uint32_t rows)
{
    for (uint32_t i = 0; i < rows; i++, at += 8) {
        uint64_t value = 0;
        for (int byte = 7; byte >= 0; byte--)
            value = value << 8 | at[byte];
        micros[i] = (int64_t)value;
    }
}

/* Puts the entries into the time order; the indexes that they had, or None if they were in it. NULL: no memory. */
static PyObject *put_in_order(const char *texts, int64_t *micros, int64_t *messages, int64_t *contexts, Py_ssize_t rows)
{
    Columns columns = {texts, micros, messages, contexts};
    Py_ssize_t i = 1;
    while (i < rows && are_ordered(&columns, i - 1, i))
        i++;
    if (i >= rows)
        return Py_NewRef(Py_None);
    PyObject *order = PyBytes_FromStringAndSize(NULL, rows * sizeof(int64_t));
    int64_t *room = PyMem_Malloc(rows * sizeof(int64_t));
    if (order == NULL || room == NULL) {
        Py_XDECREF(order);
        PyMem_Free(room);
        return PyErr_NoMemory();
    }
    int64_t *indexes = numbers_of(order);
    for (i = 0; i < rows; i++)
        indexes[i] = i;
    sort(&columns, indexes, room, rows);
    pick(micros, indexes, room, rows);
    pick(messages, indexes, room, rows);
    pick(contexts, indexes, room, rows);
    PyMem_Free(room);
    return order;
}

static PyObject *unpack(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *data;
    int in_order;
    if (!PyArg_ParseTuple(arguments, "Sp", &data, &in_order))
        return NULL;
    const unsigned char *start = (const unsigned char *)PyBytes_AS_STRING(data);
    Py_ssize_t size = PyBytes_GET_SIZE(data);
    Walk walk = {start, start, start + size};
    uint32_t columns, time_bytes;
    if (size > MOST || !pass_list(&walk, &columns) || columns != 3 ||
        !pass_head(&walk, 0, 0, 0xC4, 0xC5, 0xC6, &time_bytes) || time_bytes % 8 ||
        (size_t)(walk.end - walk.at) < time_bytes)
        Py_RETURN_NONE;
    const unsigned char *times = walk.at;
    walk.at += time_bytes;
    PyObject *micros = PyBytes_FromStringAndSize(NULL, time_bytes);
    PyObject *messages = PyBytes_FromStringAndSize(NULL, time_bytes);
    PyObject *contexts = PyBytes_FromStringAndSize(NULL, time_bytes);
    PyObject *found = NULL;
    uint32_t rows = time_bytes / 8;
    if (micros != NULL && messages != NULL && contexts != NULL) {
        read_times(times, numbers_of(micros), rows);
        if (!read_columns(&walk, rows, numbers_of(messages), numbers_of(contexts))) {
            found = Py_NewRef(Py_None);
        } else {
            PyObject *order = Py_None;
            if (in_order)
                order = put_in_order((const char *)start, numbers_of(micros), numbers_of(messages),
                                     numbers_of(contexts), rows);
            else
                Py_INCREF(order);
            if (order != NULL)
                found = Py_BuildValue("(OOON)", micros, messages, contexts, order);
        }
    }
    Py_XDECREF(micros);
    Py_XDECREF(messages);
    Py_XDECREF(contexts);
    return found;
}

/* ---- Arrow --------------------------------------------------------------------------------------------------- */

typedef struct {
    Py_buffer texts, spans;
} Part;

static void release(Part *parts, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        PyBuffer_Release(&parts[i].texts);
        PyBuffer_Release(&parts[i].spans);
    }
    PyMem_Free(parts);
}

/* The parts of a list of (texts, spans), which are as they should be; NULL with an exception, if not. */
static Part *parts_of(PyObject *list, Py_ssize_t *rows, Py_ssize_t *bytes, Py_ssize_t *nulls)
{
    Py_ssize_t count = PyList_GET_SIZE(list);
    Part *parts = PyMem_Calloc(count + 1, sizeof(Part));
    if (parts == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Part *part = &parts[i];
        PyObject *pair = PyList_GET_ITEM(list, i);
        if (!PyTuple_Check(pair) || !PyArg_ParseTuple(pair, "y*y*", &part->texts, &part->spans)) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_TypeError, "a list of (texts, spans)");
            *part = (Part){{0}, {0}};
            release(parts, i);
            return NULL;
        }
        const int64_t *spans = part->spans.buf;
        Py_ssize_t length = part->spans.len / 8;
        for (Py_ssize_t row = 0; row < length; row++) {
            if (!is_within(spans[row], part->texts.len)) {
                PyErr_SetString(PyExc_ValueError, "a span is outside of its texts");
                release(parts, i + 1);
                return NULL;
            }
            if (spans[row] == NONE)
                ++*nulls;
            else
                *bytes += size_of(spans[row]);
        }
        *rows += length;
    }
    return parts;
}

static PyObject *arrow(PyObject *Py_UNUSED(module), PyObject *list)
{
    if (!PyList_Check(list)) {
        PyErr_SetString(PyExc_TypeError, "a list of (texts, spans)");
        return NULL;
    }
    Py_ssize_t rows = 0, bytes = 0, nulls = 0, count = PyList_GET_SIZE(list);
    Part *parts = parts_of(list, &rows, &bytes, &nulls);
    if (parts == NULL)
        return NULL;
    PyObject *offsets = NULL, *texts = NULL, *valid = NULL, *found = NULL;
    if (bytes > MOST) {
        PyErr_SetString(PyExc_OverflowError, "more than 2 GiB of text for one column");
    } else {
        offsets = PyBytes_FromStringAndSize(NULL, (rows + 1) * sizeof(int32_t));
        texts = PyBytes_FromStringAndSize(NULL, bytes);
        valid = nulls ? PyBytes_FromStringAndSize(NULL, (rows + 7) / 8) : Py_NewRef(Py_None);
    }
    if (offsets != NULL && texts != NULL && valid != NULL) {
        int32_t *offset = (int32_t *)(void *)PyBytes_AS_STRING(offsets);
        char *start = PyBytes_AS_STRING(texts), *to = start;
        unsigned char *bits = nulls ? (unsigned char *)PyBytes_AS_STRING(valid) : NULL;
        if (bits)
            memset(bits, 0, (rows + 7) / 8);
        Py_ssize_t row = 0;
        /* The buffers are held, so that they stay where they are. That nobody writes to the spans, which were checked
         * above, is the callers' promise: entries are never changed once they are made. Nobody else has the new ones. */
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < count; i++) {
            const int64_t *span = parts[i].spans.buf, *end = span + parts[i].spans.len / 8;
            for (; span < end; span++, row++) {
                offset[row] = (int32_t)(to - start);
                if (*span == NONE)
                    continue;
                if (bits)
                    bits[row / 8] |= 1 << row % 8;
                memcpy(to, start_of(parts[i].texts.buf, *span), size_of(*span));
                to += size_of(*span);
            }
        }
        offset[rows] = (int32_t)(to - start);
        Py_END_ALLOW_THREADS
        found = Py_BuildValue("(OOOn)", offsets, texts, valid, nulls);
    }
    Py_XDECREF(offsets);
    Py_XDECREF(texts);
    Py_XDECREF(valid);
    release(parts, count);
    return found;
}

/* Whether the columns are as long as each other, and every span is within the texts. */
static bool fit(const Py_buffer *texts, const Py_buffer *micros, const Py_buffer *messages, const Py_buffer *contexts,
                PyObject *batch_ids, PyObject *sequences)
{
    Py_ssize_t rows = micros->len / 8;
    if (messages->len / 8 != rows || contexts->len / 8 != rows || PySequence_Fast_GET_SIZE(batch_ids) != rows ||
        PySequence_Fast_GET_SIZE(sequences) != rows)
        return false;
    const int64_t *message = messages->buf, *context = contexts->buf;
    for (Py_ssize_t i = 0; i < rows; i++)
        if (message[i] == NONE || !is_within(message[i], texts->len) || !is_within(context[i], texts->len))
            return false;
    return true;
}

/* ---- objects ------------------------------------------------------------------------------------------------- */

static PyObject *texts_of(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer texts, spans;
    if (!PyArg_ParseTuple(arguments, "y*y*", &texts, &spans))
        return NULL;
    Py_ssize_t rows = spans.len / 8;
    const int64_t *span = spans.buf;
    PyObject *list = PyList_New(rows);
    for (Py_ssize_t i = 0; list != NULL && i < rows; i++) {
        PyObject *text = NULL;
        if (span[i] == NONE)
            text = Py_NewRef(Py_None);
        else if (is_within(span[i], texts.len))
            text = PyUnicode_DecodeUTF8(start_of(texts.buf, span[i]), size_of(span[i]), NULL);
        else
            PyErr_SetString(PyExc_ValueError, "a span is outside of its texts");
        if (text == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, text);
    }
    PyBuffer_Release(&texts);
    PyBuffer_Release(&spans);
    return list;
}

/* ---- merge --------------------------------------------------------------------------------------------------- */

typedef struct {
    Py_buffer texts, micros, messages, contexts;
    PyObject *batch_ids, *sequences; /* as PySequence_Fast has them */
    Py_ssize_t rows;
} Block;

typedef struct {
    Block *blocks;
    bool failed; /* with an exception */
} Merge;

/* An entry of a block: the block's number << 32 | its row. */
static inline Block *block_of(Merge *merge, int64_t entry) { return &merge->blocks[entry >> 32]; }
static inline Py_ssize_t row_of(int64_t entry) { return (Py_ssize_t)(entry & 0xFFFFFFFF); }
static inline int64_t number_in(const Py_buffer *column, Py_ssize_t row) { return ((const int64_t *)column->buf)[row]; }

static int compared_across(const Block *one, int64_t left, const Block *other, int64_t right)
{
    if (left == NONE || right == NONE)
        return (left != NONE) - (right != NONE);
    Py_ssize_t size = size_of(left), other_size = size_of(right);
    int sign = memcmp(start_of(one->texts.buf, left), start_of(other->texts.buf, right), size < other_size ? size : other_size);
    return sign ? sign : (size > other_size) - (size < other_size);
}

/* The time order in full. 0: they are the same entry. */
static int compared_entries(Merge *merge, int64_t left, int64_t right)
{
    Block *one = block_of(merge, left), *other = block_of(merge, right);
    Py_ssize_t i = row_of(left), j = row_of(right);
    int64_t earlier = number_in(&one->micros, i), later = number_in(&other->micros, j);
    if (earlier != later)
        return earlier < later ? -1 : 1;
    int sign = compared_across(one, number_in(&one->messages, i), other, number_in(&other->messages, j));
    if (sign == 0)
        sign = compared_across(one, number_in(&one->contexts, i), other, number_in(&other->contexts, j));
    if (sign == 0 && !merge->failed) {
        sign = PyUnicode_Compare(PySequence_Fast_GET_ITEM(one->batch_ids, i), PySequence_Fast_GET_ITEM(other->batch_ids, j));
        if (sign == 0) {
            long long first = PyLong_AsLongLong(PySequence_Fast_GET_ITEM(one->sequences, i));
            long long second = PyLong_AsLongLong(PySequence_Fast_GET_ITEM(other->sequences, j));
            sign = (first > second) - (first < second);
        }
        merge->failed = PyErr_Occurred() != NULL;
    }
    return sign;
}

/* Merges the entries of the blocks `first` to before `end`, which lie one behind the other; how many are left. */
static Py_ssize_t merge_blocks(Merge *merge, int64_t *entries, int64_t *room, Py_ssize_t first, Py_ssize_t end)
{
    if (end - first == 1) {
        Py_ssize_t rows = merge->blocks[first].rows;
        for (Py_ssize_t row = 0; row < rows; row++)
            entries[row] = (int64_t)first << 32 | row;
        return rows;
    }
    Py_ssize_t middle = first + (end - first) / 2, half = 0;
    for (Py_ssize_t i = first; i < middle; i++)
        half += merge->blocks[i].rows;
    Py_ssize_t left_count = merge_blocks(merge, entries, room, first, middle);
    Py_ssize_t right_count = merge_blocks(merge, entries + half, room, middle, end);
    memcpy(room, entries, left_count * sizeof(int64_t));
    int64_t *left = room, *left_end = room + left_count, *right = entries + half, *right_end = right + right_count;
    int64_t *to = entries;
    while (left < left_end && right < right_end) {
        int sign = compared_entries(merge, *left, *right);
        if (sign == 0)
            right++; /* there twice */
        else
            *to++ = sign < 0 ? *left++ : *right++;
    }
    while (left < left_end)
        *to++ = *left++;
    while (right < right_end)
        *to++ = *right++;
    return to - entries;
}

static void release_blocks(Block *blocks, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        PyBuffer_Release(&blocks[i].texts);
        PyBuffer_Release(&blocks[i].micros);
        PyBuffer_Release(&blocks[i].messages);
        PyBuffer_Release(&blocks[i].contexts);
        Py_XDECREF(blocks[i].batch_ids);
        Py_XDECREF(blocks[i].sequences);
    }
    PyMem_Free(blocks);
}

static bool read_block(Block *block, PyObject *tuple)
{
    PyObject *batch_ids, *sequences;
    if (!PyTuple_Check(tuple)) {
        PyErr_SetString(PyExc_TypeError, "a list of tuples");
        return false;
    }
    if (!PyArg_ParseTuple(tuple, "y*y*y*y*OO", &block->texts, &block->micros, &block->messages, &block->contexts,
                          &batch_ids, &sequences)) {
        *block = (Block){0};
        return false;
    }
    block->rows = block->micros.len / 8;
    if ((block->batch_ids = PySequence_Fast(batch_ids, "batch_ids is no sequence")) == NULL ||
        (block->sequences = PySequence_Fast(sequences, "sequences is no sequence")) == NULL)
        return false;
    if (!fit(&block->texts, &block->micros, &block->messages, &block->contexts, block->batch_ids, block->sequences)) {
        PyErr_SetString(PyExc_ValueError, "columns of one length, and spans within the texts");
        return false;
    }
    for (Py_ssize_t row = 0; row < block->rows; row++)
        if (!PyUnicode_Check(PySequence_Fast_GET_ITEM(block->batch_ids, row)) ||
            !PyLong_Check(PySequence_Fast_GET_ITEM(block->sequences, row))) {
            PyErr_SetString(PyExc_TypeError, "batch ids are str, sequences int");
            return false;
        }
    return true;
}

static int64_t moved(char *texts, int64_t *size, const Block *block, int64_t span)
{
    if (span == NONE)
        return NONE;
    memcpy(texts + *size, start_of(block->texts.buf, span), size_of(span));
    int64_t new = *size << 32 | size_of(span);
    *size += size_of(span);
    return new;
}

/* The columns of these entries, whose texts have so many bytes. */
static PyObject *columns_of(Merge *merge, const int64_t *entries, Py_ssize_t count, Py_ssize_t bytes)
{
    PyObject *columns[5] = {NULL}, *batch_ids = PyList_New(count), *found = NULL;
    columns[0] = PyBytes_FromStringAndSize(NULL, bytes);
    bool made = batch_ids != NULL && columns[0] != NULL;
    for (int i = 1; i < 5; i++)
        made = (columns[i] = PyBytes_FromStringAndSize(NULL, count * 8)) != NULL && made;
    if (made) {
        int64_t size = 0, *micros = numbers_of(columns[1]), *messages = numbers_of(columns[2]);
        int64_t *contexts = numbers_of(columns[3]), *sequences = numbers_of(columns[4]);
        char *texts = PyBytes_AS_STRING(columns[0]);
        for (Py_ssize_t i = 0; i < count; i++) {
            const Block *block = block_of(merge, entries[i]);
            Py_ssize_t row = row_of(entries[i]);
            micros[i] = number_in(&block->micros, row);
            messages[i] = moved(texts, &size, block, number_in(&block->messages, row));
            contexts[i] = moved(texts, &size, block, number_in(&block->contexts, row));
            sequences[i] = PyLong_AsLongLong(PySequence_Fast_GET_ITEM(block->sequences, row));
            PyList_SET_ITEM(batch_ids, i, Py_NewRef(PySequence_Fast_GET_ITEM(block->batch_ids, row)));
        }
        if (!PyErr_Occurred())
            found = Py_BuildValue("(OOOOOO)", columns[0], columns[1], columns[2], columns[3], batch_ids, columns[4]);
    }
    for (int i = 0; i < 5; i++)
        Py_XDECREF(columns[i]);
    Py_XDECREF(batch_ids);
    return found;
}

static PyObject *merge(PyObject *Py_UNUSED(module), PyObject *list)
{
    if (!PyList_Check(list) || PyList_GET_SIZE(list) == 0) {
        PyErr_SetString(PyExc_TypeError, "a list of tuples, at least one");
        return NULL;
    }
    Py_ssize_t count = PyList_GET_SIZE(list), rows = 0, bytes = 0;
    Merge merge = {PyMem_Calloc(count, sizeof(Block)), false};
    if (merge.blocks == NULL)
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++) {
        Block *block = &merge.blocks[i];
        if (!read_block(block, PyList_GET_ITEM(list, i))) {
            release_blocks(merge.blocks, count);
            return NULL;
        }
        rows += block->rows;
        for (Py_ssize_t row = 0; row < block->rows; row++) {
            int64_t context = number_in(&block->contexts, row);
            bytes += size_of(number_in(&block->messages, row)) + (context == NONE ? 0 : size_of(context));
        }
    }
    PyObject *found = NULL;
    int64_t *entries = PyMem_Malloc((2 * rows + 1) * sizeof(int64_t));
    if (bytes > MOST || rows > MOST) {
        found = Py_NewRef(Py_None);
    } else if (entries == NULL) {
        PyErr_NoMemory();
    } else {
        Py_ssize_t left = merge_blocks(&merge, entries, entries + rows, 0, count);
        if (!merge.failed)
            found = columns_of(&merge, entries, left, bytes);
    }
    PyMem_Free(entries);
    release_blocks(merge.blocks, count);
    return found;
}

/* ---- lines --------------------------------------------------------------------------------------------------- */

typedef struct {
    PyObject *bytes; /* NULL: there was no memory */
    char *to, *end;
} Out;

static bool make_room(Out *out, Py_ssize_t more)
{
    if (out->end - out->to >= more)
        return true;
    Py_ssize_t size = out->to - PyBytes_AS_STRING(out->bytes);
    Py_ssize_t room = size + more + size / 2;
    if (_PyBytes_Resize(&out->bytes, room) < 0)
        return false;
    out->to = PyBytes_AS_STRING(out->bytes) + size;
    out->end = PyBytes_AS_STRING(out->bytes) + room;
    return true;
}

static inline void put(Out *out, const char *bytes, Py_ssize_t size)
{
    memcpy(out->to, bytes, size);
    out->to += size;
}

#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

#define EACH (UINT64_MAX / 255)
#define HIGH (EACH * 128)

/* Copies up to the first byte that JSON does not take as it stands; there is room. Where it is, or `end`. */
static inline const char *put_plain(Out *out, const char *at, const char *end)
{
    char *to = out->to;
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, 8);
        uint64_t quote = eight ^ (EACH * '"');
        uint64_t backslash = eight ^ (EACH * '\\');
        if ((((quote - EACH) & ~quote) | ((backslash - EACH) & ~backslash) | ((eight - EACH * 32) & ~eight)) & HIGH)
            break;
        memcpy(to, &eight, 8);
        at += 8;
        to += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 32)
        *to++ = *at++;
    out->to = to;
    return at;
}

/* Writes a text as a JSON string, as msgspec does. */
static bool put_json(Out *out, const char *at, Py_ssize_t size)
{
    const char *end = at + size;
    if (!make_room(out, size + 2))
        return false;
    *out->to++ = '"';
    while ((at = put_plain(out, at, end)) < end) {
        if (!make_room(out, end - at + 7))
            return false;
        unsigned char c = (unsigned char)*at++;
        *out->to++ = '\\';
        switch (c) {
        case '"': case '\\': *out->to++ = (char)c; break;
        case '\n': *out->to++ = 'n'; break;
        case '\t': *out->to++ = 't'; break;
        case '\r': *out->to++ = 'r'; break;
        case '\b': *out->to++ = 'b'; break;
        case '\f': *out->to++ = 'f'; break;
        default:
            PUT(out, "u00");
            *out->to++ = "0123456789abcdef"[c >> 4];
            *out->to++ = "0123456789abcdef"[c & 15];
        }
    }
    *out->to++ = '"';
    return true;
}

/* Writes a text as a quoted field of CSV: RFC 4180. */
static bool put_quoted(Out *out, const char *at, Py_ssize_t size)
{
    if (!make_room(out, 2 * size + 2))
        return false;
    const char *end = at + size;
    *out->to++ = '"';
    while (at < end) {
        const char *quote = memchr(at, '"', end - at);
        if (quote == NULL) {
            put(out, at, end - at);
            break;
        }
        put(out, at, quote + 1 - at);
        *out->to++ = '"';
        at = quote + 1;
    }
    *out->to++ = '"';
    return true;
}

#define TIME_SIZE 27 /* 2026-03-02T05:00:00.123000Z */

static void put_digits(char *to, int64_t value, int digits)
{
    while (digits--) {
        to[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

typedef struct {
    int64_t second;
    char text[20]; /* as far as the second */
} Second;

/* The date of a day since 1970: https://howardhinnant.github.io/date_algorithms.html#civil_from_days */
static void put_date(char *to, int64_t day)
{
    day += 719468;
    int64_t era = (day >= 0 ? day : day - 146096) / 146097;
    int64_t of_era = day - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * of_year + 2) / 153; /* months since March */
    int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    put_digits(to, year_of_era + era * 400 + (month <= 2), 4);
    to[4] = '-';
    put_digits(to + 5, month, 2);
    to[7] = '-';
    put_digits(to + 8, of_year - (153 * shifted + 2) / 5 + 1, 2);
}

static void put_time(Out *out, Second *last, int64_t micros)
{
    int64_t second = micros / 1000000, fraction = micros % 1000000;
    if (fraction < 0) {
        fraction += 1000000;
        second--;
    }
    if (second != last->second) {
        int64_t day = second / 86400, of_day = second % 86400;
        if (of_day < 0) {
            of_day += 86400;
            day--;
        }
        last->second = second;
        put_date(last->text, day);
        last->text[10] = 'T';
        put_digits(last->text + 11, of_day / 3600, 2);
        last->text[13] = ':';
        put_digits(last->text + 14, of_day / 60 % 60, 2);
        last->text[16] = ':';
        put_digits(last->text + 17, of_day % 60, 2);
        last->text[19] = '.';
    }
    put(out, last->text, 20);
    put_digits(out->to, fraction, 6);
    out->to[6] = 'Z';
    out->to += 7;
}

static void put_number(Out *out, long long value)
{
    char digits[24];
    int size = PyOS_snprintf(digits, sizeof digits, "%lld", value);
    put(out, digits, size);
}

typedef struct {
    bool json;
    const char *texts;
    Second second;
} Writer;

static bool put_line(Out *out, Writer *writer, int64_t micros, int64_t message, int64_t context, PyObject *batch_id,
                     PyObject *sequence)
{
    Py_ssize_t id_size;
    const char *id = PyUnicode_AsUTF8AndSize(batch_id, &id_size);
    long long number = PyLong_AsLongLong(sequence);
    if (id == NULL || (number == -1 && PyErr_Occurred()) || !make_room(out, 200))
        return false;
    const char *text = start_of(writer->texts, message);
    if (writer->json) {
        PUT(out, "{\"timestamp\":\"");
        put_time(out, &writer->second, micros);
        PUT(out, "\",\"message\":");
        if (!put_json(out, text, size_of(message)) || !make_room(out, 200))
            return false;
        PUT(out, ",\"context\":");
        if (context == NONE)
            PUT(out, "null");
        else if (!put_json(out, start_of(writer->texts, context), size_of(context)))
            return false;
        if (!make_room(out, 200))
            return false;
        PUT(out, ",\"batchId\":");
        if (!put_json(out, id, id_size) || !make_room(out, 200))
            return false;
        PUT(out, ",\"sequence\":");
        put_number(out, number);
        PUT(out, "}\n");
        return true;
    }
    put_time(out, &writer->second, micros);
    PUT(out, ",");
    if (!put_quoted(out, text, size_of(message)) || !make_room(out, 200))
        return false;
    PUT(out, ",");
    if (context != NONE && !put_quoted(out, start_of(writer->texts, context), size_of(context)))
        return false;
    if (!make_room(out, id_size + 200))
        return false;
    PUT(out, ",");
    put(out, id, id_size);
    PUT(out, ",");
    put_number(out, number);
    PUT(out, "\r\n");
    return true;
}

static PyObject *lines(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    int json;
    Py_buffer texts, micros, messages, contexts;
    PyObject *ids, *numbers;
    if (!PyArg_ParseTuple(arguments, "py*y*y*y*OO", &json, &texts, &micros, &messages, &contexts, &ids, &numbers))
        return NULL;
    PyObject *batch_ids = PySequence_Fast(ids, "batch_ids is no sequence");
    PyObject *sequences = PySequence_Fast(numbers, "sequences is no sequence");
    Out out = {NULL, NULL, NULL};
    if (batch_ids != NULL && sequences != NULL) {
        if (!fit(&texts, &micros, &messages, &contexts, batch_ids, sequences)) {
            PyErr_SetString(PyExc_ValueError, "columns of one length, and spans within the texts");
        } else {
            Py_ssize_t rows = micros.len / 8, room = texts.len + rows * 170 + 200;
            if ((out.bytes = PyBytes_FromStringAndSize(NULL, room)) != NULL) {
                out.to = PyBytes_AS_STRING(out.bytes);
                out.end = out.to + room;
                Writer writer = {json, texts.buf, {INT64_MIN, ""}};
                const int64_t *time = micros.buf, *message = messages.buf, *context = contexts.buf;
                bool written = true;
                for (Py_ssize_t i = 0; i < rows && written; i++)
                    written = put_line(&out, &writer, time[i], message[i], context[i],
                                       PySequence_Fast_GET_ITEM(batch_ids, i), PySequence_Fast_GET_ITEM(sequences, i));
                if (!written)
                    Py_CLEAR(out.bytes);
                else
                    _PyBytes_Resize(&out.bytes, out.to - PyBytes_AS_STRING(out.bytes));
            }
        }
    }
    Py_XDECREF(batch_ids);
    Py_XDECREF(sequences);
    PyBuffer_Release(&texts);
    PyBuffer_Release(&micros);
    PyBuffer_Release(&messages);
    PyBuffer_Release(&contexts);
    return out.bytes;
}

/* ---- the module ---------------------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"unpack", unpack, METH_VARARGS, "unpack(data, in_order): see _fast.pyi."},
    {"texts", texts_of, METH_VARARGS, "texts(data, spans): see _fast.pyi."},
    {"merge", merge, METH_O, "merge(parts): see _fast.pyi."},
    {"arrow", arrow, METH_O, "arrow(parts): see _fast.pyi."},
    {"lines", lines, METH_VARARGS, "lines(json, texts, micros, messages, contexts, batch_ids, sequences): see _fast.pyi."},
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
