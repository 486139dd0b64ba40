/* Bytes, and tables of texts and of numbers, for `_scan.c`. */

/* ---- bytes --------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *at;
    Py_ssize_t size;
} Span;

typedef struct {
    char *at;
    Py_ssize_t size, room;
} Buffer;

/* Makes room for so many more bytes. */
static bool reserve(Buffer *buffer, Py_ssize_t more)
{
    if (buffer->room - buffer->size >= more)
        return true;
    if (more > PY_SSIZE_T_MAX / 4 - buffer->size) {
        PyErr_NoMemory();
        return false;
    }
    Py_ssize_t room = buffer->size + more + buffer->size / 2 + 16;
    char *at = PyMem_Realloc(buffer->at, (size_t)room);
    if (at == NULL) {
        PyErr_NoMemory();
        return false;
    }
    buffer->at = at;
    buffer->room = room;
    return true;
}

static inline bool put(Buffer *buffer, const char *from, Py_ssize_t size)
{
    if (!reserve(buffer, size))
        return false;
    if (size)
        memcpy(buffer->at + buffer->size, from, (size_t)size);
    buffer->size += size;
    return true;
}

static void drop(Buffer *buffer)
{
    PyMem_Free(buffer->at);
    memset(buffer, 0, sizeof *buffer);
}

static PyObject *text_of(const char *at, Py_ssize_t size)
{
    return PyUnicode_DecodeUTF8(at, size, "surrogatepass");
}

/* ---- hashes -------------------------------------------------------------------------------------------------- */

#define TURN(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define ROUND                                                                                                             \
    do {                                                                                                                  \
        v0 += v1, v1 = TURN(v1, 13), v1 ^= v0, v0 = TURN(v0, 32);                                                         \
        v2 += v3, v3 = TURN(v3, 16), v3 ^= v2;                                                                            \
        v0 += v3, v3 = TURN(v3, 21), v3 ^= v0;                                                                            \
        v2 += v1, v1 = TURN(v1, 17), v1 ^= v2, v2 = TURN(v2, 32);                                                         \
    } while (0)

/* SipHash-1-3 (J.-P. Aumasson and D. J. Bernstein). The order of an integer's bytes does not matter here. */
static uint64_t hash_of(const uint64_t seed[2], const char *at, Py_ssize_t size)
{
    uint64_t v0 = seed[0] ^ 0x736f6d6570736575u, v1 = seed[1] ^ 0x646f72616e646f6du;
    uint64_t v2 = seed[0] ^ 0x6c7967656e657261u, v3 = seed[1] ^ 0x7465646279746573u;
    uint64_t last = (uint64_t)size << 56, part;
    for (; size >= 8; at += 8, size -= 8) {
        memcpy(&part, at, 8);
        v3 ^= part;
        ROUND;
        v0 ^= part;
    }
    for (Py_ssize_t i = 0; i < size; i++)
        last |= (uint64_t)(unsigned char)at[i] << (8 * i);
    v3 ^= last;
    ROUND;
    v0 ^= last;
    v2 ^= 0xff;
    ROUND;
    ROUND;
    ROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}

/* CRC-32, as `zlib.crc32`: it orders lines, and is no protection against whoever writes the messages. */
static uint32_t CHECKSUMS[256];

static void make_checksums(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++)
            sum = sum & 1 ? 0xEDB88320u ^ sum >> 1 : sum >> 1;
        CHECKSUMS[byte] = sum;
    }
}

static uint32_t checksum(const char *at, Py_ssize_t size)
{
    uint32_t sum = 0xFFFFFFFFu;
    for (const char *end = at + size; at < end; at++)
        sum = CHECKSUMS[(sum ^ (unsigned char)*at) & 0xFF] ^ sum >> 8;
    return ~sum;
}

/* Texts, each with a number: for keys the number of their plan, for values how often they came. */
typedef struct {
    uint64_t hash;
    Py_ssize_t offset, size;
    int64_t number;
} Text;

typedef struct {
    Buffer bytes;
    Text *texts;
    Py_ssize_t count, room; /* of texts */
    int32_t *slots;         /* the number of a text and one; 0: free */
    Py_ssize_t mask;        /* the number of slots less one; -1: there are none yet */
} Texts;

static void clear_texts(Texts *texts)
{
    drop(&texts->bytes);
    PyMem_Free(texts->texts);
    PyMem_Free(texts->slots);
    memset(texts, 0, sizeof *texts);
    texts->mask = -1;
}

static bool grow_texts(Texts *texts)
{
    if (texts->count == texts->room) {
        Py_ssize_t room = texts->room ? texts->room * 2 : 4;
        Text *more = room > INT32_MAX / 2 ? NULL : PyMem_Realloc(texts->texts, (size_t)room * sizeof *more);
        if (more == NULL) {
            PyErr_NoMemory();
            return false;
        }
        texts->texts = more;
        texts->room = room;
    }
    if (2 * (texts->count + 1) > texts->mask + 1) {
        Py_ssize_t slots = texts->mask < 0 ? 8 : 2 * (texts->mask + 1);
        int32_t *more = PyMem_Calloc((size_t)slots, sizeof *more);
        if (more == NULL) {
            PyErr_NoMemory();
            return false;
        }
        for (Py_ssize_t at = 0; at < texts->count; at++) {
            Py_ssize_t slot = (Py_ssize_t)(texts->texts[at].hash & (uint64_t)(slots - 1));
            while (more[slot])
                slot = (slot + 1) & (slots - 1);
            more[slot] = (int32_t)(at + 1);
        }
        PyMem_Free(texts->slots);
        texts->slots = more;
        texts->mask = slots - 1;
    }
    return true;
}

static inline bool same(const char *one, const char *other, Py_ssize_t size)
{
    return size == 0 || memcmp(one, other, (size_t)size) == 0;
}

/* The text, NULL if it is not there. */
static inline Text *find_text(const Texts *texts, uint64_t hash, const char *at, Py_ssize_t size)
{
    if (texts->mask < 0)
        return NULL;
    Py_ssize_t slot = (Py_ssize_t)(hash & (uint64_t)texts->mask);
    for (; texts->slots[slot]; slot = (slot + 1) & texts->mask) {
        Text *text = &texts->texts[texts->slots[slot] - 1];
        if (text->hash == hash && text->size == size && same(texts->bytes.at + text->offset, at, size))
            return text;
    }
    return NULL;
}

/* Adds a text that is not there; NULL with an exception. */
static Text *add_text(Texts *texts, uint64_t hash, const char *at, Py_ssize_t size, int64_t number)
{
    if (!grow_texts(texts))
        return NULL;
    Py_ssize_t offset = texts->bytes.size;
    if (!put(&texts->bytes, at, size))
        return NULL;
    Py_ssize_t slot = (Py_ssize_t)(hash & (uint64_t)texts->mask);
    while (texts->slots[slot])
        slot = (slot + 1) & texts->mask;
    texts->texts[texts->count] = (Text){hash, offset, size, number};
    texts->slots[slot] = (int32_t)(++texts->count);
    return &texts->texts[texts->count - 1];
}

/* Whole numbers that are counted. */
typedef struct {
    uint64_t *keys;
    int64_t *counts; /* 0: free */
    Py_ssize_t count, mask;
} Numbers;

static inline Py_ssize_t place_of(const Numbers *numbers, uint64_t key)
{
    Py_ssize_t slot = (Py_ssize_t)((key * 0x9E3779B97F4A7C15u >> 20) & (uint64_t)numbers->mask);
    while (numbers->counts[slot] && numbers->keys[slot] != key)
        slot = (slot + 1) & numbers->mask;
    return slot;
}

static inline int64_t value_at(const Numbers *numbers, uint64_t key)
{
    return numbers->mask < 0 ? 0 : numbers->counts[place_of(numbers, key)];
}

static void clear_numbers(Numbers *numbers)
{
    PyMem_Free(numbers->keys);
    PyMem_Free(numbers->counts);
    memset(numbers, 0, sizeof *numbers);
    numbers->mask = -1;
}

static bool count_number(Numbers *numbers, uint64_t key, int64_t times)
{
    if (2 * (numbers->count + 1) > numbers->mask + 1) {
        Numbers more = {NULL, NULL, numbers->count, numbers->mask < 0 ? 15 : 2 * (numbers->mask + 1) - 1};
        more.keys = PyMem_Calloc((size_t)more.mask + 1, sizeof *more.keys);
        more.counts = PyMem_Calloc((size_t)more.mask + 1, sizeof *more.counts);
        if (more.keys == NULL || more.counts == NULL) {
            clear_numbers(&more);
            PyErr_NoMemory();
            return false;
        }
        for (Py_ssize_t slot = 0; slot <= numbers->mask; slot++)
            if (numbers->counts[slot]) {
                Py_ssize_t to = place_of(&more, numbers->keys[slot]);
                more.keys[to] = numbers->keys[slot];
                more.counts[to] = numbers->counts[slot];
            }
        clear_numbers(numbers);
        *numbers = more;
    }
    Py_ssize_t slot = place_of(numbers, key);
    if (!numbers->counts[slot]) {
        numbers->keys[slot] = key;
        numbers->count++;
    }
    numbers->counts[slot] += times;
    return true;
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

/* Of the checksums of a group's lines the least ones, as far as they were seen. */
typedef struct {
    uint32_t *sums; /* some more than are asked for, in no order */
    Py_ssize_t count, room;
    uint32_t bound; /* enough lines have this checksum or a lower one */
} Sample;

typedef struct {
    Numbers groups; /* each with the place of its sample and one */
    Sample *samples;
    Py_ssize_t count, room;
} Samples;

static void clear_samples(Samples *samples)
{
    clear_numbers(&samples->groups);
    for (Py_ssize_t at = 0; at < samples->count; at++)
        PyMem_Free(samples->samples[at].sums);
    PyMem_Free(samples->samples);
}

static int compare_sums(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

/* Room for one more in an array that is full. */
static bool more_room(void **array, Py_ssize_t *room, Py_ssize_t count, size_t each)
{
    if (count < *room)
        return true;
    Py_ssize_t wanted = *room * 2 + 16;
    void *more = PyMem_Realloc(*array, (size_t)wanted * each);
    if (more == NULL) {
        PyErr_NoMemory();
        return false;
    }
    *array = more;
    *room = wanted;
    return true;
}

/* Whether a line with this checksum may be among the first `most` of its group: 1, 0, or -1 with an exception. */
static int sample(Samples *samples, uint64_t group, uint32_t sum, Py_ssize_t most)
{
    int64_t place = value_at(&samples->groups, group);
    if (!place) {
        if (!more_room((void **)&samples->samples, &samples->room, samples->count, sizeof(Sample)))
            return -1;
        samples->samples[samples->count] = (Sample){NULL, 0, 0, UINT32_MAX};
        place = ++samples->count;
        if (!count_number(&samples->groups, group, place))
            return -1;
    }
    Sample *own = &samples->samples[place - 1];
    if (sum > own->bound)
        return 0;
    if (!more_room((void **)&own->sums, &own->room, own->count, sizeof sum))
        return -1;
    own->sums[own->count++] = sum;
    if (own->count < most + most / 2 + 1)
        return 1;
    qsort(own->sums, (size_t)own->count, sizeof sum, compare_sums);
    Py_ssize_t distinct = 0;
    for (Py_ssize_t at = 0; at < own->count; at++)
        if (!at || own->sums[at] != own->sums[at - 1])
            own->sums[distinct++] = own->sums[at];
    own->count = distinct < most ? distinct : most;
    if (own->count == most)
        own->bound = own->sums[most - 1];
    return 1;
}

/* ---- kinds of characters ------------------------------------------------------------------------------------- */

enum { DIGIT = 1, STOP = 2, TRIMMED = 4 };
static unsigned char KINDS[256];

static void make_kinds(void)
{
    for (int digit = '0'; digit <= '9'; digit++)
        KINDS[digit] = DIGIT;
    for (const char *stop = " \t\n\r\f\v\x1c\x1d\x1e\x1f\"'=,;()[]{}<>|"; *stop; stop++)
        KINDS[(unsigned char)*stop] = STOP;
    KINDS['.'] = KINDS[':'] = TRIMMED;
}

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}
